import { defineCommand } from "citty";
import type { Document } from "yaml";
import { isMap } from "yaml";
import { type Config, readConfig } from "../core/config.ts";
import { DispatchError, notFound, refused, usageError } from "../core/error.ts";
import { isModelName } from "../core/model-name.ts";
import { modelsFor } from "../core/new-config.ts";
import { didYouMean } from "../core/text.ts";
import { backendNames } from "../backends/index.ts";
import { json } from "../cli/arguments.ts";
import { configured } from "../cli/configured.ts";
import { print, printJson } from "../render/write.ts";
import {
  addModel,
  editConfig,
  mapAt,
  problemText,
  readConfigSource,
} from "../store/config-file.ts";
import { configPath } from "../store/paths.ts";
import { discover } from "../supervise/discover.ts";
import { migrate } from "../supervise/migrate.ts";

const args = {
  action: {
    type: "positional",
    required: false,
    description:
      "show, path, check, default, migrate, add-model, remove-model, add-alias, remove-alias",
  },
  name: { type: "positional", required: false, description: "a model's or an alias's name" },
  backend: { type: "string", valueHint: "NAME", description: "add-model: who serves it" },
  model: { type: "string", valueHint: "NAME", description: "add-alias: what it stands for" },
  prompt: { type: "string", valueHint: "TEXT", description: "add-alias: put before each prompt" },
  json,
} as const;

interface Given {
  name: string | undefined;
  backend: string | undefined;
  model: string | undefined;
  prompt: string | undefined;
}

const actions: Record<string, (given: Given) => unknown> = {
  show,
  path: () => configPath(),
  check,
  default: setDefault,
  "add-model": addNamedModel,
  "remove-model": removeModel,
  "add-alias": addAlias,
  "remove-alias": removeAlias,
  migrate: () => migrate(),
};

export default defineCommand({
  meta: {
    name: "config",
    description: "show, check and edit the config: show, path, check, default, add-model, …",
  },
  args,
  async run({ args: given }) {
    const [action = "show"] = given._;
    const run = Object.hasOwn(actions, action) ? actions[action]! : undefined;
    if (run === undefined) {
      throw usageError(
        `unknown config action ${action}${didYouMean(action, Object.keys(actions))}`,
        `one of: ${Object.keys(actions).join(", ")}`,
      );
    }
    const said = await run({
      name: given.name,
      backend: given.backend,
      model: given.model,
      prompt: given.prompt,
    });
    if (given.json) printJson({ schema: 1, [action]: said });
    else print(String(said));
  },
});

async function show(): Promise<string> {
  await configured();
  return readConfigSource() ?? "";
}

function check(): string {
  const path = configPath();
  const source = readConfigSource();
  if (source === null)
    throw notFound("no_config", `there is no config at ${path}`, "dispatch setup");
  const { config, problems } = readConfig(source, backendNames);
  const lines = problems.map((problem) => `${problem.severity}: ${problemText(path, problem)}`);
  if (config === null)
    throw new DispatchError(
      "failed",
      "config_invalid",
      lines.join("\n"),
      "mend the file, then run: dispatch config check",
    );
  return [...lines, `${path} can be used`].join("\n");
}

async function setDefault({ name }: Given): Promise<string> {
  const config = await configured();
  if (name === undefined) return config.default ?? "none";
  requireKnown(name, [...Object.keys(config.models), ...Object.keys(config.aliases)]);
  editConfig(backendNames, (document) => document.set("default", name));
  return `default: ${name}`;
}

async function addNamedModel({ name, backend }: Given): Promise<string> {
  const config = await configured();
  const model = requireName(name, "model");
  const serving = backend ?? (await servingBackend(model));
  const known = [...new Set([...backendNames, ...Object.keys(config.backends)])];
  if (!known.includes(serving)) requireKnown(serving, known);
  editConfig(backendNames, (document) => addModel(document, model, serving));
  return `model ${model}: served by ${serving}`;
}

/** Who lists the model now, by the same preference as the first config. */
async function servingBackend(model: string): Promise<string> {
  const serving = modelsFor(await discover()).get(model);
  if (serving !== undefined) return serving;
  throw usageError(
    `no installed CLI lists ${model}`,
    `say who serves it: dispatch config add-model ${model} --backend NAME`,
  );
}

async function removeModel({ name }: Given): Promise<string> {
  const config = await configured();
  return removeUnused(
    config,
    "model",
    requireName(name, "model"),
    Object.keys(config.models),
    "models",
  );
}

async function addAlias({ name, model, prompt }: Given): Promise<string> {
  const config = await configured();
  const alias = requireName(name, "alias");
  if (model === undefined) throw usageError("an alias needs --model NAME");
  requireKnown(model, [...Object.keys(config.models), ...Object.keys(config.aliases)]);
  editConfig(backendNames, (document) =>
    mapAt(document, "aliases").set(
      alias,
      document.createNode({ model, ...(prompt === undefined ? {} : { prompt }) }),
    ),
  );
  return `alias ${alias}: ${model}`;
}

async function removeAlias({ name }: Given): Promise<string> {
  const config = await configured();
  const table = config.format === "agents" ? "agents" : "aliases";
  return removeUnused(
    config,
    "alias",
    requireName(name, "alias"),
    Object.keys(config.aliases),
    table,
  );
}

function removeUnused(
  config: Config,
  what: string,
  name: string,
  known: readonly string[],
  table: string,
): string {
  requireKnown(name, known);
  const users = Object.entries(config.aliases).flatMap(([alias, { model }]) =>
    model === name && alias !== name ? [alias] : [],
  );
  if (config.default === name) users.push("the default");
  if (users.length > 0)
    throw refused("in_use", `${name} is used by ${users.join(", ")}`, "change that first");
  editConfig(backendNames, (document) => removeKey(document, table, name));
  return `removed ${what} ${name}`;
}

function removeKey(document: Document, table: string, key: string): void {
  const map = document.get(table, true);
  if (!isMap(map)) return;
  map.delete(key);
  // An emptied block would be printed as `{}` with its comments behind it.
  if (map.items.length === 0) map.flow = true;
}

function requireName(name: string | undefined, what: string): string {
  if (name === undefined) throw usageError(`missing the ${what}'s name`);
  if (!isModelName(name))
    throw usageError(`not a name: ${JSON.stringify(name)}; expected one without spaces or quotes`);
  return name;
}

function requireKnown(name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  throw notFound(
    "unknown_model",
    `unknown name ${name}${didYouMean(name, known)}`,
    `known: ${known.join(", ")}`,
  );
}
