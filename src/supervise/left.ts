/** What a task has left behind. */

import type { Facts } from "../core/task.ts";
import { type ProjectPaths, taskPaths } from "../store/paths.ts";
import { changedFiles } from "../unix/git.ts";

/** A worker's last write may carry a time just past its end. */
const slackMs = 2_000;

/** Where its output is, or null where the worker wrote none. */
export const outputOf = (project: ProjectPaths, facts: Facts): string | null =>
  facts.hasOutput ? taskPaths(project, facts.id).output : null;

/**
 * Files of the checkout that changed while the task ran, by its worker or by
 * anybody else; null where git cannot tell. Starts git: for outcomes, not for every look.
 */
export function changedDuring(project: ProjectPaths, facts: Facts): string[] | null {
  const began = facts.asked?.created ?? facts.run?.record?.started;
  if (began === undefined) return null;
  const endedMs = facts.run?.endedMs ?? Date.now();
  return changedFiles(project.root, Date.parse(began), endedMs + slackMs);
}
