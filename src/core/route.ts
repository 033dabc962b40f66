/**
 * Routing: from what a person said to a model, its backend and a reason. Pure;
 * the rules are those of the original skill, a line of test/core/route.test.ts each.
 *
 * Discovery asks the installed CLIs for their models and may take seconds, so
 * the answer can be "undecided": discover, then route again with the lists.
 */

import type { Config } from "./config.ts";
import {
  claudeFamilyOf,
  isModelName,
  isOpenAiModel,
  lastMention,
  modelLikeMentions,
} from "./model-name.ts";
import { nearest } from "./text.ts";

/** Model lists by backend, as the CLIs reported them, best backend first. */
export type Discovered = ReadonlyMap<string, readonly string[]>;

export interface Available {
  /** Backends whose CLI is on PATH. */
  installed: readonly string[];
  /** Null while nobody has asked the CLIs. */
  discovered: Discovered | null;
}

export interface Route {
  model: string;
  backend: string;
  /** A command line of the config that replaces the backend's own, or null. */
  command: string | null;
  alias: string | null;
  /** The alias's addition to the prompt, or null. */
  promptPrefix: string | null;
  answerTimeoutMs: number;
  why: "flag" | "named" | "default";
  /** Not in the config yet: to be added to it. */
  isNew: boolean;
}

export type Routing =
  | { kind: "routed"; route: Route }
  | { kind: "undecided"; name: string }
  | { kind: "unknown"; name: string; suggestion: string | null; known: string[] }
  | { kind: "no_default"; known: string[] };

export function route(
  request: { prompt: string; model: string | null },
  config: Config,
  available: Available,
): Routing {
  const known = [...Object.keys(config.aliases), ...Object.keys(config.models)];

  if (request.model !== null) return resolve(request.model, "flag", config, available, known);

  const named = lastNamed(request.prompt, known);
  if (named !== null) return resolve(named, "named", config, available, known);

  for (const { name, directed } of modelLikeMentions(request.prompt)) {
    const routing = resolve(name, "named", config, available, known);
    // A word with a version in it may be the subject of the task: it counts as a
    // model only where it is one to the letter, and is no error where it is not.
    if (directed) return routing;
    if (routing.kind === "undecided") return routing;
    if (
      routing.kind === "routed" &&
      routing.route.model.toLowerCase() === name &&
      isListed(name, available)
    ) {
      return routing;
    }
  }

  if (config.default === null) return { kind: "no_default", known };
  return resolve(config.default, "default", config, available, known);
}

function lastNamed(prompt: string, known: readonly string[]): string | null {
  let last: string | null = null;
  let lastAt = -1;
  for (const name of known) {
    const at = lastMention(prompt, name);
    if (at > lastAt) [last, lastAt] = [name, at];
  }
  return last;
}

function isListed(name: string, { discovered, installed }: Available): boolean {
  if (claudeFamilyOf(name) !== null && installed.includes("claude")) return true;
  return [...(discovered?.values() ?? [])].some((models) => models.includes(name));
}

function resolve(
  name: string,
  why: Route["why"],
  config: Config,
  available: Available,
  known: string[],
): Routing {
  const configured = fromConfig(name, config, available);
  if (configured !== null) return { kind: "routed", route: { ...configured, why } };

  const route = (model: string, backend: string): Routing => ({
    kind: "routed",
    route: {
      ...plainRoute(model, backend, config),
      why,
      isNew: !Object.hasOwn(config.models, model),
    },
  });
  const { installed, discovered } = available;
  const has = (backend: string) => installed.includes(backend);

  // `gpt-5.3` means the configured `gpt-5.3-codex`: a name cut at a word's end.
  const fuller = Object.keys(config.models).find((model) => extendsName(model, name));
  if (fuller !== undefined) {
    const configuredFuller = fromConfig(fuller, config, available);
    if (configuredFuller !== null) return { kind: "routed", route: { ...configuredFuller, why } };
  }
  if (has(name)) return route(name, name);
  if (claudeFamilyOf(name) !== null && has("claude") && isModelName(name))
    return route(name, "claude");
  if (discovered === null) return { kind: "undecided", name };

  const preferred = isOpenAiModel(name) ? "codex" : null;
  const lists = [...discovered].sort(
    ([a], [b]) => Number(b === preferred) - Number(a === preferred),
  );
  for (const matches of [
    (model: string) => model === name,
    (model: string) => extendsName(model, name),
  ]) {
    for (const [backend, models] of lists) {
      const model = models.find(matches);
      if (model !== undefined) return route(model, backend);
    }
  }
  if (preferred !== null && has(preferred) && isModelName(name)) return route(name, preferred);

  const all = [...new Set([...known, ...[...discovered.values()].flat()])];
  return { kind: "unknown", name, suggestion: nearest(name, all), known: all };
}

const extendsName = (model: string, name: string) =>
  model.length > name.length &&
  model.toLowerCase().startsWith(name) &&
  /^[-.:/]/.test(model.slice(name.length));

/** An alias or a model of the config; null when the name is neither. */
function fromConfig(
  name: string,
  config: Config,
  available: Available,
  followed: readonly string[] = [],
): Omit<Route, "why"> | null {
  const exact = ownKey(config.aliases, name) ?? ownKey(config.models, name);
  if (exact === null) return null;
  const alias = config.aliases[exact];
  // An alias may have the name of the model that it dresses.
  if (alias === undefined || followed.includes(exact)) {
    if (!Object.hasOwn(config.models, exact)) return null;
    const backend = preferredBackend(exact, config.models[exact]!.backend, available.installed);
    return { ...plainRoute(exact, backend, config), isNew: false };
  }
  const own = {
    alias: exact,
    promptPrefix: alias.prompt,
    answerTimeoutMs: alias.answerTimeoutMs ?? config.answerTimeoutMs,
  };
  if (alias.command !== null) {
    return {
      ...plainRoute(exact, "command", config),
      ...own,
      command: alias.command,
      isNew: false,
    };
  }
  const target = fromConfig(alias.model!, config, available, [...followed, exact]);
  if (target === null) return null;
  const prefixes = [alias.prompt, target.promptPrefix].filter((text) => text !== null);
  return { ...target, ...own, promptPrefix: prefixes.length > 0 ? prefixes.join("\n\n") : null };
}

/** Names are matched without regard to case, as a person types them. */
function ownKey(record: Record<string, unknown>, name: string): string | null {
  if (Object.hasOwn(record, name)) return name;
  const lower = name.toLowerCase();
  return Object.keys(record).find((key) => key.toLowerCase() === lower) ?? null;
}

function plainRoute(model: string, backend: string, config: Config): Omit<Route, "why" | "isNew"> {
  return {
    model,
    backend,
    command: config.backends[backend]?.command ?? null,
    alias: null,
    promptPrefix: null,
    answerTimeoutMs: config.answerTimeoutMs,
  };
}

/** Claude's models never go through cursor or codex, nor OpenAI's through cursor, where their own CLI is there. */
function preferredBackend(model: string, configured: string, installed: readonly string[]): string {
  if (claudeFamilyOf(model) !== null) {
    const borrowed = configured === "cursor" || configured === "codex";
    return borrowed && installed.includes("claude") ? "claude" : configured;
  }
  if (isOpenAiModel(model) && configured === "cursor" && installed.includes("codex"))
    return "codex";
  return configured;
}
