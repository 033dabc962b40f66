/** Admission: whether a worker may start now, decided by one starter at a time. */

import { mkdirSync } from "node:fs";
import { type Limits, whyWait, type Wait } from "../core/admission.ts";
import { homePaths, type ProjectPaths } from "../store/paths.ts";
import { readNeed, readPause, readPlaces, type Worker } from "../store/places.ts";
import { isLocked, withLock } from "../unix/lock.ts";
import { machineMemory } from "../unix/memory.ts";

const patienceMs = 10_000;

/**
 * Runs `body` while nobody else starts, or gives up, a task of this user's. Without the lock,
 * where it cannot be had: what matters, that a run's number is taken once, holds all the same.
 */
export function oneAtATime<T>(body: () => T): T {
  const { folder, admissionLock } = homePaths();
  let isIn = false;
  const inside = () => {
    isIn = true;
    return { value: body() };
  };
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const result = withLock(admissionLock, patienceMs, inside);
    if (result !== undefined) return result.value;
  } catch (error) {
    if (isIn) throw error;
  }
  return body();
}

const isThere = ({ log }: Worker) => isLocked(log);

/** Null where a worker of that backend may start. One that somebody wants to go on need not wait for its account's limit to be lifted. */
export function whyNotNow(
  project: ProjectPaths,
  backend: string,
  limits: Limits,
  isAskedFor: boolean,
): Wait | null {
  const nowMs = Date.now();
  const pause = isAskedFor ? null : readPause(backend, nowMs);
  if (pause !== null)
    return {
      reason: pause.reason,
      againMs: Math.min(pause.untilMs - nowMs, 60_000),
      isBrief: false,
    };
  const wanted = { project: project.root, backend, needsBytes: readNeed };
  return whyWait(wanted, readPlaces(isThere), limits, machineMemory(), nowMs);
}
