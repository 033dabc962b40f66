/**
 * The supervisor: policy, and nothing that is truth. At most one per project
 * looks at its tasks as long as any of them is to go on by itself: starts what is
 * due, ends what must end, and has the user told. All that it knows stands on
 * disk; what it counts (how long a run has worked, or been in trouble) the next
 * one counts anew. It starts nothing itself: each start is a short-lived process
 * in the environment that the task was asked in.
 */

import { statSync } from "node:fs";
import { eventsOf, taskKey } from "../core/event.ts";
import { isLimit } from "../core/policy.ts";
import { derive, isMoving } from "../core/state.ts";
import type { Facts } from "../core/task.ts";
import { note } from "../store/journal.ts";
import type { ProjectPaths } from "../store/paths.ts";
import { addPause, readPause } from "../store/places.ts";
import { step } from "../store/step.ts";
import { notifyLedger, notifyName, readLedger } from "../store/told.ts";
import { holdLock, isLocked } from "../unix/lock.ts";
import { memorySampler } from "./appetite.ts";
import { looks } from "./changes.ts";
import { diary } from "./diary.ts";
import { counted, endWhatMustEnd, unseen, type Watched } from "./ending.ts";
import { tasksStarter, type Try } from "./starting.ts";

/** Many workers change many files: so often is enough. */
const paceMs = 250;
const notifyAgainMs = 5_000;
const pauseFromMs = 60_000;

/** What is done by processes of their own. */
export interface Hands {
  /** Starts the task's next run where there is a place. */
  advance: (facts: Facts) => Promise<Try>;
  /** Tells the user what is in no ledger yet. */
  notify: () => Promise<void>;
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
  /** Whatever one of its acts meets with, the others go on. */
  const attempt = (who: string, act: () => void) => {
    try {
      act();
    } catch (error) {
      note(project, who, `supervisor: ${String(error)}`);
    }
  };
  const starter = tasksStarter(hands.advance, (facts, error) =>
    note(project, facts.id, `supervisor: ${String(error)}`),
  );
  const teller = notifier(project, hands);
  const writeDown = diary(project);
  const sample = memorySampler();
  for await (const all of looks(project, null, { paceMs })) {
    // `.dispatch` was moved away, or made anew: whatever is there now is somebody else's to see to.
    if (!isStillOurs()) return;
    step("before the supervisor acts");
    starter.look(all);
    for (const facts of all.toSorted(byAge)) {
      if (facts.asked === null) continue;
      const task = counted(facts, watched.get(taskKey(facts)) ?? { ...unseen });
      watched.set(taskKey(facts), task);
      attempt(facts.id, () => {
        writeDown(facts);
        endWhatMustEnd(project, facts, task);
        pauseBackend(project, facts);
      });
      starter.offer(facts);
    }
    attempt("memory", () => sample(all));
    attempt("notify", () => teller.look(all));
    const isBusy =
      starter.isBusy() ||
      teller.isBusy() ||
      [...watched.values()].some(({ busy }) => busy !== null);
    if (!isBusy && !all.some(needsSupervisor)) return;
  }
}

const byAge = (a: Facts, b: Facts) =>
  (a.asked?.created ?? "").localeCompare(b.asked?.created ?? "") || a.id.localeCompare(b.id);

/** Whoever else wants the same backend would only meet the same limit. */
function pauseBackend(project: ProjectPaths, facts: Facts): void {
  const { id, run } = facts;
  const state = derive(facts);
  const backend = run?.record?.backend;
  if (state.kind !== "held" || state.cause === null || !isLimit(state.cause) || !backend) return;
  const nowMs = Date.now();
  const untilMs = state.untilMs ?? 0;
  if (untilMs - nowMs < pauseFromMs || readPause(backend, nowMs) !== null) return;
  const reason = `${backend} has reached its limit (${id}), until ${new Date(untilMs).toISOString()}`;
  addPause(backend, { untilMs, reason });
  note(project, id, reason);
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
      againAtMs = performance.now() + notifyAgainMs;
      busy = notify()
        .then(() => {
          reread();
          if (keys.every((key) => told.has(key))) againAtMs = 0;
        })
        .catch((error: unknown) => note(project, "notify", String(error)))
        .finally(() => (busy = null));
    },
  };
}
