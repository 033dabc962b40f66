/**
 * A task: the facts that one look at its folder reads, and the state that
 * follows from them. The state is derived at every look and stored nowhere.
 */

import { formatDuration } from "./duration.ts";
import { type Item, type Plan, progress, withDroppedItems } from "./plan.ts";
import { isOpen, isUndelivered, type Question } from "./question.ts";
import type { Cause, Report } from "./stream.ts";

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
  /** The host session that asked for it, or null for a person at a shell. */
  host: string | null;
  /** Where the person stood, below the project's root; "" at the root. */
  folder: string;
  /** ISO 8601. */
  created: string;
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
  stopRequested: boolean;
  report: Report;
}

export interface Facts {
  id: string;
  /** Null for a task folder that another program made. */
  asked: Asked | null;
  /** As the file stands now; null when it is missing or unreadable. */
  plan: Plan | null;
  questions: Question[];
  run: RunFacts | null;
  hasOutput: boolean;
  hasContext: boolean;
}

export type State =
  | { kind: "queued"; reason: string }
  | { kind: "running" }
  | { kind: "waiting" }
  | { kind: "stopping" }
  | { kind: "stopped" }
  | { kind: "done" }
  /** `said` is the worker's own explanation, where it left one. */
  | { kind: "blocked"; reason: string; said: string | null }
  | { kind: "failed"; cause: Cause; evidence: string }
  | { kind: "incomplete"; reason: string }
  | { kind: "lost"; reason: string };

export const isLive = (state: State) =>
  state.kind === "running" || state.kind === "waiting" || state.kind === "stopping";

/** The open questions that somebody waits for: none of a task that is done, or was stopped. */
export const pendingQuestions = ({ questions }: Facts, { kind }: State): Question[] =>
  kind === "waiting" || kind === "blocked" ? questions.filter(isOpen) : [];

/** Nothing goes on by itself any more. */
export const hasEnded = (state: State) => !isLive(state) && state.kind !== "queued";

/** The plan as it is shown: what was asked for stands in where the file does not. */
export function shownPlan(facts: Facts): Plan {
  const asked = facts.asked?.items ?? [];
  const plan = facts.plan ?? { title: facts.asked?.title ?? null, items: [] };
  return withDroppedItems(plan, asked);
}

/** The state table of ARCHITECTURE.md, top to bottom; the first row that fits. */
export function derive(facts: Facts): State {
  const { run } = facts;
  const plan = shownPlan(facts);
  const { done, total } = progress(plan);
  const open = facts.questions.filter(isOpen);
  const blockedItem = plan.items.find((item) => item.marker === "?");
  const failedItem = plan.items.find((item) => item.marker === "!");
  const allDone = total > 0 && done === total;

  if (run === null) {
    if (facts.asked !== null) return { kind: "queued", reason: "its worker was never started" };
    // Another program's task: only its files speak.
    if (allDone) return { kind: "done" };
    if (open.length > 0) return { kind: "waiting" };
    if (blockedItem) return itemBlocked(blockedItem, null);
    if (failedItem) return itemFailed(failedItem, null);
    return { kind: "queued", reason: "its worker was not started by dispatch" };
  }

  if (run.exit === null && run.live) {
    if (run.stopRequested) return { kind: "stopping" };
    return { kind: open.length > 0 ? "waiting" : "running" };
  }
  if (run.stopRequested) return { kind: "stopped" };

  const { report, exit } = run;
  const succeeded = exit === 0 && report.ok !== false && report.denied.length === 0;
  if (succeeded && allDone) return { kind: "done" };

  if (open.length > 0) {
    const numbers = open.map((question) => question.number).join(", ");
    return {
      kind: "blocked",
      reason: `the worker ended with question ${numbers} open`,
      said: null,
    };
  }
  if (blockedItem) return itemBlocked(blockedItem, report.text);
  if (failedItem) return itemFailed(failedItem, report.text);
  if (exit === null) {
    return {
      kind: "lost",
      reason: `the worker vanished without an exit record (killed, or the machine went down)`,
    };
  }
  if (report.denied.length > 0) {
    return {
      kind: "failed",
      cause: "permission",
      evidence: `the worker was denied: ${report.denied.join(", ")}`,
    };
  }
  if (report.failure !== null && (report.ok === false || exit !== 0)) {
    return { kind: "failed", ...report.failure };
  }
  if (exit !== 0) return { kind: "failed", ...exitFailure(exit, report.text) };
  const unread = facts.questions.find(isUndelivered);
  if (unread) {
    const reason = `the worker ended before it read answer ${unread.number}`;
    return { kind: "blocked", reason, said: null };
  }
  return {
    kind: "incomplete",
    reason: `the worker ended with ${total - done} of ${total} items open`,
  };
}

/** What the worker says of an item, below it or with its last words; else what it is. */
function itemBlocked({ text, note }: Item, words: string | null): State {
  return { kind: "blocked", reason: "an item is blocked", said: note ?? words ?? text };
}

function itemFailed({ text, note }: Item, words: string | null): State {
  const why = note ?? words;
  return {
    kind: "failed",
    cause: "item_failed",
    evidence: why === null ? text : `${text}: ${why}`,
  };
}

/** HUP INT QUIT ILL ABRT BUS FPE KILL SEGV PIPE ALRM TERM */
const endingSignals = new Set([1, 2, 3, 4, 6, 7, 8, 9, 11, 13, 14, 15]);

function exitFailure(exit: number, lastText: string | null): { cause: Cause; evidence: string } {
  const lastLine = lastText?.trim().split("\n").at(-1);
  const said = lastLine ? `: ${lastLine}` : "";
  // 126 and 127 are the shell's own words for "could not be run".
  if (exit === 126 || exit === 127) {
    return {
      cause: "start_failed",
      evidence: `the worker's command could not be run (exit ${exit})${said}`,
    };
  }
  // Only what a shell writes for a signal: some CLIs end with codes of their own above 128.
  if (endingSignals.has(exit - 128)) {
    return { cause: "killed", evidence: `the worker was ended by signal ${exit - 128}` };
  }
  return { cause: "crash", evidence: `the worker ended with exit code ${exit}${said}` };
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
