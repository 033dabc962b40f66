/** Looks at tasks, one after every change: subscribe, look, wait. */

import { derive, type Facts, hasEnded } from "../core/task.ts";
import { logName, type ProjectPaths, taskPaths } from "../store/paths.ts";
import { changeMark, taskIds } from "../store/tasks.ts";
import { watchTicks } from "../unix/watch.ts";
import { keepNotes } from "./notes.ts";
import { observe } from "./observe.ts";

const heartbeatMs = 1_000;
/** Two changes within one tick of the file system's clock look like one: younger marks are not trusted. */
const settledMs = 1_000;

/**
 * The facts of every task (or of `ids`) at once, and again whenever something
 * may have changed. Notes that a worker's rewrite has lost are put back.
 * Tasks that have ended are read again only when their folders have changed.
 */
export async function* looks(
  project: ProjectPaths,
  ids: readonly string[] | null,
  until?: AbortSignal,
): AsyncGenerator<Facts[]> {
  const ended = new Map<string, { mark: string; facts: Facts }>();

  const look = (id: string): Facts => {
    const task = taskPaths(project, id);
    // Taken before the look: what changes during it shows at the next one.
    const { mark, newestMs } = changeMark(task);
    const known = ended.get(id);
    if (known?.mark === mark) return known.facts;

    keepNotes(task);
    const facts = observe(task);
    ended.delete(id);
    const isSettled = newestMs < Date.now() - settledMs;
    if (isSettled && hasEnded(derive(facts))) ended.set(id, { mark, facts });
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

  for await (const _ of watchTicks(project.folder, heartbeatMs, { until, noisy: [logName] })) {
    yield ids?.map(look) ?? taskIds(project).flatMap(lookIfPossible);
  }
}
