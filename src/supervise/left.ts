/** Where what tasks have left behind is to be found. */

import type { Facts } from "../core/task.ts";
import { type ProjectPaths, taskPaths, worktreePath } from "../store/paths.ts";
import { folderExists } from "../store/tasks.ts";

/** Where its output is, or null where the worker wrote none. */
export const outputOf = (project: ProjectPaths, facts: Facts): string | null =>
  facts.hasOutput ? taskPaths(project, facts.id).output : null;

/** Where its output and its worktree are; null where it has none, or none any more. */
export function placesOf(project: ProjectPaths, facts: Facts) {
  const path = worktreePath(project, facts.id);
  const isThere = facts.worktree !== null && facts.worktree.made !== null && folderExists(path);
  return { output: outputOf(project, facts), worktree: isThere ? path : null };
}
