/** A task: the facts that one look at its folder reads. */

import { formatDuration } from "./duration.ts";
import { type Plan, withDroppedItems } from "./plan.ts";
import type { Question } from "./question.ts";
import type { Failure, Report } from "./stream.ts";
import type { Branching, Worktree } from "./worktree.ts";

/** `task.yaml`: what was asked, written once. */
export interface Asked {
  title: string;
  prompt: string;
  /** Prose that goes to the worker with the task, or null. */
  context: string | null;
  /** Paths that the worker is told to read. */
  files: string[];
  /** The first plan's items; a single one that is the task itself when `ownPlan`. */
  items: string[];
  /** The worker writes its own checklist first. */
  ownPlan: boolean;
  /** As the person said it: a model's or an alias's name. */
  model: string;
  alias: string | null;
  answerTimeoutMs: number;
  /** Tasks that must be done before this one starts. */
  after: string[];
  limits: OwnLimits;
  policy: Policy;
  /** Where its worktree branches from; null for a task that works in the checkout itself. */
  worktree: Branching | null;
  /** The shell line that must succeed once its worker is done, or null. */
  verify: string | null;
  /** The host session that asked for it, or null for a person at a shell. */
  host: string | null;
  /** Where the person stood, below the project's root; "" at the root. */
  folder: string;
  /** The environment it was asked in: a name among those that are kept, or null. */
  environment: string | null;
  /** ISO 8601. */
  created: string;
}

/** How many workers may run beside it when it starts, itself included; null: as the config says. */
export interface OwnLimits {
  /** Of all the user's. */
  parallel: number | "auto" | null;
  perProject: number | null;
  /** Of its own backend. */
  perBackend: number | null;
}

/** What is done about a task without being asked again. Times in milliseconds, Infinity for "never". */
export interface Policy {
  /** A run that has worked for longer is stopped. */
  timeLimitMs: number;
  /** A run that has been silent for longer is reported. */
  stallAfterMs: number;
  retry: Retry;
  /** Names to go on with where the model will not do, best first. */
  fallback: string[];
  /** Start it again when its worker has vanished. */
  resumeLost: boolean;
  /** How often in a row a worker whose check has failed is told so, to go on. */
  verifyRetries: number;
}

export interface Retry {
  /** How often in a row, without an item done in between. */
  attempts: number;
  firstMs: number;
  longestMs: number;
}

/** `runs/NNN/command.json`: what was run, for people and for resuming. */
export interface RunRecord {
  model: string;
  backend: string;
  argv: string[];
  cwd: string;
  /** Names only: values may be secrets. */
  env: string[];
  /** The id chosen for, or taken over by, this run; null when the CLI chooses its own. */
  session: string | null;
  /** The run whose session this one continues, or null for a fresh one. */
  resumes: number | null;
  /** The random mark in the environment of everything this run starts. */
  token: string;
  /** The folder for temporary files of this run. */
  tmp: string;
  started: string;
  /** Seconds since the machine was started: no clock that is set changes it. */
  uptime: number;
  /** The model's or alias's name that led here. */
  said: string;
  /** Why it was started, for people. */
  why: string;
  /** The token of the wish that it was started for, or null. */
  wish: string | null;
  /** The check that comes after the worker, or null. */
  verify: string | null;
  streak: Streak;
}

/** What a run leaves to those after it. */
export interface Streak {
  /** How many runs in a row, this one included, were started because the one before had failed. */
  attempt: number;
  /** Names that would not do. */
  tried: string[];
  /** Items that were done when it started. */
  done: number;
  /** Numbers of the answers that it was started to read. */
  answers: string[];
  /** How many runs in a row, this one included, were started because a check had failed. */
  checks: number;
}

/** Who ended a run, or keeps a task from starting: a person, or this program for a reason. */
export type Stop = { by: "person" } | ({ by: "policy" } & Failure);

/** How somebody wants a task to go on. */
export interface Wish {
  /** A name, or null for the one that it has. */
  model: string | null;
  /** Not in the old session. */
  fresh: boolean;
  /** What the worker is to be told besides, or null. */
  told: string | null;
  /** Random: the run that comes of it carries it. */
  token: string;
}

/** A task that has to be done before another. */
export interface Parent {
  id: string;
  /** Its state, or that there is no such task. */
  kind: string;
  /** It will be something else by itself. */
  isMoving: boolean;
}

/** What came of the check that followed a worker. */
export interface Check {
  exit: number;
  /** The end of its output. */
  tail: string;
}

export interface RunFacts {
  number: number;
  record: RunRecord | null;
  /** Somebody still holds the run's lock. Read before the exit record. */
  live: boolean;
  /** The exit record: 0–255, null while there is none. */
  exit: number | null;
  /** Epoch milliseconds of the exit record, or of the last sign of life of a lost run. */
  endedMs: number | null;
  /** The worker's program was started, or may have been. */
  isStarted: boolean;
  /** Epoch milliseconds of its last output. */
  saidMs: number | null;
  /** Null where there was none, or it has not come to its end. */
  check: Check | null;
  report: Report;
}

export interface Facts {
  id: string;
  /** Null for a task folder that another program made. */
  asked: Asked | null;
  /** As the file stands now; null when it is missing or unreadable. */
  plan: Plan | null;
  /** Epoch milliseconds of the plan's last change. */
  planMs: number | null;
  questions: Question[];
  run: RunFacts | null;
  /** Of the latest run, or of a task that has none. */
  stop: Stop | null;
  resume: Wish | null;
  /** Those of a task that has not started. */
  parents: Parent[];
  /** Null as long as there is none. */
  worktree: Worktree | null;
  hasOutput: boolean;
  hasContext: boolean;
}

/** The plan as it is shown: what was asked for stands in where the file does not. */
export function shownPlan(facts: Facts): Plan {
  const asked = facts.asked?.items ?? [];
  const plan = facts.plan ?? { title: facts.asked?.title ?? null, items: [] };
  return withDroppedItems(plan, asked);
}

/** How long the latest run took, or has taken so far. */
export function elapsedMs(facts: Facts, nowMs: number): number | null {
  const started = facts.run?.record?.started;
  if (started === undefined) return null;
  return Math.max(0, (facts.run?.endedMs ?? nowMs) - Date.parse(started));
}

export const elapsed = (facts: Facts, nowMs: number): string | null => {
  const ms = elapsedMs(facts, nowMs);
  return ms === null ? null : formatDuration(ms);
};
