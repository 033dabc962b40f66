/** Looks at tasks, one after every change: subscribe, look, wait. */

import type { Facts } from "../core/task.ts";
import { logName, type ProjectPaths, runPaths, type TaskPaths, taskPaths } from "../store/paths.ts";
import { changeMark, taskIds } from "../store/tasks.ts";
import { isLocked } from "../unix/lock.ts";
import { watchTicks } from "../unix/watch.ts";
import { keepNotes } from "./notes.ts";
import { observe, type Parents } from "./observe.ts";

const heartbeatMs = 1_000;
/** Two changes within one tick of the file system's clock look like one: younger marks are not trusted. */
const settledMs = 1_000;

/**
 * The facts of every task (or of `ids`) at once, and again whenever something
 * may have changed. Notes that a worker's rewrite has lost are put back. A task
 * is read again only when its folders have changed, or its worker has ended.
 *
 * @param paceMs the least time between two looks
 */
export async function* looks(
  project: ProjectPaths,
  ids: readonly string[] | null,
  { until, paceMs = 0 }: { until?: AbortSignal | undefined; paceMs?: number } = {},
): AsyncGenerator<Facts[]> {
  const seen = new Map<string, { mark: string; facts: Facts }>();
  let parents: Parents = new Map();

  const look = (id: string): Facts => {
    const task = taskPaths(project, id);
    const known = seen.get(id);
    if (known !== undefined && markOf(task, known.facts).mark === known.mark)
      if (!hasVanished(task, known.facts)) return known.facts;

    const beganMs = Date.now();
    keepNotes(task);
    const facts = observe(task, parents);
    const { mark, newestMs } = markOf(task, facts);
    // Nothing has changed during the look either. Other tasks can change what those with parents are.
    const isSettled = newestMs < beganMs - settledMs && facts.parents.length === 0;
    if (isSettled) seen.set(id, { mark, facts });
    else seen.delete(id);
    return facts;
  };
  /** A task whose files cannot be read must not keep the others from being heard of. */
  const lookIfPossible = (id: string): Facts | [] => {
    try {
      return look(id);
    } catch {
      return [];
    }
  };

  const options = { until, paceMs, noisy: [logName] };
  // Not all of `.dispatch`: worktrees may hold hundreds of thousands of files.
  for await (const _ of watchTicks(project.tasks, heartbeatMs, options)) {
    parents = new Map();
    yield ids?.map(look) ?? taskIds(project).flatMap(lookIfPossible);
  }
}

const markOf = (task: TaskPaths, { run }: Facts) => changeMark(task, run?.number ?? 0);

/** The end of a worker that was killed changes no file. */
const hasVanished = (task: TaskPaths, { run }: Facts) =>
  run !== null && run.live && run.exit === null && !isLocked(runPaths(task, run.number).log);
