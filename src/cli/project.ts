/** Which project and which task a command is about. */

import { basename, resolve } from "node:path";
import { notFound, usageError } from "../core/error.ts";
import { badTaskId, isTaskId } from "../core/task-id.ts";
import { didYouMean } from "../core/text.ts";
import {
  dispatchFolder,
  type ProjectPaths,
  projectPaths,
  rootAbove,
  type TaskPaths,
  taskPaths,
} from "../store/paths.ts";
import { checkProject, checkTask, taskExists, taskIds } from "../store/tasks.ts";
import { gitTopLevel } from "../unix/git.ts";

/** The nearest git top level, else the current folder; for a worker, the project of its task. */
export function currentProject(): ProjectPaths {
  const own = process.env["DISPATCH_TASK_DIR"];
  const project = own ? projectOf(own) : projectPaths(currentRoot());
  checkProject(project);
  return project;
}

/** The project that a worker's task folder belongs to. */
function projectOf(taskFolder: string): ProjectPaths {
  const project = projectPaths(resolve(taskFolder, "../../.."));
  const id = basename(taskFolder);
  if (isTaskId(id) && taskPaths(project, id).folder === taskFolder && taskExists(project, id))
    return project;
  throw usageError(
    `DISPATCH_TASK_DIR is ${JSON.stringify(taskFolder)}, which is no task's folder`,
    "unset DISPATCH_TASK_DIR",
  );
}

function currentRoot(): string {
  const here = process.cwd();
  return rootAbove(gitTopLevel(here) ?? here);
}

/** Where the person stands, below the project's root. */
export function folderInProject(project: ProjectPaths): string {
  const here = process.cwd();
  return here.startsWith(`${project.root}/`) ? here.slice(project.root.length + 1) : "";
}

/** The task of that id; exit 3 with the nearest id where there is none. */
export function requireTask(project: ProjectPaths, id: string): TaskPaths {
  if (!isTaskId(id)) throw badTaskId(id);
  if (taskExists(project, id)) {
    const task = taskPaths(project, id);
    checkTask(task);
    return task;
  }
  const ids = taskIds(project);
  throw notFound(
    "unknown_task",
    `no task ${id} in ${project.root}/${dispatchFolder}${didYouMean(id, ids)}`,
    ids.length === 0 ? 'there are none yet: dispatch run "…"' : "dispatch status lists them",
  );
}

/** Those of `ids`, each of which must be there; null for "all" when none was named. */
export function requireTasks(project: ProjectPaths, ids: readonly string[]): string[] | null {
  return ids.length === 0 ? null : ids.map((id) => requireTask(project, id).id);
}
