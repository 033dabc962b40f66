/**
 * The config: the original skill's schema, read unchanged, and what was added
 * to it. Reading what a person wrote never throws: `readConfig` returns the
 * problems it found, with line and column.
 *
 *     default: opus
 *     backends: { codex: { command: codex exec … } }
 *     models:   { opus: { backend: claude } }
 *     aliases:  { reviewer: { model: opus, prompt: "You are …" } }
 *
 * or, older:
 *
 *     default: cursor
 *     agents: { cursor: { command: agent -p … } }
 */

import * as v from "valibot";
import { type Document, isMap, isScalar, LineCounter, parseDocument, visit } from "yaml";
import type { Limits } from "./admission.ts";
import { parseDuration } from "./duration.ts";
import { isModelName } from "./model-name.ts";
import type { Retry } from "./task.ts";
import { nearest } from "./text.ts";

export const defaultAnswerTimeoutMs = 3 * 60_000;

export interface Alias {
  /** A model's or another alias's name; null where `command` stands instead. */
  model: string | null;
  /** A whole command line: an agent of the old format. */
  command: string | null;
  prompt: string | null;
  /** Names to go on with where the model will not do; null: those of the model. */
  fallback: string[] | null;
  answerTimeoutMs: number | null;
  timeLimitMs: number | null;
  stallAfterMs: number | null;
  /** The check of its tasks; null: that of the project. */
  verify: string | null;
}

/** How a task's worktree is made, and what becomes of it. */
export interface WorktreeSettings {
  /** Untracked files that it needs, as patterns of a .gitignore. */
  copy: string[];
  /** The user's own shell line, run in it before the first worker; or null. */
  setup: string | null;
  /** It stays when its work has been brought home. */
  keep: boolean;
}

/** What holds for the tasks of one project. */
export interface ProjectSettings {
  worktree: WorktreeSettings;
  /** The user's own shell line, run after each worker; or null. */
  verify: string | null;
}

/** What somebody who is not looking may be told of. */
export const notices = ["question", "outcome", "stall"] as const;

export interface Notify {
  /** The user's own shell line; the event is on its stdin. */
  command: string | null;
  /** Where the event is posted to. */
  url: string | null;
  desktop: boolean;
  on: readonly (typeof notices)[number][];
}

export interface Config {
  format: "models" | "agents";
  default: string | null;
  /** A person at a terminal is asked when no model is named. */
  confirmDefault: boolean;
  backends: Record<string, { command: string | null }>;
  models: Record<string, { backend: string; fallback: string[] }>;
  aliases: Record<string, Alias>;
  answerTimeoutMs: number;
  timeLimitMs: number;
  stallAfterMs: number;
  limits: Limits;
  /** How deep workers may dispatch workers; 0: not at all. */
  depth: number;
  retry: Retry;
  /** Start tasks again whose workers have vanished. */
  resumeLost: boolean;
  notify: Notify;
  /** For every project that has nothing of its own below `projects`. */
  worktree: WorktreeSettings;
  verify: string | null;
  /** How often a worker is told of a check that has failed. */
  verifyRetries: number;
  /** By the project's folder, which may begin with `~/`. */
  projects: Record<string, { worktree: Partial<WorktreeSettings>; verify: string | null }>;
}

export interface ConfigProblem {
  severity: "error" | "warning";
  /** 1-based. */
  line: number;
  column: number;
  message: string;
}

const expectedDuration = "expected a duration like 30s, 3m or 2h";
/** A bare number is seconds. */
function durationMs(value: string | number): number | null {
  if (typeof value === "string") return parseDuration(value);
  return value >= 0 ? value * 1_000 : null;
}
const duration = v.pipe(
  v.union([v.string(), v.number()], expectedDuration),
  v.check((value) => durationMs(value) !== null, expectedDuration),
  v.transform((value) => durationMs(value)!),
);
const someTime = v.pipe(
  duration,
  v.check((ms) => Number.isFinite(ms), expectedDuration),
);
const text = v.pipe(
  v.string("expected text"),
  v.check((value) => value.trim() !== "", "expected text"),
  v.trim(),
);
const expectedName = "expected a name without spaces or quotes";
const name = v.pipe(
  v.union([v.string(), v.number()], "expected a name"),
  v.transform(String),
  v.check(isModelName, expectedName),
);
/** A mapping whose values may be left out, as in `claude:` with nothing behind it. */
const mapping = <T extends v.ObjectEntries>(entries: T) =>
  v.nullish(v.object(entries, "expected a mapping (key: value)"), {} as never);
const record = <T extends v.GenericSchema>(value: T) =>
  v.nullish(
    v.record(
      v.pipe(v.string(), v.check(isModelName, expectedName)),
      value,
      "expected a mapping (name: …)",
    ),
    {} as never,
  );

const wholeNumber = (least: number) =>
  v.pipe(
    v.number("expected a whole number"),
    v.integer("expected a whole number"),
    v.minValue(least, `expected ${least} or more`),
  );
const count = [
  v.pipe(
    v.literal("none"),
    v.transform(() => Infinity),
  ),
  wholeNumber(1),
] as const;
const names = v.array(name, "expected a list of names");
const truth = v.boolean("expected true or false");

const worktreeEntries = {
  copy: v.nullish(v.array(text, "expected a list of patterns, as in .gitignore")),
  setup: v.nullish(text),
  keep: v.nullish(truth),
};
const projectEntries = { worktree: mapping(worktreeEntries), verify: v.nullish(text) };
const backendEntries = { command: v.nullish(text) };
const modelEntries = {
  backend: v.pipe(v.string("expected 'backend: NAME'"), v.trim()),
  fallback: v.nullish(names),
};
const aliasEntries = {
  model: v.nullish(name),
  prompt: v.nullish(v.string("expected text")),
  fallback: v.nullish(names),
  answer_timeout: v.nullish(duration),
  time_limit: v.nullish(duration),
  stall_after: v.nullish(duration),
  verify: v.nullish(text),
};
const agentEntries = { command: text };
const limitEntries = {
  parallel: v.nullish(v.union([v.literal("auto"), ...count], "expected auto, none or a number")),
  per_project: v.nullish(v.union(count, "expected a number or none")),
  per_backend: record(wholeNumber(1)),
  stagger: v.nullish(duration),
  depth: v.nullish(wholeNumber(0)),
  time_limit: v.nullish(duration),
  stall_after: v.nullish(duration),
};
const retryEntries = {
  attempts: v.nullish(wholeNumber(0)),
  first: v.nullish(someTime),
  longest: v.nullish(someTime),
  on_verify: v.nullish(wholeNumber(0)),
};
const notifyEntries = {
  command: v.nullish(text),
  url: v.nullish(v.pipe(v.string("expected a URL"), v.url("expected a URL"))),
  desktop: v.nullish(truth),
  on: v.nullish(v.array(v.picklist(notices, `expected ${notices.join(", ")}`), "expected a list")),
};
const topEntries = {
  default: v.nullish(name),
  confirm_default: v.nullish(truth),
  backends: record(mapping(backendEntries)),
  models: record(v.object(modelEntries, "expected { backend: NAME }")),
  aliases: record(v.object(aliasEntries, "expected { model: NAME }")),
  agents: v.optional(record(v.object(agentEntries, "expected { command: … }"))),
  answer_timeout: v.nullish(duration),
  limits: mapping(limitEntries),
  retry: mapping(retryEntries),
  resume_lost: v.nullish(truth),
  notify: mapping(notifyEntries),
  worktree: mapping(worktreeEntries),
  verify: v.nullish(text),
  projects: v.nullish(
    v.record(
      v.pipe(v.string(), v.regex(/^~?\//, "expected a folder: ~/… or /…")),
      mapping(projectEntries),
      "expected a mapping (folder: …)",
    ),
    {} as never,
  ),
};
const schema = v.object(
  topEntries,
  "expected a mapping with the keys default, backends, models, aliases",
);

/** Which keys may stand where, for telling a misspelt one. `*` is any name. */
const knownKeys: readonly [path: string[], entries: object][] = [
  [[], topEntries],
  [["backends", "*"], backendEntries],
  [["models", "*"], modelEntries],
  [["aliases", "*"], aliasEntries],
  [["agents", "*"], agentEntries],
  [["limits"], limitEntries],
  [["retry"], retryEntries],
  [["notify"], notifyEntries],
  [["worktree"], worktreeEntries],
  [["projects", "*"], projectEntries],
  [["projects", "*", "worktree"], worktreeEntries],
];

/** The config, null when an error keeps it from being used, and all problems by position. */
export function readConfig(
  source: string,
  knownBackends: readonly string[],
): { config: Config | null; problems: ConfigProblem[] } {
  // What its reader has to say besides goes past our own streams: "error" silences that.
  const document = parseDocument(source, { prettyErrors: false, logLevel: "error" });
  // Filled here: the reader passes over line ends within what it did not expect.
  const lineCounter = new LineCounter();
  lineCounter.addNewLine(0);
  for (const { index } of source.matchAll(/\n/g)) lineCounter.addNewLine(index + 1);
  const problems: ConfigProblem[] = [];
  const report = (severity: ConfigProblem["severity"], offset: number, message: string) => {
    const { line, col } = lineCounter.linePos(offset);
    problems.push({ severity, line: Math.max(1, line), column: Math.max(1, col), message });
  };

  for (const error of document.errors)
    report("error", error.pos[0], yamlMessage(error.code, error.message));
  if (problems.length > 0) return { config: null, problems: inOrder(problems) };

  const at = (path: readonly PropertyKey[]) => offsetOf(document, path, "value");
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    // An alias (*name) to no anchor, or to too many.
    report(
      "error",
      firstAlias(document),
      error instanceof Error ? lowerFirst(error.message) : "cannot be read",
    );
  }
  for (const path of lists(value)) report("error", at(path), "expected a mapping, found a list");
  for (const path of droppedNames(value))
    report("error", offsetOf(document, path, "key"), `${expectedName}, found "${path.at(-1)}"`);
  if (problems.length > 0) return { config: null, problems: inOrder(problems) };

  const parsed = v.safeParse(schema, value);
  for (const issue of parsed.issues ?? []) {
    const path = (issue.path ?? []).map((step) => step.key as PropertyKey);
    const missing = issue.received === "undefined" ? `${path.join(".")}: ` : "";
    report("error", at(path), `${missing}${plainMessage(issue.message)}${seen(issue)}`);
  }
  for (const { path, key, known } of unknownKeys(value)) {
    const suggestion = nearest(key, known);
    const hint =
      suggestion === null ? `expected ${known.join(", ")}` : `did you mean ${suggestion}?`;
    report("warning", offsetOf(document, [...path, key], "key"), `unknown key ${key}; ${hint}`);
  }
  if (!parsed.success) return { config: null, problems: inOrder(problems) };

  const config = fromSchema(parsed.output);
  for (const { path, message } of brokenReferences(config, knownBackends))
    report("error", at(path), message);
  const usable = problems.every((problem) => problem.severity === "warning");
  return { config: usable ? config : null, problems: inOrder(problems) };
}

function fromSchema(output: v.InferOutput<typeof schema>): Config {
  const { limits, retry, notify, worktree } = output;
  const aliases: Record<string, Alias> = {};
  for (const [alias, said] of Object.entries(output.aliases)) {
    aliases[alias] = {
      ...plainAlias,
      model: said.model ?? null,
      prompt: said.prompt ?? null,
      fallback: said.fallback ?? null,
      answerTimeoutMs: said.answer_timeout ?? null,
      timeLimitMs: said.time_limit ?? null,
      stallAfterMs: said.stall_after ?? null,
      verify: said.verify ?? null,
    };
  }
  for (const [agent, { command }] of Object.entries(output.agents ?? {}))
    aliases[agent] ??= { ...plainAlias, command };
  const backends: Config["backends"] = {};
  for (const [backend, settings] of Object.entries(output.backends))
    backends[backend] = { command: settings.command ?? null };
  const models: Config["models"] = {};
  for (const [model, { backend, fallback }] of Object.entries(output.models))
    models[model] = { backend, fallback: fallback ?? [] };
  const projects: Config["projects"] = {};
  for (const [folder, said] of Object.entries(output.projects))
    projects[folder] = { worktree: withoutNulls(said.worktree), verify: said.verify ?? null };
  return {
    format: output.agents === undefined ? "models" : "agents",
    default: output.default ?? null,
    confirmDefault: output.confirm_default ?? true,
    backends,
    models,
    aliases,
    answerTimeoutMs: output.answer_timeout ?? defaultAnswerTimeoutMs,
    timeLimitMs: limits.time_limit ?? Infinity,
    stallAfterMs: limits.stall_after ?? 15 * 60_000,
    limits: {
      parallel: limits.parallel ?? "auto",
      perProject: limits.per_project ?? Infinity,
      perBackend: limits.per_backend ?? {},
      // "none" is no time at all between two.
      staggerMs: limits.stagger === Infinity ? 0 : (limits.stagger ?? 2_000),
    },
    depth: limits.depth ?? 0,
    retry: {
      attempts: retry.attempts ?? 5,
      firstMs: retry.first ?? 5_000,
      longestMs: retry.longest ?? 600_000,
    },
    resumeLost: output.resume_lost ?? false,
    notify: {
      command: notify.command ?? null,
      url: notify.url ?? null,
      desktop: notify.desktop ?? false,
      on: notify.on ?? notices,
    },
    worktree: { copy: [], setup: null, keep: false, ...withoutNulls(worktree) },
    verify: output.verify ?? null,
    verifyRetries: retry.on_verify ?? 0,
    projects,
  };
}

/** What was not said is not there. */
const withoutNulls = <T extends object>(said: T) =>
  Object.fromEntries(
    Object.entries(said).filter(([, value]) => value !== null && value !== undefined),
  ) as { [K in keyof T]?: NonNullable<T[K]> };

/** @param home what `~` stands for */
export function settingsFor(config: Config, folder: string, home: string): ProjectSettings {
  const own = Object.entries(config.projects).find(
    ([name]) => name.replace(/^~(?=\/)/, home).replace(/(?<=.)\/+$/, "") === folder,
  )?.[1];
  return {
    worktree: { ...config.worktree, ...own?.worktree },
    verify: own?.verify ?? config.verify,
  };
}

const plainAlias: Alias = {
  model: null,
  command: null,
  prompt: null,
  fallback: null,
  answerTimeoutMs: null,
  timeLimitMs: null,
  stallAfterMs: null,
  verify: null,
};

/** Names that lead nowhere: the default, a model's backend, an alias's model, a loop of aliases. */
function* brokenReferences(
  config: Config,
  knownBackends: readonly string[],
): Generator<{ path: string[]; message: string }> {
  const { models, aliases, backends } = config;
  const didYouMean = (typed: string, known: string[]) => {
    const suggestion = nearest(typed, known);
    return suggestion === null
      ? `expected one of: ${known.join(", ") || "none yet"}`
      : `did you mean ${suggestion}?`;
  };

  const backendNames = [...new Set([...Object.keys(backends), ...knownBackends])];
  for (const [model, { backend }] of Object.entries(models)) {
    if (!backendNames.includes(backend)) {
      yield {
        path: ["models", model, "backend"],
        message: `model ${model} names backend ${backend}, which is not there; ${didYouMean(backend, backendNames)}`,
      };
    }
  }
  for (const backend of Object.keys(config.limits.perBackend)) {
    if (!backendNames.includes(backend)) {
      yield {
        path: ["limits", "per_backend", backend],
        message: `limits.per_backend names backend ${backend}, which is not there; ${didYouMean(backend, backendNames)}`,
      };
    }
  }
  for (const backend of Object.keys(backends)) {
    if (!knownBackends.includes(backend) && backends[backend]!.command === null) {
      yield {
        path: ["backends", backend],
        message: `backend ${backend} is not built in, so it needs a command; ${didYouMean(backend, [...knownBackends])}`,
      };
    }
  }
  const names = [...Object.keys(aliases), ...Object.keys(models)];
  for (const [alias, { model, command }] of Object.entries(aliases)) {
    if (command !== null) continue;
    if (model === null) {
      yield { path: ["aliases", alias], message: `alias ${alias} needs a model: NAME` };
    } else if (!names.includes(model)) {
      yield {
        path: ["aliases", alias, "model"],
        message: `alias ${alias} names model ${model}, which is not there; ${didYouMean(model, names)}`,
      };
    } else {
      const loop = loopFrom(alias, config);
      if (loop !== null) {
        yield {
          path: ["aliases", alias, "model"],
          message: `aliases run in a loop: ${loop.join(" → ")}`,
        };
      }
    }
  }
  const chains = [
    ...Object.entries(models).map(([model, { fallback }]) => ["models", model, fallback] as const),
    ...Object.entries(aliases).map(([alias, each]) => ["aliases", alias, each.fallback] as const),
  ];
  for (const [kind, owner, fallback] of chains) {
    for (const next of fallback ?? []) {
      if (names.some((known) => known.toLowerCase() === next.toLowerCase())) continue;
      yield {
        path: [kind, owner, "fallback"],
        message: `the fallback of ${owner} names ${next}, which is not there; ${didYouMean(next, names)}`,
      };
    }
  }
  if (
    config.default !== null &&
    !names.some((known) => known.toLowerCase() === config.default!.toLowerCase())
  ) {
    yield {
      path: ["default"],
      message: `default names ${config.default}, which is not there; ${didYouMean(config.default, names)}`,
    };
  }
}

function loopFrom(alias: string, { aliases, models }: Config): string[] | null {
  const chain = [alias];
  for (
    let next = aliases[alias]?.model;
    next !== null && next !== undefined;
    next = aliases[next]?.model
  ) {
    if (chain.includes(next)) return Object.hasOwn(models, next) ? null : [...chain, next];
    chain.push(next);
  }
  return null;
}

/** Places that hold a list where a mapping belongs; a mapping's reader would take it for an empty one. */
function* lists(value: unknown): Generator<string[]> {
  const places = knownKeys.flatMap(([pattern]) =>
    pattern.at(-1) === "*" ? [pattern.slice(0, -1), pattern] : [pattern],
  );
  places.push(["limits", "per_backend"]);
  for (const pattern of places) {
    for (const path of expand(value, pattern)) if (Array.isArray(valueAt(value, path))) yield path;
  }
}

/** Names that the schema's records leave out without a word. */
function* droppedNames(value: unknown): Generator<string[]> {
  const named = knownKeys.map(([pattern]) => pattern).filter((pattern) => pattern.at(-1) === "*");
  for (const pattern of [...named, ["limits", "per_backend", "*"]]) {
    for (const path of expand(value, pattern))
      if (["__proto__", "constructor", "prototype"].includes(path.at(-1)!)) yield path;
  }
}

function firstAlias(document: Document): number {
  let offset = 0;
  visit(document, {
    Alias: (_key, node) => {
      offset = node.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}

function* unknownKeys(value: unknown): Generator<{ path: string[]; key: string; known: string[] }> {
  for (const [pattern, entries] of knownKeys) {
    const known = Object.keys(entries);
    for (const path of expand(value, pattern)) {
      for (const key of keysAt(value, path)) if (!known.includes(key)) yield { path, key, known };
    }
  }
}

function expand(value: unknown, pattern: readonly string[]): string[][] {
  let paths: string[][] = [[]];
  for (const step of pattern) {
    paths = paths.flatMap((path) =>
      (step === "*" ? keysAt(value, path) : [step]).map((key) => [...path, key]),
    );
  }
  return paths;
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const valueAt = (value: unknown, path: readonly string[]) =>
  path.reduce<unknown>(
    (inner, key) => (isMapping(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined),
    value,
  );

function keysAt(value: unknown, path: readonly string[]): string[] {
  const mapping = valueAt(value, path);
  return isMapping(mapping) ? Object.keys(mapping) : [];
}

/** Where a path's key or value (or, for an absent one, the nearest thing above it) stands in the source. */
function offsetOf(document: Document, path: readonly PropertyKey[], part: "key" | "value"): number {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    if (!isMap(parent)) continue;
    const wanted = String(path[depth - 1]);
    const pair = parent.items.find(
      (item) => isScalar(item.key) && String(item.key.value) === wanted,
    );
    if (!pair) continue;
    // A value that was left out has no place of its own.
    const isWritten =
      isScalar(pair.value) &&
      pair.value.type !== undefined &&
      pair.value.range?.[0] !== pair.value.range?.[1];
    const node = part === "value" && isWritten ? pair.value : pair.key;
    return (node as { range?: [number, number, number] | null }).range?.[0] ?? 0;
  }
  return 0;
}

function yamlMessage(code: string, message: string): string {
  if (code === "DUPLICATE_KEY") return "this key stands twice; expected each key once";
  return lowerFirst(message);
}

const lowerFirst = (message: string) => message.replace(/^./, (letter) => letter.toLowerCase());

// valibot's own words begin with "Invalid"; ours say what was expected.
const plainMessage = (message: string) =>
  message.replace(/^Invalid key: Expected ("[^"]+").*$/, "expected the key $1");

function seen(issue: { received: string }): string {
  return issue.received === "undefined" ? "" : `, found ${issue.received}`;
}

const inOrder = (problems: ConfigProblem[]) =>
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
