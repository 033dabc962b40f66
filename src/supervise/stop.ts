/**
 * Stopping runs: the intent first, then the backend's own polite way, TERM,
 * and KILL, until nothing of them is left. Agents start their tools
 * in sessions of their own, so every round looks for all that carries a run's marks.
 */

import { backendNamed } from "../backends/index.ts";
import { derive } from "../core/state.ts";
import { runPaths, type TaskPaths } from "../store/paths.ts";
import { giveUp, readRecord, requestStop } from "../store/runs.ts";
import { step } from "../store/step.ts";
import { oneAtATime } from "./admission.ts";
import { type Launcher, localLauncher, type Run } from "./launcher.ts";
import { observe } from "./observe.ts";

const pollMs = 40;

/** Ends these runs of a task; true once nothing of them is left, false when something would not die. */
export async function stopRuns(
  task: TaskPaths,
  numbers: readonly number[],
  graceMs: number,
  launcher: Launcher = localLauncher,
): Promise<boolean> {
  const ended = await Promise.all(
    numbers.map((number) => stopRun(task, number, graceMs, launcher)),
  );
  return ended.every(Boolean);
}

/** Keeps a task that is queued or held from starting; false where it is neither, or starts just then. */
export function giveUpTask(task: TaskPaths): boolean {
  return oneAtATime(() => {
    const facts = observe(task);
    const { kind } = derive(facts);
    if (facts.asked === null || (kind !== "queued" && kind !== "held")) return false;
    giveUp(runPaths(task, facts.run?.number ?? 0));
    return true;
  });
}

async function stopRun(
  task: TaskPaths,
  number: number,
  graceMs: number,
  launcher: Launcher,
): Promise<boolean> {
  const paths = runPaths(task, number);
  const record = readRecord(paths);
  const run: Run = { paths, taskFolder: task.folder, token: record?.token ?? null };
  const isLive = launcher.poll([run]).get(run) !== "gone";
  if (!isLive && launcher.survivors(run) === 0) return true;
  try {
    if (isLive) requestStop(paths);
  } catch {
    // A full disk: to end it matters more than to say who did.
  }

  step("after a stop is asked for");
  const polite = record === null ? "SIGTERM" : backendNamed(record.backend).stopSignal;
  const rounds: [NodeJS.Signals, number][] = [
    [polite, graceMs / 2],
    ["SIGTERM", graceMs / 2],
    ["SIGKILL", 2_000],
    // Whatever was forked while the last round looked.
    ["SIGKILL", 2_000],
  ];
  for (const [name, patienceMs] of rounds) {
    launcher.cancel(run, name);
    if (await isGoneWithin(run, patienceMs, launcher)) return true;
  }
  return false;
}

async function isGoneWithin(run: Run, patienceMs: number, launcher: Launcher): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  do {
    await Bun.sleep(pollMs);
    if (launcher.poll([run]).get(run) === "gone" && launcher.survivors(run) === 0) return true;
  } while (performance.now() < deadline);
  return false;
}
