/** Removing tasks, and what their runs left outside their folders. */

import { rmSync } from "node:fs";
import { derive, isLive } from "../core/state.ts";
import { isTmpOf, type ProjectPaths, runPaths, type TaskPaths } from "../store/paths.ts";
import { readRecord, runNumbers } from "../store/runs.ts";
import { removeTask, sweepStaging } from "../store/tasks.ts";
import { isLocked } from "../unix/lock.ts";
import { observe } from "./observe.ts";

/** Staged folders that are older than this were left by something that was killed. */
const abandonedMs = 3_600_000;

/**
 * Removes a task with its runs' folders for temporary files, unless somebody has
 * started it meanwhile.
 *
 * @returns false when the task runs and was left alone
 */
export function cleanTask(project: ProjectPaths, task: TaskPaths): boolean {
  if (isLive(derive(observe(task)))) return false;
  const tmps = tmpsOf(task);
  const isIdle = (moved: TaskPaths) =>
    runNumbers(moved).every((number) => !isLocked(runPaths(moved, number).log));
  if (!removeTask(project, task, isIdle)) return false;
  removeAll(tmps);
  return true;
}

/** Its runs' folders for temporary files. A record is a file that a worker could have changed: only those of our making. */
export const tmpsOf = (task: TaskPaths): string[] =>
  runNumbers(task)
    .flatMap((number) => readRecord(runPaths(task, number))?.tmp ?? [])
    .filter((tmp) => isTmpOf(task, tmp));

export function removeAll(folders: readonly string[]): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

export const sweep = (project: ProjectPaths) => sweepStaging(project, Date.now() - abandonedMs);
