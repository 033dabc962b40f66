/** Removing tasks, and what their runs left outside their folders. */

import { rmSync } from "node:fs";
import { derive, isLive } from "../core/state.ts";
import type { Facts } from "../core/task.ts";
import { counted } from "../core/text.ts";
import { isTmpOf, type ProjectPaths, runPaths, type TaskPaths } from "../store/paths.ts";
import { readRecord, runNumbers } from "../store/runs.ts";
import { removeTask, sweepStaging } from "../store/tasks.ts";
import { isLocked } from "../unix/lock.ts";
import { observe } from "./observe.ts";
import { type Rescued, takeDown, unsavedOf } from "./rescue.ts";
import { keepSpending } from "./spending.ts";

/** Staged folders that are older than this were left by something that was killed. */
const abandonedMs = 3_600_000;

export type Cleaned =
  | { kind: "removed"; rescued: Rescued }
  /** It runs, and was left alone. */
  | { kind: "live" };

/**
 * Removes a task with its worktree, of which all that is nowhere else is saved first,
 * and its runs' folders for temporary files. Throws, with the task left as it is, where
 * the worktree is in use or cannot be saved.
 */
export function cleanTask(project: ProjectPaths, task: TaskPaths): Cleaned {
  const facts = observe(task);
  if (isLive(derive(facts))) return { kind: "live" };
  keepSpending(project, task);
  const tmps = tmpsOf(task);
  let rescued: Rescued = { refs: [], folder: null };
  const isReady = (moved: TaskPaths) => {
    if (runNumbers(moved).some((number) => isLocked(runPaths(moved, number).log))) return false;
    if (facts.worktree !== null) rescued = takeDown(project, facts, facts.asked?.title ?? facts.id);
    return true;
  };
  if (!removeTask(project, task, isReady)) return { kind: "live" };
  removeAll(tmps);
  return { kind: "removed", rescued };
}

/** Why a task is not removed unless somebody says so: what of its work is nowhere else. Null: nothing is. */
export function whyKeep(project: ProjectPaths, facts: Facts): string | null {
  if (facts.worktree === null) return null;
  const { commits, files } = unsavedOf(project, facts);
  const said = [
    ...(commits === 0 ? [] : [counted(commits, "commit")]),
    ...(files === 0 ? [] : [`${counted(files, "file")} not committed`]),
  ];
  return said.length === 0 ? null : `${said.join(" and ")}, nowhere else`;
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
