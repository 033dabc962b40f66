/** New tasks with their first workers: all of them, or none. */

import type { Config } from "../core/config.ts";
import { refused } from "../core/error.ts";
import type { Route } from "../core/route.ts";
import type { Asked } from "../core/task.ts";
import type { ProjectPaths, TaskPaths } from "../store/paths.ts";
import { runNumbers } from "../store/runs.ts";
import { createTask, taskExists } from "../store/tasks.ts";
import { step } from "../store/step.ts";
import { oneAtATime } from "./admission.ts";
import { advance, type Advanced } from "./advance.ts";
import { removeAll, tmpsOf } from "./clean.ts";
import { rememberModel } from "./routing.ts";
import { stopRuns } from "./stop.ts";

const takeBackMs = 1_000;

export interface NewTask {
  /** The ids to try, best first. */
  ids: Iterable<string>;
  /** The first text of plan.md. */
  plan: string;
  asked: Asked;
  route: Route;
}

/** In a project that is there: takes an id for each of them, then starts those that may start now; where one cannot be started, none is left. */
export async function startTasks(
  project: ProjectPaths,
  wanted: readonly NewTask[],
  config: Config,
): Promise<{ task: TaskPaths; advanced: Advanced }[]> {
  const tasks: TaskPaths[] = [];
  try {
    for (const { ids, plan, asked } of wanted) tasks.push(takeTask(project, ids, plan, asked));
    step("after a task is made");
    const started = [];
    for (const [index, { route }] of wanted.entries()) {
      const task = tasks[index]!;
      rememberModel(route);
      const advanced = await advance(project, task, config, route);
      started.push({ task, advanced });
    }
    return started;
  } catch (error) {
    // Nobody was told of them. Writes nothing: a full disk may be why we are here.
    for (const task of tasks) await takeBack(task);
    throw error;
  }
}

async function takeBack(task: TaskPaths): Promise<void> {
  for (let isGone = false; !isGone;) {
    const numbers = runNumbers(task);
    await stopRuns(task, numbers, takeBackMs).catch(() => false);
    // The supervisor may have started the next one meanwhile: its worker must not be left without a task.
    isGone = oneAtATime(() => {
      if (runNumbers(task).length > numbers.length) return false;
      removeAll([...tmpsOf(task), task.folder]);
      return true;
    });
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
  throw idTaken(last);
}

export const idTaken = (id: string) =>
  refused(
    "id_taken",
    `the id ${id} is taken`,
    `dispatch status ${id}; or another id, or: dispatch clean ${id}`,
  );
