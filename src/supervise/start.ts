/** A new task with its first worker: both, or neither. */

import { rmSync } from "node:fs";
import { refused } from "../core/error.ts";
import type { Route } from "../core/route.ts";
import type { Asked } from "../core/task.ts";
import type { ProjectPaths, TaskPaths } from "../store/paths.ts";
import { latestRun } from "../store/runs.ts";
import { createTask, ensureProject, taskExists } from "../store/tasks.ts";
import { launch } from "./launch.ts";
import { rememberModel } from "./routing.ts";

/**
 * Takes the first of `ids` that is free and starts a worker on it.
 *
 * @param plan the first text of plan.md
 */
export async function startTask(
  project: ProjectPaths,
  ids: Iterable<string>,
  plan: string,
  asked: Asked,
  route: Route,
): Promise<TaskPaths> {
  ensureProject(project);
  const task = takeTask(project, ids, plan, asked);
  try {
    rememberModel(route);
    await launch(project, task, asked, route, { kind: "fresh" }, 1);
    return task;
  } catch (error) {
    // Nobody has seen a run of it: the id must not stay taken.
    if (latestRun(task) === 0) rmSync(task.folder, { recursive: true, force: true });
    throw error;
  }
}

function takeTask(
  project: ProjectPaths,
  ids: Iterable<string>,
  plan: string,
  asked: Asked,
): TaskPaths {
  let last = "";
  for (const id of ids) {
    last = id;
    const task = taskExists(project, id) ? null : createTask(project, id, asked, plan);
    if (task !== null) return task;
  }
  throw refused(
    "id_taken",
    `the id ${last} is taken`,
    `dispatch status ${last}; or another --id, or: dispatch clean ${last}`,
  );
}
