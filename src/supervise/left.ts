/** What tasks have left behind. */

import type { Facts } from "../core/task.ts";
import { type ProjectPaths, taskPaths } from "../store/paths.ts";
import { changesSince } from "../unix/git.ts";

/** A worker's last write may carry a time just past its end. */
const slackMs = 2_000;

/** Where its output is, or null where the worker wrote none. */
export const outputOf = (project: ProjectPaths, facts: Facts): string | null =>
  facts.hasOutput ? taskPaths(project, facts.id).output : null;

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
  const changes = times.length === 0 ? null : changesSince(project.root, Math.min(...times));
  return (facts) => {
    const [fromMs, endedMs] = [began(facts), facts.run?.endedMs ?? Date.now()];
    if (changes === null || Number.isNaN(fromMs)) return null;
    const isWithin = ({ ms }: { ms: number }) =>
      ms >= Math.floor(fromMs) && ms <= endedMs + slackMs;
    return changes.filter(isWithin).map(({ path }) => path);
  };
}
