/**
 * Stopping a run: the intent first, then the backend's own polite way, TERM,
 * and KILL, until nothing of it is left. Agents start their tools in sessions
 * of their own, so every round looks for all that carries the run's token.
 */

import type { RunFacts } from "../core/task.ts";
import { backendNamed } from "../backends/index.ts";
import type { RunPaths } from "../store/paths.ts";
import { requestStop } from "../store/runs.ts";
import { type Launcher, localLauncher, type Run } from "./launcher.ts";

const pollMs = 40;

/** True once nothing of the run is left; false when something would not die. */
export async function stopRun(
  facts: RunFacts,
  paths: RunPaths,
  graceMs: number,
  launcher: Launcher = localLauncher,
): Promise<boolean> {
  const run: Run = { paths, token: facts.record?.token ?? "" };
  if (facts.live) requestStop(paths);
  if (run.token === "") return launcher.poll([run]).get(run) === "gone";

  const polite = backendNamed(facts.record!.backend).stopSignal;
  const rounds: [NodeJS.Signals, number][] = [
    [polite, graceMs / 2],
    ["SIGTERM", graceMs / 2],
    ["SIGKILL", 2_000],
    // Whatever was forked while the last round looked.
    ["SIGKILL", 2_000],
  ];
  for (const [name, patienceMs] of rounds) {
    if (launcher.cancel(run, name) === 0) return true;
    if (await isGoneWithin(run, patienceMs, launcher)) return true;
  }
  return false;
}

async function isGoneWithin(run: Run, patienceMs: number, launcher: Launcher): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  while (performance.now() < deadline) {
    await Bun.sleep(pollMs);
    if (launcher.poll([run]).get(run) === "gone" && launcher.survivors(run) === 0) return true;
  }
  return false;
}
