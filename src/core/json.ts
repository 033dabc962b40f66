/**
 * What `--json` prints, as schemas: add-only, each object with `schema: 1`.
 * `docs/schema/*.json` is generated from these by scripts/schemas.ts.
 */

import * as v from "valibot";

const nullable = <T extends v.GenericSchema>(schema: T) => v.nullable(schema);

export const questionJson = v.object({
  n: v.string(),
  text: v.string(),
  options: v.array(v.string()),
  default: nullable(v.string()),
  asked: v.string(),
  answered: v.boolean(),
  acknowledged: v.boolean(),
});

export const taskJson = v.object({
  id: v.string(),
  title: v.string(),
  state: v.picklist([
    "queued",
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
  cause: nullable(v.string()),
  evidence: nullable(v.string()),
  reason: nullable(v.string()),
  model: nullable(v.string()),
  backend: nullable(v.string()),
  alias: nullable(v.string()),
  run: nullable(v.number()),
  session: nullable(v.string()),
  items: v.array(
    v.object({
      marker: v.picklist([" ", "x", "?", "!"]),
      text: v.string(),
      note: nullable(v.string()),
    }),
  ),
  progress: v.object({ done: v.number(), total: v.number() }),
  questions: v.array(questionJson),
  output: nullable(v.string()),
  exit: nullable(v.number()),
  tokens: nullable(v.object({ input: v.number(), cached: v.number(), output: v.number() })),
  cost_usd: nullable(v.number()),
  started: nullable(v.string()),
  ended: nullable(v.string()),
  next: nullable(v.string()),
});
export type TaskJson = v.InferOutput<typeof taskJson>;

const versioned = <T extends v.ObjectEntries>(entries: T) =>
  v.object({ schema: v.literal(1), ...entries });

export const statusJson = versioned({ project: v.string(), tasks: v.array(taskJson) });
export type StatusJson = v.InferOutput<typeof statusJson>;

/** One line of `wait --json`. */
export const eventJson = v.variant("event", [
  v.object({
    schema: v.literal(1),
    event: v.literal("question"),
    id: v.string(),
    n: v.string(),
    text: v.string(),
    options: v.array(v.string()),
    default: nullable(v.string()),
    next: nullable(v.string()),
  }),
  v.object({
    schema: v.literal(1),
    event: v.literal("outcome"),
    id: v.string(),
    state: v.string(),
    cause: nullable(v.string()),
    evidence: nullable(v.string()),
    reason: nullable(v.string()),
    progress: v.object({ done: v.number(), total: v.number() }),
    output: nullable(v.string()),
    next: nullable(v.string()),
  }),
]);
export type EventJson = v.InferOutput<typeof eventJson>;

/** On stdout with `--json`, beside the exit code. */
export const errorJson = versioned({
  error: v.object({ code: v.string(), message: v.string(), hint: nullable(v.string()) }),
});
export type ErrorJson = v.InferOutput<typeof errorJson>;
