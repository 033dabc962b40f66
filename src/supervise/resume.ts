/** Going on with a task whose worker has gone. */

import { failed, refused } from "../core/error.ts";
import type { Config } from "../core/config.ts";
import { derive, type Facts, isLive } from "../core/task.ts";
import type { ProjectPaths, TaskPaths } from "../store/paths.ts";
import { continuation, launch } from "./launch.ts";
import { findRoute, rememberModel } from "./routing.ts";

/**
 * Starts the next run: in the worker's own session where its backend has one
 * that began, else afresh with what is on disk. Refuses while a run is live.
 *
 * @returns the new run's number
 */
export async function resumeTask(
  project: ProjectPaths,
  task: TaskPaths,
  facts: Facts,
  config: Config,
  wish: { model: string | null; fresh: boolean },
): Promise<number> {
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
  return number;
}
