import { defineCommand } from "citty";
import { json } from "../cli/arguments.ts";
import { configured, setupText } from "../cli/configured.ts";
import type { Config } from "../core/config.ts";
import { print, printJson, talk } from "../render/write.ts";
import { installedBackends } from "../supervise/discover.ts";
import { setUp } from "../supervise/setup.ts";

const args = {
  refresh: {
    type: "boolean",
    description: "ask the installed CLIs again, and add what is new to the config",
  },
  json,
} as const;

export default defineCommand({
  meta: { name: "models", description: "every model and alias that can be named" },
  args,
  async run({ args: given }) {
    let config = await configured();
    if (given.refresh) {
      const setup = await setUp(async () => null);
      talk.info(setupText(setup));
      config = setup.loaded.config;
    }
    const installed = new Set(installedBackends().map(({ name }) => name));
    if (given.json) return printJson(modelsToJson(config, installed));
    print(modelsText(config, installed));
  },
});

const isThere = (config: Config, backend: string, installed: ReadonlySet<string>) =>
  installed.has(backend) || config.backends[backend]?.command != null;

function modelsText(config: Config, installed: ReadonlySet<string>): string {
  const byBackend = Map.groupBy(Object.entries(config.models), ([, { backend }]) => backend);
  const mark = (name: string) => (name === config.default ? `${name} (default)` : name);
  const lines = [...byBackend].map(([backend, models]) => {
    const missing = isThere(config, backend, installed) ? "" : " (not installed)";
    return `${backend}${missing}: ${models.map(([name]) => mark(name)).join(", ")}`;
  });
  const aliases = Object.entries(config.aliases).map(
    ([name, { model }]) => `${mark(name)} → ${model ?? "a command"}`,
  );
  if (aliases.length > 0) lines.push(`aliases: ${aliases.join(", ")}`);
  return lines.length === 0 ? "no models yet: dispatch setup" : lines.join("\n");
}

function modelsToJson(config: Config, installed: ReadonlySet<string>) {
  return {
    schema: 1,
    default: config.default,
    models: Object.entries(config.models).map(([name, { backend }]) => ({
      name,
      backend,
      installed: isThere(config, backend, installed),
    })),
    aliases: Object.entries(config.aliases).map(([name, { model, prompt }]) => ({
      name,
      model,
      prompt,
    })),
  };
}
