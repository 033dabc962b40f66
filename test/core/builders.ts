/**
 * Facts for tests: each builder gives the plainest value there is, and takes
 * what the test is about. Times are fixed; nothing here reads a clock or a disk.
 */

import { type Config, notices } from "../../src/core/config.ts";
import { type Plan, parsePlan } from "../../src/core/plan.ts";
import type { Question } from "../../src/core/question.ts";
import { noLimits } from "../../src/core/policy.ts";
import type { Spending } from "../../src/core/spending.ts";
import { emptyReport, type Failure, type Report } from "../../src/core/stream.ts";
import type {
  Asked,
  Facts,
  Parent,
  Policy,
  RunFacts,
  RunRecord,
  Streak,
} from "../../src/core/task.ts";

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
  after: [],
  limits: noLimits,
  policy: policy(),
  worktree: null,
  verify: null,
  host: null,
  folder: "",
  environment: null,
  created: "2026-11-20T10:00:00.000Z",
  ...own,
});

export const policy = (own: Partial<Policy> = {}): Policy => ({
  timeLimitMs: Infinity,
  stallAfterMs: 900_000,
  retry: { attempts: 5, firstMs: 5_000, longestMs: 600_000 },
  fallback: [],
  resumeLost: false,
  verifyRetries: 0,
  ...own,
});

export const failure = (own: Partial<Failure> = {}): Failure => ({
  cause: "crash",
  evidence: "it broke",
  resetsAtMs: null,
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
  uptime: 1_000,
  said: "opus",
  why: "it is new",
  wish: null,
  verify: null,
  streak: streak(),
  ...own,
});

export const streak = (own: Partial<Streak> = {}): Streak => ({
  attempt: 0,
  tried: [],
  done: 0,
  answers: [],
  checks: 0,
  ...own,
});

/** What a run of a host's task spent: a thousand tokens in, a hundred out, for a cent. */
export const spending = (own: Partial<Spending> = {}): Spending => ({
  run: "r1",
  task: "paint",
  model: "claude-opus-4-6",
  backend: "claude",
  started: "2026-11-20T10:00:00.000Z",
  isHosts: true,
  tokens: { input: 1_000, cached: 600, output: 100 },
  costUsd: 0.01,
  ...own,
});

/** The record of a run that was started to read these answers. */
export const heard = (...answers: string[]): RunRecord => record({ streak: streak({ answers }) });

/** A run that is going on. */
export const live = (own: Partial<RunFacts> = {}): RunFacts => ({
  number: 1,
  record: record(),
  live: true,
  exit: null,
  endedMs: null,
  isStarted: true,
  saidMs: startedMs,
  check: null,
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
  answeredMs: null,
  acknowledged: false,
  ...own,
});

/** A task that has to be done first, and that moves while its kind does. */
export const parent = (kind: string, own: Partial<Parent> = {}): Parent => ({
  id: "sand",
  kind,
  isMoving: ["queued", "running", "waiting", "stopping"].includes(kind),
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
  planMs: startedMs,
  questions: [],
  run: null,
  stop: null,
  resume: null,
  parents: [],
  worktree: null,
  hasOutput: false,
  hasContext: false,
  ...own,
});

/** A config as `readConfig` returns it; aliases may leave out what they do not set. */
export const config = (
  own: Partial<Omit<Config, "aliases" | "models" | "backends">> & {
    aliases?: Record<string, Partial<Config["aliases"][string]>>;
    models?: Record<string, string | { backend: string; fallback: string[] }>;
    backends?: Record<string, string | null>;
  } = {},
): Config => ({
  format: "models",
  default: null,
  confirmDefault: true,
  answerTimeoutMs: 180_000,
  timeLimitMs: Infinity,
  stallAfterMs: 900_000,
  limits: { parallel: "auto", perProject: Infinity, perBackend: {}, staggerMs: 2_000 },
  depth: 0,
  retry: { attempts: 5, firstMs: 5_000, longestMs: 600_000 },
  resumeLost: false,
  notify: { command: null, url: null, desktop: false, on: notices },
  worktree: { copy: [], setup: null, keep: false },
  verify: null,
  verifyRetries: 0,
  projects: {},
  ...own,
  backends: mapValues(own.backends, (command) => ({ command })),
  models: mapValues(own.models, (model) =>
    typeof model === "string" ? { backend: model, fallback: [] } : model,
  ),
  aliases: mapValues(own.aliases, (alias) => ({
    model: null,
    command: null,
    prompt: null,
    fallback: null,
    answerTimeoutMs: null,
    timeLimitMs: null,
    stallAfterMs: null,
    verify: null,
    ...alias,
  })),
});

const mapValues = <T, U>(table: Record<string, T> = {}, change: (value: T) => U) =>
  Object.fromEntries(Object.entries(table).map(([key, value]) => [key, change(value)]));
