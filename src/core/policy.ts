/**
 * What is done about a task without being asked: which run it is to have next,
 * and when a run is to be ended. Pure: the disk says what was, the caller what
 * time it is; nothing of a decision is stored but the run that comes of it.
 */

import { formatDuration } from "./duration.ts";
import type { Outcome } from "./outcome.ts";
import { progress } from "./plan.ts";
import { isUndelivered } from "./question.ts";
import type { Cause, Failure, Trouble } from "./stream.ts";
import {
  type Check,
  type Facts,
  type OwnLimits,
  type Policy,
  type Retry,
  type RunFacts,
  shownPlan,
} from "./task.ts";
import { shownName } from "./text.ts";

/** A run that a task is to have. */
export interface Due {
  why: string;
  /** Epoch milliseconds; 0: as soon as there is a place. */
  atMs: number;
  /** The time is somebody else's word, and not reckoned by our own clock. */
  isGiven: boolean;
  /** A model's or alias's name; null for the one that it had. */
  model: string | null;
  fresh: boolean;
  /** The token of the wish that it comes of, or null. */
  wish: string | null;
  attempt: number;
  tried: readonly string[];
  checks: number;
  /** What the worker is to be told besides, or null. */
  told: string | null;
}

/** As a task of the original protocol, or of an older version of this program, has it: no policy at all. */
export const noPolicy: Policy = {
  timeLimitMs: Infinity,
  stallAfterMs: Infinity,
  retry: { attempts: 0, firstMs: 5_000, longestMs: 600_000 },
  fallback: [],
  resumeLost: false,
  verifyRetries: 0,
};

/** With these the model, or its CLI, will not do, however often it is tried. */
const isFinal = (cause: Cause) =>
  cause === "auth" ||
  cause === "billing" ||
  cause === "model_unavailable" ||
  cause === "cli_missing";
/** These pass. */
const isPassing = (cause: Cause) =>
  cause === "rate_limit" || cause === "overloaded" || cause === "network";
/** Which of the causes are an account's, not the task's own: whoever comes next meets them too. */
export const isLimit = (cause: Cause) => cause === "rate_limit" || cause === "session_limit";

/** As the config says. */
export const noLimits: OwnLimits = { parallel: null, perProject: null, perBackend: null };

/** Null where it takes a person. */
export function dueAfter(facts: Facts, run: RunFacts, outcome: Outcome): Due | null {
  const { asked } = facts;
  if (asked === null || outcome.kind === "done" || outcome.kind === "stopped") return null;
  const again = nextTry(facts, run);

  const heard = run.record?.streak.answers ?? [];
  const news = facts.questions
    .filter(isUndelivered)
    .filter(({ number }) => !heard.includes(number));
  if (news.length > 0 && facts.questions.every(({ answer }) => answer !== null)) {
    const why = `answer ${news.map(({ number }) => number).join(", ")} came after its worker had gone`;
    return { ...again, why, atMs: 0, attempt: 0 };
  }
  const isKilled = outcome.kind === "failed" && outcome.cause === "killed";
  if (outcome.kind === "lost" || isKilled) return afterLoss(asked.policy, run, again);
  return outcome.kind === "failed" ? afterFailure(asked.policy, run, again, outcome) : null;
}

function nextTry(facts: Facts, run: RunFacts): Due {
  const streak = run.record?.streak;
  const isFurther = progress(shownPlan(facts)).done > (streak?.done ?? 0);
  const attempt = (isFurther ? 0 : (streak?.attempt ?? 0)) + 1;
  const tried = streak?.tried ?? [];
  return { ...plainDue, attempt, tried, checks: streak?.checks ?? 0 };
}

/** At once, and as before. */
export const plainDue: Due = {
  why: "",
  atMs: 0,
  isGiven: false,
  model: null,
  fresh: false,
  wish: null,
  attempt: 0,
  tried: [],
  checks: 0,
  told: null,
};

/** As claude and codex say it: one was killed before it had written anything down. */
const sessionGone = /no conversation found|no rollout found/i;

function afterLoss({ retry, resumeLost }: Policy, run: RunFacts, again: Due): Due | null {
  if (again.attempt > Math.max(retry.attempts, 1)) return null;
  if (!run.isStarted) return { ...again, why: "it was killed before its worker was started" };
  return resumeLost ? { ...again, why: "its worker had vanished" } : null;
}

function afterFailure(
  { retry, fallback, verifyRetries }: Policy,
  run: RunFacts,
  again: Due,
  { cause, evidence, resetsAtMs }: Failure,
): Due | null {
  if (run.record?.resumes != null && !run.report.began && sessionGone.test(evidence))
    return { ...again, why: "its session is gone", fresh: true };
  if (cause === "verify") return afterCheck(verifyRetries, run, again);
  const endedMs = run.endedMs ?? 0;
  const said = run.record?.said ?? "";
  const tried = [...again.tried, said];
  const isTried = (name: string) => tried.some((each) => each.toLowerCase() === name.toLowerCase());
  const other = fallback.find((name) => !isTried(name));
  const instead =
    other === undefined
      ? null
      : { ...again, why: `${shownName(said)}: ${cause}`, model: other, attempt: 0, tried };
  if (isFinal(cause)) return instead;
  if (!isPassing(cause) && cause !== "session_limit") return null;
  if (again.attempt > retry.attempts) return instead;

  const soonestMs = endedMs + backoffMs(retry, again.attempt, chance(run));
  const count = `try ${again.attempt} of ${retry.attempts} after ${cause}`;
  if (resetsAtMs !== null) {
    if (instead !== null && resetsAtMs - endedMs > retry.longestMs) return instead;
    // Everybody's limit is lifted at once.
    const spread = Math.min(60_000, Math.max(0, resetsAtMs - endedMs) / 10);
    const liftedMs = resetsAtMs + spread * chance(run);
    // A time that is past already must not be tried in a row.
    return { ...again, why: count, atMs: Math.max(liftedMs, soonestMs), isGiven: true };
  }
  return cause === "session_limit" ? instead : { ...again, why: count, atMs: soonestMs };
}

/** The worker is told what its check has found. */
function afterCheck(most: number, { record, check }: RunFacts, again: Due): Due | null {
  if (check === null || again.checks >= most) return null;
  const count = again.checks + 1;
  const told = checkText(record?.verify ?? "", check);
  const why = `its check failed (${count} of ${most} times back to it)`;
  return { ...again, why, attempt: 0, checks: count, told };
}

/** What a worker is told whose work did not stand its check. */
export const checkText = (command: string, { exit, tail }: Check) =>
  `The check \`${command}\` has failed (exit code ${exit}). The end of its output:\n\n${tail}\n\nMend what it has found, then end as before.`;

/** Doubles with each try; `share` (0–1) makes it up to a fifth shorter or longer. */
export function backoffMs({ firstMs, longestMs }: Retry, attempt: number, share: number): number {
  const ms = Math.min(longestMs, firstMs * 2 ** (attempt - 1));
  return Math.round(ms * (0.8 + 0.4 * share));
}

/** 0–1, another for each run, and always the same for one: a look must not differ from the last. */
function chance({ record }: RunFacts): number {
  const digits = record?.token.slice(0, 8) ?? "";
  return Number.parseInt(digits || "0", 16) / 0x1_0000_0000 || 0;
}

/**
 * Whether it is time. A clock that was set back must not hold a task for longer than it was
 * ever to wait; when a limit is lifted is another's word, and stands.
 */
export function isDueNow(
  { atMs, isGiven }: Due,
  nowMs: number,
  { endedMs }: { endedMs: number | null },
): boolean {
  return atMs <= nowMs || (!isGiven && endedMs !== null && endedMs > nowMs + clockSlackMs);
}
const clockSlackMs = 60_000;

/** What one look at a run that is going on has to be compared with: all in milliseconds. */
export interface Watch {
  /** It has worked for so long, waiting for answers not counted. */
  workedMs: number;
  /** It has been in the kind of trouble that it reports for so long. */
  troubledMs: number;
  /** The last that it said of its trouble was said so long ago. */
  quietMs: number;
}

/** It may get past these by itself. */
const passingPatienceMs = 30_000;
/** It may end by itself, or fetch a new token: with that its second try would do. */
const hopelessPatienceMs = 3_000;
const hopelessTries = 3;
/** Once it has tried again it tells of the next failure within this, and of a refusal sooner. */
const passingTryMs = 10_000;
const hopelessTryMs = 1_000;

/**
 * Null: whatever it was, the CLI goes on by itself, or ends. A model that thinks says nothing for
 * minutes: whoever was to try again, and is quiet now, has got past it.
 */
export function troubleKind(
  { cause, pauseMs = Infinity }: Trouble,
  quietMs: number,
): "hopeless" | "passing" | null {
  const isHopeless = isFinal(cause) || cause === "session_limit";
  if (!isHopeless && !isPassing(cause)) return null;
  if (quietMs > pauseMs + (isHopeless ? hopelessTryMs : passingTryMs)) return null;
  return isHopeless ? "hopeless" : "passing";
}

/** Why a run that is going on has to be ended; null where it may go on. */
export function endingOf(facts: Facts, run: RunFacts, watch: Watch): Failure | null {
  const limitMs = facts.asked?.policy.timeLimitMs ?? Infinity;
  if (watch.workedMs > limitMs) {
    const evidence = `it has worked for longer than ${formatDuration(limitMs)}`;
    return { cause: "time_limit", evidence, resetsAtMs: null };
  }
  if (run.report.trouble === null) return null;
  const { cause, evidence, resetsAtMs, tries } = run.report.trouble;
  const kind = troubleKind(run.report.trouble, watch.quietMs);
  if (kind === null) return null;
  const isHopeless = kind === "hopeless";
  const patienceMs = isHopeless || resetsAtMs !== null ? hopelessPatienceMs : passingPatienceMs;
  const isEnough = isHopeless && tries >= hopelessTries;
  return isEnough || watch.troubledMs > patienceMs ? { cause, evidence, resetsAtMs } : null;
}

/** Since when nothing was heard of a run, or null where it may be silent: epoch milliseconds. */
export function silentSinceMs(facts: Facts): number | null {
  const { run } = facts;
  if (run === null || !run.live || run.exit !== null) return null;
  if (facts.questions.some(({ answer }) => answer === null)) return null;
  const mailMs = facts.questions.flatMap(({ askedMs, answeredMs }) => [askedMs, answeredMs]);
  const signs = [run.saidMs, facts.planMs, ...mailMs].filter((ms) => ms !== null);
  return signs.length === 0 ? null : Math.max(...signs);
}

export function isStalled(facts: Facts, nowMs: number): boolean {
  const sinceMs = silentSinceMs(facts);
  return sinceMs !== null && nowMs - sinceMs > (facts.asked?.policy.stallAfterMs ?? Infinity);
}
