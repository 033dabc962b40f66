/** Ending the runs that must end: past their time, in trouble that will not pass, or half stopped. */

import { uptime } from "node:os";
import { endingOf, troubleKind } from "../core/policy.ts";
import { derive } from "../core/state.ts";
import type { Failure } from "../core/stream.ts";
import type { Facts, RunFacts } from "../core/task.ts";
import { note } from "../store/journal.ts";
import { type ProjectPaths, runPaths, taskPaths } from "../store/paths.ts";
import { requestStop } from "../store/runs.ts";
import { stopRuns } from "./stop.ts";

const stopGraceMs = 5_000;
/** Whoever is stopping a run may have been killed at it. */
const stopPatienceMs = 10_000;

/** What is remembered of a task from one look to the next; times by a clock that nobody sets. */
export interface Watched {
  /** It is being ended. */
  busy: Promise<void> | null;
  run: number;
  lookedMs: number;
  workedMs: number;
  /** The last that it said of its trouble, and since when the trouble is of that kind. */
  sign: string;
  signMs: number;
  trouble: string | null;
  troubledSinceMs: number;
  stoppingSinceMs: number | null;
}

export const unseen: Watched = {
  busy: null,
  run: 0,
  lookedMs: 0,
  workedMs: 0,
  sign: "",
  signMs: 0,
  trouble: null,
  troubledSinceMs: 0,
  stoppingSinceMs: null,
};

export function endWhatMustEnd(project: ProjectPaths, facts: Facts, watched: Watched): void {
  const { run, stop } = facts;
  if (watched.busy !== null || run === null || run.exit !== null || !run.live) return;
  const nowMs = performance.now();
  const isLeft =
    watched.stoppingSinceMs !== null &&
    (stop?.by === "policy" || nowMs - watched.stoppingSinceMs > stopPatienceMs);
  const times = {
    workedMs: watched.workedMs,
    troubledMs: nowMs - watched.troubledSinceMs,
    quietMs: nowMs - watched.signMs,
  };
  const failure = stop === null ? endingOf(facts, run, times) : null;
  if (!isLeft && failure === null) return;
  watched.busy = endRun(project, facts, run, failure)
    .catch((error: unknown) => note(project, facts.id, `supervisor: ${String(error)}`))
    .finally(() => (watched.busy = null));
}

/** The clocks of a run go on; a new run has new ones. */
export function counted(facts: Facts, watched: Watched): Watched {
  const { run } = facts;
  const state = derive(facts);
  const nowMs = performance.now();
  if (run === null) return watched;
  if (watched.run !== run.number) {
    watched.run = run.number;
    watched.workedMs = workedBefore(run);
    watched.lookedMs = nowMs;
    watched.sign = "";
    watched.trouble = null;
  }
  if (state.kind === "running") watched.workedMs += nowMs - watched.lookedMs;
  watched.lookedMs = nowMs;
  const { trouble: said } = run.report;
  const sign = said === null ? "" : `${said.tries} ${said.evidence}`;
  if (sign !== watched.sign) watched.signMs = nowMs;
  watched.sign = sign;
  const trouble = said === null ? null : troubleKind(said, nowMs - watched.signMs);
  if (trouble !== watched.trouble) watched.troubledSinceMs = nowMs;
  watched.trouble = trouble;
  watched.stoppingSinceMs = state.kind === "stopping" ? (watched.stoppingSinceMs ?? nowMs) : null;
  return watched;
}

/** Since it was started and before this supervisor was: by the machine's own clock, waiting and all. */
function workedBefore({ record }: RunFacts): number {
  const seconds = uptime() - (record?.uptime || uptime());
  return Math.max(0, seconds * 1_000);
}

async function endRun(
  project: ProjectPaths,
  facts: Facts,
  run: RunFacts,
  failure: Failure | null,
): Promise<void> {
  const task = taskPaths(project, facts.id);
  if (failure !== null && facts.stop === null) {
    note(project, facts.id, `run ${run.number} is ended (${failure.cause}): ${failure.evidence}`);
    requestStop(runPaths(task, run.number), failure);
  }
  await stopRuns(task, [run.number], stopGraceMs);
}
