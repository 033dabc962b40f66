/** The supervisor's acts, each a process of its own. */

import { printJson } from "../render/write.ts";
import type { ProjectPaths } from "../store/paths.ts";
import { advanceOrFail } from "../supervise/advance.ts";
import { observeAll } from "../supervise/observe.ts";
import type { Try } from "../supervise/starting.ts";
import { configured } from "./configured.ts";
import { notifyUser } from "./notifying.ts";
import { requireTask } from "./project.ts";

const soonMs = 500;
const leastMs = 100;

/** Starts a task's next run where there is a place; says on stdout when to look again. */
export async function advanceOne(project: ProjectPaths, id: string): Promise<void> {
  const advanced = await advanceOrFail(project, requireTask(project, id), await configured());
  const tried: Try =
    advanced.kind === "waits"
      ? { againMs: Math.max(advanced.againMs, leastMs), isForAll: true }
      : { againMs: soonMs, isForAll: false };
  printJson(tried);
}

/** Tells the user what is new. */
export async function notifyOfAll(project: ProjectPaths): Promise<void> {
  await notifyUser(project, observeAll(project), (await configured()).notify);
}
