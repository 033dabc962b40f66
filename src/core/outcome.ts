/** How a task's latest run ended, as the facts say it. */

import { type Item, progress } from "./plan.ts";
import { isOpen, isUndelivered } from "./question.ts";
import { isLikely, resetOf } from "./reset.ts";
import type { Cause, Failure } from "./stream.ts";
import { type Facts, type RunFacts, shownPlan } from "./task.ts";

export type Outcome =
  | { kind: "stopped" }
  | { kind: "done" }
  /** `said` is the worker's own explanation, where it left one. */
  | { kind: "blocked"; reason: string; said: string | null }
  | ({ kind: "failed" } & Failure)
  | { kind: "incomplete"; reason: string }
  | { kind: "lost"; reason: string };

/** The rows of ARCHITECTURE.md's table for a run that is over, top to bottom; the first that fits. */
export function outcomeOf(facts: Facts, run: RunFacts): Outcome {
  const plan = shownPlan(facts);
  const { done, total } = progress(plan);
  const { exit } = run;
  if (facts.stop?.by === "person") return { kind: "stopped" };

  const { ok, denied, text } = run.report;
  const isAllDone = total > 0 && done === total;
  if (exit === 0 && isAllDone && ok !== false && denied.length === 0)
    return checkFailure(run) ?? { kind: "done" };

  const open = facts.questions.filter(isOpen);
  if (open.length > 0) {
    const numbers = open
      .slice(0, 5)
      .map((question) => question.number)
      .join(", ");
    return {
      kind: "blocked",
      reason: `the worker ended with question ${numbers} open`,
      said: null,
    };
  }
  if (facts.stop !== null) return { kind: "failed", ...failureOf(facts.stop, run) };
  const blockedItem = plan.items.find((item) => item.marker === "?");
  if (blockedItem) return itemBlocked(blockedItem, text);
  const failedItem = plan.items.find((item) => item.marker === "!");
  if (failedItem) return itemFailed(failedItem, text);
  if (exit === null) {
    return {
      kind: "lost",
      reason: run.isStarted
        ? "the worker vanished without an exit record (killed, or the machine went down)"
        : "the worker was never started: what was to start it was killed",
    };
  }
  if (denied.length > 0) return failed("permission", `the worker was denied: ${denied.join(", ")}`);
  const { trouble } = run.report;
  const failure = run.report.failure ?? trouble;
  // An exit code of 0 says little: an error may have been the last that was heard.
  if (failure !== null && (ok === false || exit !== 0 || trouble !== null))
    return { kind: "failed", ...failureOf(failure, run) };
  if (exit !== 0) return failed(...exitFailure(exit, text));
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

const failed = (cause: Cause, evidence: string): Outcome => ({
  kind: "failed",
  cause,
  evidence,
  resetsAtMs: null,
});

/** A check that was to follow the worker and did not succeed; null where all is well. */
function checkFailure({ record, check }: RunFacts): Outcome | null {
  const command = record?.verify ?? null;
  if (check === null)
    return command === null
      ? null
      : failed("verify", `its check did not come to an end: ${command}`);
  // Whatever its worker has made of the record meanwhile, it was checked.
  return check.exit === 0
    ? null
    : failed(
        "verify",
        `${command ?? "its check"} ended with exit code ${check.exit}: ${check.tail}`,
      );
}

/** What the line says of a limit's end counts from when it was written; a log is anybody's, and may say anything. */
function failureOf({ cause, evidence, resetsAtMs }: Failure, { endedMs }: RunFacts): Failure {
  const isLimit = cause === "rate_limit" || cause === "session_limit";
  if (!isLimit || endedMs === null) return { cause, evidence, resetsAtMs: null };
  const said = resetsAtMs ?? resetOf(evidence, endedMs);
  return { cause, evidence, resetsAtMs: isLikely(said, endedMs) ? said : null };
}

/** What the worker says of an item, below it or with its last words; else what it is. */
export function itemBlocked({ text, note }: Item, words: string | null): Outcome {
  return { kind: "blocked", reason: "an item is blocked", said: note ?? words ?? text };
}

export function itemFailed({ text, note }: Item, words: string | null): Outcome {
  const why = note ?? words;
  return failed("item_failed", why === null ? text : `${text}: ${why}`);
}

/** HUP INT QUIT ILL ABRT BUS FPE KILL SEGV PIPE ALRM TERM */
const endingSignals = new Set([1, 2, 3, 4, 6, 7, 8, 9, 11, 13, 14, 15]);

function exitFailure(exit: number, lastText: string | null): [Cause, string] {
  const lastLine = lastText?.trim().split("\n").at(-1);
  const said = lastLine ? `: ${lastLine}` : "";
  // 126 and 127 are the shell's own words for "could not be run".
  if (exit === 126 || exit === 127)
    return ["start_failed", `the worker's command could not be run (exit ${exit})${said}`];
  // Only what a shell writes for a signal: some CLIs end with codes of their own above 128.
  if (endingSignals.has(exit - 128))
    return ["killed", `the worker was ended by signal ${exit - 128}`];
  return ["crash", `the worker ended with exit code ${exit}${said}`];
}
