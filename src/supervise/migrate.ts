/** From the original's older formats to today's: the person's own lines stay wherever they still mean something. */

import type { Document } from "yaml";
import { backendNames, backends } from "../backends/index.ts";
import { retiredFlag, withoutRetired } from "../backends/codex.ts";
import { failed } from "../core/error.ts";
import { modelsFor } from "../core/new-config.ts";
import { addModel, editConfig, loadConfig, mapAt } from "../store/config-file.ts";
import { configPath } from "../store/paths.ts";
import { discover } from "./discover.ts";

/**
 * `agents:` becomes backends and models: an agent that starts a known CLI
 * becomes that backend's command and its models are discovered, any other
 * becomes a backend and a model of its own name. Retired flags are mended.
 *
 * @returns what was changed, a line each
 */
export async function migrate(): Promise<string> {
  const before = loadConfig(backendNames);
  if (before === null)
    throw failed("no_config", `there is no config at ${configPath()}`, "dispatch setup");
  const found = await discover();
  const changes: string[] = [];
  const agents = before.config.format === "agents" ? before.config.aliases : {};
  editConfig(backendNames, (document) => {
    for (const [agent, { command }] of Object.entries(agents)) {
      if (command !== null) changes.push(migrateAgent(document, agent, command));
    }
    if (document.delete("agents")) {
      for (const [model, backend] of modelsFor(found)) {
        if (!mapAt(document, "models").has(model)) addModel(document, model, backend);
      }
    }
    changes.push(...mendRetired(document));
  });
  return changes.length === 0 ? "nothing to migrate" : changes.join("\n");
}

function migrateAgent(document: Document, agent: string, command: string): string {
  const words = command.split(/\s+/).map((word) => word.slice(word.lastIndexOf("/") + 1));
  const backend =
    backends.find(({ binaries }) => binaries.some((binary) => words.includes(binary)))?.name ??
    agent;
  const table = mapAt(document, "backends");
  if (!table.has(backend)) table.set(backend, document.createNode({ command }));
  if (!mapAt(document, "models").has(agent)) addModel(document, agent, backend);
  return `agent ${agent}: now backend ${backend}, and a model that is called ${agent}`;
}

/** Flags that a CLI no longer takes, in commands of the config. */
function mendRetired(document: Document): string[] {
  const path = ["backends", "codex", "command"];
  const command: unknown = document.getIn(path);
  if (typeof command !== "string" || !command.includes(retiredFlag)) return [];
  document.setIn(path, withoutRetired(command));
  return [`backend codex: ${retiredFlag} is now -s workspace-write`];
}
