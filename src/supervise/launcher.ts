/**
 * The seam between a run and where it is executed. A launcher only starts, looks
 * and cancels: whether a run ended, and how, is told by its exit record alone.
 * Handles are made of the task's id and the run's number, so that submitting
 * the same run twice is the same as once.
 */

import { isLocked } from "../unix/lock.ts";
import { findMarked, signal } from "../unix/processes.ts";
import { startShim } from "../unix/spawn.ts";
import type { RunPaths } from "../store/paths.ts";
import type { Command } from "./command.ts";

export interface Run {
  paths: RunPaths;
  /** The task's folder; with the token it marks all that the run has started. */
  taskFolder: string;
  /** Null where the run's record cannot be read: the folder's mark has to do. */
  token: string | null;
}

/** `unknown` counts as alive; `gone` without an exit record is lost. */
export type Presence = "pending" | "running" | "gone" | "unknown";

export interface Launcher {
  /** Returns once the worker has been exec'd, or could not be; owns `logFd` from now on. */
  submit(run: Run, command: Command, logFd: number): Promise<void>;
  poll(runs: readonly Run[]): Map<Run, Presence>;
  /** Sends a signal to all that the run has started; returns how many processes that were. */
  cancel(run: Run, name: NodeJS.Signals): number;
  /** How many of the run's processes there are. */
  survivors(run: Run): number;
}

/** This machine: a detached shim, the kernel's lock, and signals. */
export const localLauncher: Launcher = {
  submit: ({ paths }, command, logFd) =>
    startShim({
      runDir: paths.folder,
      argv: command.argv,
      cwd: command.cwd,
      env: command.env,
      stdinPath: command.stdinPath,
      logFd,
    }),
  poll: (runs) =>
    new Map(runs.map((run) => [run, isLocked(run.paths.log) ? "running" : "gone"] as const)),
  cancel: (run, name) => {
    const processes = findMarked(marksOf(run));
    for (const { pid } of processes) signal(pid, name);
    return processes.length;
  },
  survivors: (run) => findMarked(marksOf(run)).length,
};

/** As they stand in the environment of everything that a run starts. */
const marksOf = ({ taskFolder, token }: Run) => [
  `DISPATCH_TASK_DIR=${taskFolder}`,
  ...(token === null ? [] : [`DISPATCH_RUN=${token}`]),
];
