/** Going on with a task whose worker has gone. */

import { failed, refused } from "../core/error.ts";
import type { Config } from "../core/config.ts";
import { derive, type Facts, isLive } from "../core/task.ts";
import { type ProjectPaths, runPaths, type TaskPaths } from "../store/paths.ts";
import { runNumbers } from "../store/runs.ts";
import { isLocked } from "../unix/lock.ts";
import { continuation, launch } from "./launch.ts";
import { findRoute, rememberModel } from "./routing.ts";
import { stopRuns } from "./stop.ts";

const leftoverGraceMs = 2_000;

export interface Resumed {
  number: number;
  inSession: boolean;
}

/**
 * Starts the next run: in the worker's own session where its backend has one
 * that began, else afresh with what is on disk. Refuses while a run is live.
 *
 * @returns the new run's number, and whether it goes on in the old session
 */
export async function resumeTask(
  project: ProjectPaths,
  task: TaskPaths,
  facts: Facts,
  config: Config,
  wish: { model: string | null; fresh: boolean },
): Promise<Resumed> {
  if (isLive(derive(facts))) {
    throw refused(
      "live",
      `${task.id} is still ${derive(facts).kind}`,
      `dispatch status ${task.id}, or first: dispatch stop ${task.id}`,
    );
  }
  if (facts.asked === null) {
    throw failed(
      "not_ours",
      `${task.id} was not made by dispatch: there is no task.yaml to start it from`,
      `dispatch run --plan ${task.plan} "…"`,
    );
  }
  // The record says that the run is over, but an agent whose parent was killed may work on.
  // Only runs that were seen to be over: somebody else may have started the next one meanwhile.
  const seen = runNumbers(task).filter((each) => each <= (facts.run?.number ?? 0));
  const held = seen.filter((each) => isLocked(runPaths(task, each).log));
  if (!(await stopRuns(task, held, leftoverGraceMs))) {
    throw failed(
      "not_stopped",
      `something of ${task.id} would not end`,
      `dispatch stop ${task.id}`,
    );
  }
  const route = await findRoute({ prompt: "", model: wish.model ?? facts.asked.model }, config);
  rememberModel(route);
  const start = continuation(facts, route);
  const { questions, hasContext } = facts;
  const chosen =
    wish.fresh && start.kind === "session"
      ? ({ kind: "handover", questions, hasContext } as const)
      : start;
  const number = (facts.run?.number ?? 0) + 1;
  await launch(project, task, facts.asked, route, chosen, number);
  return { number, inSession: chosen.kind === "session" };
}
