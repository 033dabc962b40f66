/**
 * The supervisor: policy, and nothing that is truth. At most one per project
 * looks at its tasks as long as any of them is to go on by itself: starts what is
 * due, ends what must end, and has the user told. All that it knows stands on
 * disk; what it counts (how long a run has worked, or been in trouble) the next
 * one counts anew. It starts nothing itself: each start is a short-lived process
 * in the environment that the task was asked in.
 */

import { statSync } from "node:fs";
import { uptime } from "node:os";
import { eventsOf, taskKey } from "../core/event.ts";
import { endingOf, isDueNow, isLimit, troubleKind } from "../core/policy.ts";
import { derive, dueRun, isLive, isMoving, type State } from "../core/state.ts";
import type { Failure } from "../core/stream.ts";
import type { Facts, RunFacts } from "../core/task.ts";
import { note } from "../store/journal.ts";
import { type ProjectPaths, runPaths, taskPaths } from "../store/paths.ts";
import { addPause, learnNeed, readPause } from "../store/places.ts";
import { requestStop } from "../store/runs.ts";
import { step } from "../store/step.ts";
import { notifyLedger, notifyName, readLedger } from "../store/told.ts";
import { holdLock, isLocked } from "../unix/lock.ts";
import { bytesBy } from "../unix/memory.ts";
import { looks } from "./changes.ts";
import { stopRuns } from "./stop.ts";

/** Many workers change many files: so often is enough. */
const paceMs = 250;
const stopGraceMs = 5_000;
/** Whoever is stopping a run may have been killed at it. */
const stopPatienceMs = 10_000;
const memoryEveryMs = 30_000;
const notifyAgainMs = 60_000;
const failedAgainMs = 10_000;
const pauseFromMs = 60_000;

/** What is done by processes of their own. */
export interface Hands {
  /** Starts the task's next run where there is a place. */
  advance: (facts: Facts) => Promise<Try>;
  /** Tells the user what is in no ledger yet. */
  notify: () => Promise<void>;
}

/** What came of it: when to look again, milliseconds from now, and whether all who want that model had better wait. */
export interface Try {
  againMs: number;
  isForAll: boolean;
}

/** A task that goes on by itself, or may: somebody has to look after it. */
export const needsSupervisor = (facts: Facts) => facts.asked !== null && isMoving(derive(facts));

/** Somebody looks after the project. */
export const isSupervised = (project: ProjectPaths) => isLocked(project.supervisorLock);

/** Returns when nothing is left to do, or somebody else is at it. */
export async function supervise(project: ProjectPaths, hands: Hands): Promise<void> {
  for (;;) {
    const lock = holdLock(project.supervisorLock);
    if (lock === null) return;
    step("after the supervisor has its lock");
    try {
      await superviseUntilIdle(project, hands, lock.isStill);
    } finally {
      step("before the supervisor lets go");
      lock.release();
    }
    // Whoever made something to do while the lock was still held has started nobody.
    if (!(await hasWork(project))) return;
  }
}

async function hasWork(project: ProjectPaths): Promise<boolean> {
  for await (const all of looks(project, null)) return all.some(needsSupervisor);
  return false;
}

async function superviseUntilIdle(
  project: ProjectPaths,
  hands: Hands,
  isStillOurs: () => boolean,
): Promise<void> {
  const watched = new Map<string, Watched>();
  const starter = tasksStarter(project, hands);
  const teller = notifier(project, hands);
  const sampler = memorySampler();
  for await (const all of looks(project, null, { paceMs })) {
    // `.dispatch` was moved away, or made anew: whatever is there now is somebody else's to see to.
    if (!isStillOurs()) return;
    step("before the supervisor acts");
    starter.look(all);
    for (const facts of all.toSorted(byAge)) {
      if (facts.asked === null) continue;
      const state = derive(facts);
      const task = counted(facts, state, watched.get(taskKey(facts)) ?? { ...unseen });
      watched.set(taskKey(facts), task);
      keepDiary(project, facts, state, task);
      endWhatMustEnd(project, facts, task);
      pauseBackend(project, facts, state);
      starter.offer(facts);
    }
    sampler(all);
    teller.look(all);
    const isBusy =
      starter.isBusy() ||
      teller.isBusy() ||
      [...watched.values()].some(({ busy }) => busy !== null);
    if (!isBusy && !all.some(needsSupervisor)) return;
  }
}

const byAge = (a: Facts, b: Facts) =>
  (a.asked?.created ?? "").localeCompare(b.asked?.created ?? "") || a.id.localeCompare(b.id);

/** What is remembered of a task from one look to the next; times by a clock that nobody sets. */
interface Watched {
  said: string;
  /** It is being ended. */
  busy: Promise<void> | null;
  run: number;
  lookedMs: number;
  workedMs: number;
  trouble: string | null;
  troubledSinceMs: number;
  stoppingSinceMs: number | null;
}

const unseen: Watched = {
  said: "",
  busy: null,
  run: 0,
  lookedMs: 0,
  workedMs: 0,
  trouble: null,
  troubledSinceMs: 0,
  stoppingSinceMs: null,
};

function endWhatMustEnd(project: ProjectPaths, facts: Facts, watched: Watched): void {
  const { run, stop } = facts;
  if (watched.busy !== null || run === null || run.exit !== null || !run.live) return;
  const nowMs = performance.now();
  const isLeft =
    watched.stoppingSinceMs !== null &&
    (stop?.by === "policy" || nowMs - watched.stoppingSinceMs > stopPatienceMs);
  const times = { workedMs: watched.workedMs, troubledMs: nowMs - watched.troubledSinceMs };
  const failure = stop === null ? endingOf(facts, run, times) : null;
  if (!isLeft && failure === null) return;
  watched.busy = endRun(project, facts, run, failure)
    .catch((error: unknown) => note(project, facts.id, `supervisor: ${String(error)}`))
    .finally(() => (watched.busy = null));
}

/** The clocks of a run go on; a new run has new ones. */
function counted(facts: Facts, state: State, watched: Watched): Watched {
  const { run } = facts;
  const nowMs = performance.now();
  if (run === null) return watched;
  if (watched.run !== run.number) {
    watched.run = run.number;
    watched.workedMs = workedBefore(run);
    watched.lookedMs = nowMs;
    watched.trouble = null;
  }
  if (state.kind === "running") watched.workedMs += nowMs - watched.lookedMs;
  watched.lookedMs = nowMs;
  const cause = run.report.trouble?.cause;
  const trouble = cause === undefined ? null : troubleKind(cause);
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

/** Starts what is due, oldest first and one at a time; who has to wait for a place keeps all that want the same model waiting. */
function tasksStarter(project: ProjectPaths, { advance }: Hands) {
  const againAtMs = new Map<string, number>();
  let busy: Promise<void> | null = null;
  let running = new Set<string>();
  const modelOf = ({ asked, run }: Facts) => run?.record?.said ?? asked?.model ?? "";
  const isToWait = (key: string) => performance.now() < (againAtMs.get(key) ?? 0);
  const waitFor = (key: string, ms: number) => againAtMs.set(key, performance.now() + ms);
  return {
    isBusy: () => busy !== null,
    look(all: readonly Facts[]) {
      const live = new Set(
        all
          .filter((facts) => isLive(derive(facts)))
          .map((facts) => `${taskKey(facts)} ${facts.run?.number}`),
      );
      // A place is free.
      if (!running.isSubsetOf(live)) againAtMs.clear();
      running = live;
    },
    offer(facts: Facts) {
      const due = dueRun(facts);
      const keys = [taskKey(facts), `model ${modelOf(facts)}`] as const;
      if (busy !== null || due === null || keys.some(isToWait)) return;
      if (!isDueNow(due, Date.now(), { endedMs: facts.run?.endedMs ?? null })) return;
      busy = advance(facts)
        .then(({ againMs, isForAll }) => void waitFor(keys[isForAll ? 1 : 0], againMs))
        .catch((error: unknown) => {
          waitFor(keys[0], failedAgainMs);
          note(project, facts.id, `supervisor: ${String(error)}`);
        })
        .finally(() => (busy = null));
    },
  };
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

/** Whoever else wants the same backend would only meet the same limit. */
function pauseBackend(project: ProjectPaths, { id, run }: Facts, state: State): void {
  const backend = run?.record?.backend;
  if (state.kind !== "held" || state.cause === null || !isLimit(state.cause) || !backend) return;
  const nowMs = Date.now();
  const untilMs = state.untilMs ?? 0;
  if (untilMs - nowMs < pauseFromMs || readPause(backend, nowMs) !== null) return;
  const reason = `${backend} has reached its limit (${id}), until ${new Date(untilMs).toISOString()}`;
  addPause(backend, { untilMs, reason });
  note(project, id, reason);
}

/** Each change of what a task is, with its reason. */
function keepDiary(project: ProjectPaths, facts: Facts, state: State, watched: Watched): void {
  const said = isLive(state) ? state.kind : diaryText(facts, state);
  // What was so when the supervisor came was written down by the one before.
  const isNews = watched.said !== "" && watched.said !== said && !isLive(state);
  if (isNews) note(project, facts.id, said);
  watched.said = said;
}

function diaryText({ run }: Facts, state: State): string {
  const which = run === null ? "" : `run ${run.number} `;
  switch (state.kind) {
    case "failed":
      return `${which}failed (${state.cause}): ${state.evidence}`;
    case "held":
      return `held${state.untilMs === null ? "" : ` until ${new Date(state.untilMs).toISOString()}`}: ${state.reason}${state.evidence === null ? "" : `: ${state.evidence}`}`;
    case "queued":
    case "blocked":
    case "incomplete":
    case "lost":
      return `${which}${state.kind}: ${state.reason}`;
    default:
      return `${which}${state.kind}`;
  }
}

/** Learns what workers of each backend take. */
function memorySampler(): (all: readonly Facts[]) => void {
  const most = new Map<string, number>();
  let nextMs = performance.now() + memoryEveryMs / 6;
  return (all) => {
    const records = all.flatMap(({ run }) => (run?.record ? [{ run, record: run.record }] : []));
    for (const { run, record } of records) {
      const bytes = most.get(record.token);
      if (bytes === undefined || (run.live && run.exit === null)) continue;
      most.delete(record.token);
      learnNeed(record.backend, bytes);
    }
    if (performance.now() < nextMs) return;
    nextMs = performance.now() + memoryEveryMs;
    const now = bytesBy("DISPATCH_RUN");
    for (const { record } of records) {
      const bytes = now.get(record.token) ?? 0;
      if (bytes > 0) most.set(record.token, Math.max(bytes, most.get(record.token) ?? 0));
    }
  };
}

/** Has the user told of what no ledger holds; one at a time, and again where that fails. */
function notifier(project: ProjectPaths, { notify }: Hands) {
  let told = new Set<string>();
  let busy: Promise<void> | null = null;
  let stampMs = -1;
  let againAtMs = 0;
  const reread = () => {
    const ms = statSync(notifyLedger(project), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (ms !== stampMs) told = readLedger(project, notifyName);
    stampMs = ms;
  };
  return {
    isBusy: () => busy !== null,
    look(all: readonly Facts[]) {
      if (busy !== null || performance.now() < againAtMs) return;
      const keys = all.flatMap((facts) => eventsOf(facts, Date.now())).map(({ key }) => key);
      if (keys.every((key) => told.has(key))) return;
      reread();
      if (keys.every((key) => told.has(key))) return;
      busy = notify()
        .catch((error: unknown) => note(project, "notify", String(error)))
        .finally(() => {
          reread();
          if (!keys.every((key) => told.has(key))) againAtMs = performance.now() + notifyAgainMs;
          busy = null;
        });
    },
  };
}
