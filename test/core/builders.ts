/**
 * Facts for tests: each builder gives the plainest value there is, and takes
 * what the test is about. Times are fixed; nothing here reads a clock or a disk.
 */

import type { Config } from "../../src/core/config.ts";
import { type Plan, parsePlan } from "../../src/core/plan.ts";
import type { Question } from "../../src/core/question.ts";
import { emptyReport, type Report } from "../../src/core/stream.ts";
import type { Asked, Facts, RunFacts, RunRecord } from "../../src/core/task.ts";

export const startedMs = Date.parse("2026-11-20T10:00:00Z");

export const asked = (own: Partial<Asked> = {}): Asked => ({
  title: "Paint the shed",
  prompt: "paint the shed",
  context: null,
  files: [],
  items: ["Sand it", "Paint it"],
  ownPlan: false,
  model: "opus",
  alias: null,
  answerTimeoutMs: 180_000,
  host: null,
  folder: "",
  created: "2026-11-20T10:00:00.000Z",
  ...own,
});

export const report = (own: Partial<Report> = {}): Report => ({ ...emptyReport, ...own });

export const record = (own: Partial<RunRecord> = {}): RunRecord => ({
  model: "opus",
  backend: "claude",
  argv: ["claude"],
  cwd: "/home/you/project",
  env: [],
  session: null,
  resumes: null,
  token: "t0",
  tmp: "/tmp/t0",
  started: "2026-11-20T10:00:00.000Z",
  ...own,
});

/** A run that is going on. */
export const live = (own: Partial<RunFacts> = {}): RunFacts => ({
  number: 1,
  record: record(),
  live: true,
  exit: null,
  endedMs: null,
  stopRequested: false,
  report: emptyReport,
  ...own,
});

/** A run that has ended after 65 seconds; `exit` null: without an exit record. */
export const ended = (exit: number | null, own: Partial<RunFacts> = {}): RunFacts =>
  live({ live: false, exit, endedMs: startedMs + 65_000, ...own });

export const question = (own: Partial<Question> = {}): Question => ({
  number: "001",
  text: "Which colour?",
  options: [],
  default: null,
  askedMs: startedMs,
  answer: null,
  acknowledged: false,
  ...own,
});

/** The plan with one item for each line: `x Sand it`, `? Paint it`, ` Dry it`. */
export const plan = (...items: string[]): Plan =>
  parsePlan(items.map((item) => `- [${item[0]}] ${item.slice(1).trim()}\n`).join("")).plan;

/** A task of two items that were asked for; none is ticked and nothing runs. */
export const facts = (own: Partial<Facts> = {}): Facts => ({
  id: "paint",
  asked: asked(),
  plan: plan(" Sand it", " Paint it"),
  questions: [],
  run: null,
  hasOutput: false,
  hasContext: false,
  ...own,
});

/** A config as `readConfig` returns it; aliases may leave out what they do not set. */
export const config = (
  own: Partial<Omit<Config, "aliases" | "models" | "backends">> & {
    aliases?: Record<string, Partial<Config["aliases"][string]>>;
    models?: Record<string, string>;
    backends?: Record<string, string | null>;
  } = {},
): Config => ({
  format: "models",
  default: null,
  confirmDefault: true,
  answerTimeoutMs: 180_000,
  depth: 0,
  ...own,
  backends: mapValues(own.backends, (command) => ({ command })),
  models: mapValues(own.models, (backend) => ({ backend })),
  aliases: mapValues(own.aliases, (alias) => ({
    model: null,
    command: null,
    prompt: null,
    answerTimeoutMs: null,
    ...alias,
  })),
});

const mapValues = <T, U>(table: Record<string, T> = {}, change: (value: T) => U) =>
  Object.fromEntries(Object.entries(table).map(([key, value]) => [key, change(value)]));
