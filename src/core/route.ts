/**
 * Routing: from what a person said to a model, its backend and a reason. Pure;
 * the rules are those of the original skill, a line of test/core/route.test.ts each.
 *
 * Discovery asks the installed CLIs for their models and may take seconds, so
 * the answer can be "undecided": discover, then route again with the lists.
 */

import type { Alias, Config } from "./config.ts";
import {
  claudeFamilyOf,
  isClaudeModel,
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
  /** Names to go on with where this one will not do. */
  fallback: readonly string[];
  answerTimeoutMs: number;
  timeLimitMs: number;
  stallAfterMs: number;
  /** The alias's own check, or null. */
  verify: string | null;
  /** "fallback": what was asked for cannot run here. */
  why: "flag" | "named" | "default" | "fallback";
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
      isSame(routing.route.model, name) &&
      isListed(name, available)
    ) {
      return routing;
    }
  }

  if (config.default === null) return { kind: "no_default", known };
  return resolve(config.default, "default", config, available, known);
}

function lastNamed(prompt: string, known: readonly string[]): string | null {
  let last: { name: string; end: number } | null = null;
  for (const name of known) {
    const at = lastMention(prompt, name);
    const end = at + name.length;
    // Of two that end together (`opus` within `ollama:opus`), the longer was meant.
    const isLater =
      last === null || end > last.end || (end === last.end && name.length > last.name.length);
    if (at !== -1 && isLater) last = { name, end };
  }
  return last?.name ?? null;
}

function isListed(name: string, { discovered, installed }: Available): boolean {
  if (isClaudeModel(name) && installed.includes("claude")) return true;
  return [...(discovered?.values() ?? [])].some((models) =>
    models.some((model) => isSame(model, name)),
  );
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

  const { installed, discovered } = available;
  const route = (model: string, backend: string): Routing => ({
    kind: "routed",
    route: {
      ...plainRoute(model, preferredBackend(model, backend, installed), config),
      why,
      isNew: ownKey(config.models, model) === null,
    },
  });

  // `gpt-5.3` means the configured `gpt-5.3-codex`: a name cut at a word's end.
  const fuller = Object.keys(config.models).find((model) => extendsName(model, name));
  const configuredFuller = fuller === undefined ? null : fromConfig(fuller, config, available);
  if (configuredFuller !== null) return { kind: "routed", route: { ...configuredFuller, why } };

  const backend = installed.find((each) => isSame(each, name));
  if (backend !== undefined) return route(backend, backend);
  if (!isModelName(name)) return unknown(name, known, discovered);
  if (isClaudeModel(name) && installed.includes("claude")) return route(name, "claude");
  if (discovered === null) return { kind: "undecided", name };

  const matchers = [
    (model: string) => isSame(model, name),
    (model: string) => extendsName(model, name),
  ];
  for (const matches of matchers) {
    for (const [lister, models] of discovered) {
      const model = models.find(matches);
      if (model !== undefined) return route(model, lister);
    }
  }
  if (isOpenAiModel(name) && installed.includes("codex")) return route(name, "codex");
  return unknown(name, known, discovered);
}

function unknown(name: string, known: readonly string[], discovered: Discovered | null): Routing {
  const listed = [...(discovered?.values() ?? [])].flat();
  const all = [...new Set([...known, ...listed])];
  return { kind: "unknown", name, suggestion: nearest(name, all), known: all };
}

const isSame = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

const extendsName = (model: string, name: string) =>
  model.length > name.length &&
  model.toLowerCase().startsWith(name.toLowerCase()) &&
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
  if (alias === undefined || followed.some((each) => isSame(each, exact))) {
    const model = ownKey(config.models, exact);
    if (model === null) return null;
    const backend = preferredBackend(model, config.models[model]!.backend, available.installed);
    return { ...plainRoute(model, backend, config), isNew: false };
  }
  if (alias.command !== null) {
    const { command, prompt } = alias;
    const plain = plainRoute(exact, "command", config);
    return { ...dressed(plain, alias), command, alias: exact, promptPrefix: prompt, isNew: false };
  }
  const target = fromConfig(alias.model!, config, available, [...followed, exact]);
  if (target === null) return null;
  const prefixes = [alias.prompt, target.promptPrefix].filter((text) => text !== null);
  return {
    ...dressed(target, alias),
    alias: exact,
    promptPrefix: prefixes.length > 0 ? prefixes.join("\n\n") : null,
  };
}

/** What an alias sets wins over what it leads to. */
const dressed = <T extends Omit<Route, "why" | "isNew">>(target: T, alias: Alias): T => ({
  ...target,
  fallback: alias.fallback ?? target.fallback,
  answerTimeoutMs: alias.answerTimeoutMs ?? target.answerTimeoutMs,
  timeLimitMs: alias.timeLimitMs ?? target.timeLimitMs,
  stallAfterMs: alias.stallAfterMs ?? target.stallAfterMs,
  verify: alias.verify ?? target.verify,
});

/** Names are matched without regard to case, as a person types them. */
function ownKey(record: Record<string, unknown>, name: string): string | null {
  if (Object.hasOwn(record, name)) return name;
  return Object.keys(record).find((key) => isSame(key, name)) ?? null;
}

function plainRoute(model: string, backend: string, config: Config): Omit<Route, "why" | "isNew"> {
  return {
    model,
    backend,
    command: config.backends[backend]?.command ?? null,
    alias: null,
    promptPrefix: null,
    fallback: config.models[model]?.fallback ?? [],
    answerTimeoutMs: config.answerTimeoutMs,
    timeLimitMs: config.timeLimitMs,
    stallAfterMs: config.stallAfterMs,
    verify: null,
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
