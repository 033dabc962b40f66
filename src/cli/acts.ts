/** The supervisor's acts, each a process of its own. */

import { homedir } from "node:os";
import { settingsFor } from "../core/config.ts";
import { printJson } from "../render/write.ts";
import type { ProjectPaths } from "../store/paths.ts";
import { advanceOrFail } from "../supervise/advance.ts";
import { runCheck } from "../supervise/check.ts";
import { observeAll } from "../supervise/observe.ts";
import type { Try } from "../supervise/starting.ts";
import { configured } from "./configured.ts";
import { notifyUser } from "./notifying.ts";
import { makeWorktree } from "../supervise/worktree.ts";
import { latestRun, requestStop } from "../store/runs.ts";
import { runPaths } from "../store/paths.ts";
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

/** Makes what a run's worker is to work in; where that cannot be had, the run says why, and ends. */
export async function groundOne(project: ProjectPaths, id: string): Promise<void> {
  const task = requireTask(project, id);
  try {
    makeWorktree(project, task, settingsFor(await configured(), project.root, homedir()).worktree);
  } catch (error) {
    const evidence = error instanceof Error ? error.message : String(error);
    const failure = { cause: "start_failed" as const, evidence, resetsAtMs: null };
    requestStop(runPaths(task, latestRun(task)), failure);
    throw error;
  }
}

/** Runs the check that follows a worker. */
export const checkOne = (project: ProjectPaths, id: string) =>
  runCheck(project, requireTask(project, id));

/** Tells the user what is new. */
export async function notifyOfAll(project: ProjectPaths): Promise<void> {
  await notifyUser(project, observeAll(project), (await configured()).notify);
}
