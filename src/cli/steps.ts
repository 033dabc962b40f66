/**
 * The steps of a run before its worker and after it. They print nothing where all is
 * well: stdout and stderr are the run's log, which is the worker's to speak in.
 */

import { homedir } from "node:os";
import { settingsFor, type WorktreeSettings } from "../core/config.ts";
import { backendNames } from "../backends/index.ts";
import { loadConfig } from "../store/config-file.ts";
import { type ProjectPaths, runPaths } from "../store/paths.ts";
import { latestRun, requestStop } from "../store/runs.ts";
import { runCheck } from "../supervise/check.ts";
import { makeWorktree } from "../supervise/worktree.ts";
import { requireTask } from "./project.ts";

/** Makes what the worker is to work in; where that cannot be had, the run says why, and ends. */
export function makeGround(project: ProjectPaths, id: string): void {
  const task = requireTask(project, id);
  try {
    makeWorktree(project, task, worktreeSettings(project));
  } catch (error) {
    const evidence = error instanceof Error ? error.message : String(error);
    const failure = { cause: "start_failed" as const, evidence, resetsAtMs: null };
    requestStop(runPaths(task, latestRun(task)), failure);
    throw error;
  }
}

function worktreeSettings({ root }: ProjectPaths): WorktreeSettings {
  const config = loadConfig(backendNames)?.config;
  // The user has removed it meanwhile.
  if (config === undefined) return { copy: [], setup: null, keep: false };
  return settingsFor(config, root, homedir()).worktree;
}

/** Checks what the worker has done. */
export const checkWork = (project: ProjectPaths, id: string, name: string) =>
  runCheck(project, requireTask(project, id), name);
