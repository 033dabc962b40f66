/**
 * Named places between two acts, at which the chaos suite ends this process, as
 * `kill -9` would. They are in the binary of that suite alone: where `CHAOS` is
 * not set when it is built, nothing of them is left.
 */

import { appendFileSync } from "node:fs";

export const steps = [
  "before a file is published",
  "after a file is published",
  "before a run is placed",
  "after a run is placed",
  "before the shim is started",
  "after the shim is started",
  "after a place is taken",
  "after a task is made",
  "after a resume is asked for",
  "after an answer is posted",
  "before an answer is acknowledged",
  "after a stop is asked for",
  "after a note is stored",
  "before it is noted what was told",
  "after the supervisor has its lock",
  "before the supervisor lets go",
  "before the supervisor acts",
] as const;
/** Those on the way of a task's worktree: for storms of their own. */
export const worktreeSteps = [
  "after a worktree is added",
  "after work is saved",
  "after a worktree is moved out",
  "before a branch is removed",
  "after work is brought home",
  "after a task is moved out",
] as const;
export type Step = (typeof steps | typeof worktreeSteps)[number];

let passed = 0;

/**
 * `DISPATCH_STEP` is the name of a step and how often it may be passed: `before a run is placed:2`.
 * Who was ended at which is added to the file that `DISPATCH_STEP_LOG` names.
 */
export function step(name: Step): void {
  if (process.env["CHAOS"] !== "yes") return;
  const [wanted, times] = (process.env["DISPATCH_STEP"] ?? "").split(":");
  if (wanted !== name || passed++ !== Number(times)) return;
  const log = process.env["DISPATCH_STEP_LOG"];
  if (log) appendFileSync(log, `${name}\t${process.argv.slice(2, 4).join(" ")}\n`);
  process.kill(process.pid, "SIGKILL");
}
