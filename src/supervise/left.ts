/** What tasks have left behind. */

import type { Facts } from "../core/task.ts";
import { type ProjectPaths, taskPaths } from "../store/paths.ts";
import { changesSince, type FileChange } from "../unix/git.ts";

/** A worker's last write may carry a time just past its end. */
const slackMs = 2_000;

/** Where its output is, or null where the worker wrote none. */
export const outputOf = (project: ProjectPaths, facts: Facts): string | null =>
  facts.hasOutput ? taskPaths(project, facts.id).output : null;

/** For the length of one telling, which is synchronous: news of several ledgers is told in it, and git may be slow. */
let looked: { sinceMs: number; changes: FileChange[] | null } | null = null;

function changesNow(root: string, sinceMs: number): FileChange[] | null {
  if (looked === null || (looked.changes !== null && looked.sinceMs > sinceMs)) {
    looked = { sinceMs, changes: changesSince(root, sinceMs) };
    queueMicrotask(() => (looked = null));
  }
  return looked.changes;
}

/**
 * Of each task, the files of the checkout that changed while it ran, by its worker
 * or by anybody else; null where git cannot tell. Starts git, once for all of them:
 * for outcomes, not for every look.
 */
export function changedDuring(
  project: ProjectPaths,
  all: readonly Facts[],
): (facts: Facts) => string[] | null {
  const began = (facts: Facts) =>
    Date.parse(facts.asked?.created ?? facts.run?.record?.started ?? "");
  const times = all.map(began).filter((ms) => !Number.isNaN(ms));
  const changes = times.length === 0 ? null : changesNow(project.root, Math.min(...times));
  return (facts) => {
    const [fromMs, endedMs] = [began(facts), facts.run?.endedMs ?? Date.now()];
    if (changes === null || Number.isNaN(fromMs)) return null;
    const isWithin = ({ ms }: { ms: number }) =>
      ms >= Math.floor(fromMs) && ms <= endedMs + slackMs;
    return changes.filter(isWithin).map(({ path }) => path);
  };
}
