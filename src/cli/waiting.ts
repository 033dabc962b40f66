/** Why tasks wait that could start by themselves. */

import { isDueNow } from "../core/policy.ts";
import { dueRun } from "../core/state.ts";
import type { Facts } from "../core/task.ts";
import type { ProjectPaths } from "../store/paths.ts";

/** By id; what a time to come, or its parents, will end says so in its state. Reads the config only where one waits. */
export async function whyWaiting(
  project: ProjectPaths,
  all: readonly Facts[],
): Promise<Map<string, string>> {
  const waits = new Map<string, string>();
  const due = all.filter((facts) => {
    const run = dueRun(facts);
    return run !== null && isDueNow(run, Date.now(), { endedMs: facts.run?.endedMs ?? null });
  });
  if (due.length === 0) return waits;
  const { backendNames } = await import("../backends/index.ts");
  const { loadConfig } = await import("../store/config-file.ts");
  const { whyNotAdvance } = await import("../supervise/advance.ts");
  for (const facts of due) {
    try {
      const config = loadConfig(backendNames)?.config;
      const wait = config === undefined ? null : await whyNotAdvance(project, facts, config);
      waits.set(facts.id, wait ?? "about to start");
    } catch {
      // What keeps it from starting is told by whoever tries.
    }
  }
  return waits;
}
