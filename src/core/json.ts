/**
 * What `--json` prints, as schemas: add-only, each object with `schema: 1`.
 * `docs/schema/*.json` is generated from these by scripts/schemas.ts.
 */

import * as v from "valibot";

export const questionJson = v.object({
  n: v.string(),
  text: v.string(),
  options: v.array(v.string()),
  default: v.nullable(v.string()),
  asked: v.string(),
  answered: v.boolean(),
  acknowledged: v.boolean(),
});

export const taskJson = v.object({
  id: v.string(),
  title: v.string(),
  state: v.picklist([
    "queued",
    "held",
    "running",
    "waiting",
    "stopping",
    "stopped",
    "blocked",
    "failed",
    "incomplete",
    "lost",
    "done",
  ]),
  cause: v.nullable(v.string()),
  evidence: v.nullable(v.string()),
  reason: v.nullable(v.string()),
  /** When a held task goes on by itself. */
  until: v.nullable(v.string()),
  /** What was asked for, and what its backend says has answered; null where it does not say. */
  model: v.nullable(v.string()),
  answered_by: v.nullable(v.string()),
  backend: v.nullable(v.string()),
  alias: v.nullable(v.string()),
  run: v.nullable(v.number()),
  session: v.nullable(v.string()),
  items: v.array(
    v.object({
      marker: v.picklist([" ", "x", "?", "!"]),
      text: v.string(),
      note: v.nullable(v.string()),
    }),
  ),
  progress: v.object({ done: v.number(), total: v.number() }),
  questions: v.array(questionJson),
  after: v.array(v.string()),
  /** Its own checkout, where it has one, and the branch that it is on. */
  worktree: v.nullable(v.string()),
  branch: v.nullable(v.string()),
  /** What must succeed when its worker is done. */
  verify: v.nullable(v.string()),
  output: v.nullable(v.string()),
  exit: v.nullable(v.number()),
  tokens: v.nullable(v.object({ input: v.number(), cached: v.number(), output: v.number() })),
  cost_usd: v.nullable(v.number()),
  started: v.nullable(v.string()),
  ended: v.nullable(v.string()),
  next: v.nullable(v.string()),
});
export type TaskJson = v.InferOutput<typeof taskJson>;

const versioned = <T extends v.ObjectEntries>(entries: T) =>
  v.object({ schema: v.literal(1), ...entries });

export const statusJson = versioned({
  project: v.string(),
  tasks: v.array(taskJson),
  /** Files that more than one task is changing just now, each in its own worktree. */
  overlaps: v.array(v.object({ path: v.string(), ids: v.array(v.string()) })),
});
export type StatusJson = v.InferOutput<typeof statusJson>;

/** What a task has changed; counts are of lines, and null for a file that has none. */
export const workJson = v.object({
  files: v.array(
    v.object({ path: v.string(), added: v.nullable(v.number()), removed: v.nullable(v.number()) }),
  ),
  branch: v.nullable(v.string()),
  commits: v.nullable(v.number()),
  uncommitted_files: v.nullable(v.number()),
});
export type WorkJson = v.InferOutput<typeof workJson>;

export const diffJson = versioned({ id: v.string(), ...workJson.entries });
export type DiffJson = v.InferOutput<typeof diffJson>;

/** One line of `wait --json`. */
export const eventJson = v.variant("event", [
  v.object({
    schema: v.literal(1),
    event: v.literal("question"),
    id: v.string(),
    n: v.string(),
    text: v.string(),
    options: v.array(v.string()),
    default: v.nullable(v.string()),
    next: v.nullable(v.string()),
  }),
  v.object({
    schema: v.literal(1),
    event: v.literal("outcome"),
    id: v.string(),
    state: v.string(),
    cause: v.nullable(v.string()),
    evidence: v.nullable(v.string()),
    reason: v.nullable(v.string()),
    until: v.nullable(v.string()),
    progress: v.object({ done: v.number(), total: v.number() }),
    output: v.nullable(v.string()),
    /** Null where git cannot tell. */
    changed: v.nullable(v.array(v.string())),
    next: v.nullable(v.string()),
  }),
  v.object({
    schema: v.literal(1),
    event: v.literal("held"),
    id: v.string(),
    cause: v.nullable(v.string()),
    evidence: v.nullable(v.string()),
    reason: v.nullable(v.string()),
    until: v.nullable(v.string()),
    next: v.nullable(v.string()),
  }),
  v.object({
    schema: v.literal(1),
    event: v.literal("stalled"),
    id: v.string(),
    silent_seconds: v.number(),
    next: v.nullable(v.string()),
  }),
]);
export type EventJson = v.InferOutput<typeof eventJson>;

/** Tokens and cost as reported: null where no run says, and of how many runs they are not. */
const sumJson = {
  tasks: v.number(),
  runs: v.number(),
  tokens: v.nullable(v.object({ input: v.number(), cached: v.number(), output: v.number() })),
  tokens_unknown_runs: v.number(),
  cost_usd: v.nullable(v.number()),
  cost_unknown_runs: v.number(),
};

export const statsJson = versioned({
  project: v.string(),
  by: v.picklist(["task", "model", "day"]),
  total: v.object(sumJson),
  groups: v.array(v.object({ name: v.string(), ...sumJson })),
  /** What host sessions wrote and read, about, in tokens; null where nothing was counted. */
  paid_tokens: v.nullable(v.number()),
  /** Against what the tasks that they asked for took; a lower bound where some runs do not say. */
  won: v.nullable(v.object({ tokens: v.number(), multiple: v.number(), at_least: v.boolean() })),
});
export type StatsJson = v.InferOutput<typeof statsJson>;

/** On stdout with `--json`, beside the exit code. */
export const errorJson = versioned({
  error: v.object({ code: v.string(), message: v.string(), hint: v.nullable(v.string()) }),
});
export type ErrorJson = v.InferOutput<typeof errorJson>;
