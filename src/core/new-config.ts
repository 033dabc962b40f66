/** The first config: what was found on this machine, in the original's schema. */

import { claudeFamilyOf, isModelName, isOpenAiModel, providerOf } from "./model-name.ts";

export interface Found {
  backend: string;
  label: string;
  /** What the CLI lists, or what is known of it; empty where it lists none. */
  models: readonly string[];
}

/**
 * Which backend serves which model: Claude's by claude, OpenAI's by codex, each
 * where it was found, all others by the first that lists them. A backend that
 * lists no model gets one under its own name: whatever the CLI's default is.
 */
export function modelsFor(found: readonly Found[]): Map<string, string> {
  const has = (backend: string) => found.some((entry) => entry.backend === backend);
  const models = new Map<string, string>();
  for (const { backend, models: listed } of found) {
    for (const model of listed.length > 0 ? listed : [backend]) {
      if (!isModelName(model) || models.has(model)) continue;
      if (backend !== "claude" && has("claude") && claudeFamilyOf(model) !== null) continue;
      if (backend !== "codex" && has("codex") && isOpenAiModel(model) && !model.includes("/"))
        continue;
      models.set(model, backend);
    }
  }
  return models;
}

/** The best guess for a default: Claude's strongest family, else the first model there is. */
export function guessDefault(models: ReadonlyMap<string, string>): string | null {
  return models.has("opus") ? "opus" : (models.keys().next().value ?? null);
}

// Most names are plain YAML; some (`5.10`, `1e3`, `null`) would be read back as something else.
const asKey = (name: string) =>
  /^[A-Za-z][\w./:@-]*$/.test(name) && !/^(?:null|true|false|yes|no|on|off)$/i.test(name)
    ? name
    : JSON.stringify(name);

export function formatConfig(found: readonly Found[], defaultModel: string): string {
  const models = modelsFor(found);
  const byProvider = Map.groupBy(models.keys(), providerOf);
  const lines = [
    "# dispatch: models and aliases can be named in any prompt",
    `default: ${asKey(defaultModel)} # used when a prompt names none`,
    "",
    "backends:",
    ...found.map(({ backend, label }) => `  ${backend}: {} # ${label}`),
    "",
    "models:",
  ];
  for (const [provider, names] of byProvider) {
    lines.push(
      `  # ${provider}`,
      ...names.map((model) => `  ${asKey(model)}: { backend: ${models.get(model)} }`),
    );
  }
  lines.push(
    "",
    "aliases: {}",
    "# aliases:",
    "#   security-reviewer:",
    `#     model: ${defaultModel}`,
    "#     prompt: You are a security reviewer. Report what can be exploited, with file and line.",
    "",
  );
  return lines.join("\n");
}
