/** Looks at tasks, one after every change: subscribe, look, wait. */

import type { Facts } from "../core/task.ts";
import { keepNotes } from "./notes.ts";
import { logName, type ProjectPaths, taskPaths } from "../store/paths.ts";
import { watchTicks } from "../unix/watch.ts";
import { observeAll } from "./observe.ts";

const heartbeatMs = 1_000;

/**
 * The facts of every task (or of `ids`) at once, and again whenever something
 * may have changed. Notes that a worker's rewrite has lost are put back.
 */
export async function* looks(
  project: ProjectPaths,
  ids: readonly string[] | null,
  until?: AbortSignal,
): AsyncGenerator<Facts[]> {
  for await (const _ of watchTicks(project.folder, heartbeatMs, { until, noisy: [logName] })) {
    const facts = observeAll(project, ids);
    for (const { id } of facts) keepNotes(taskPaths(project, id));
    yield facts;
  }
}
