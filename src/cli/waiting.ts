/** Why tasks wait that could start by themselves. */

import { derive, dueRun } from "../core/state.ts";
import type { Facts } from "../core/task.ts";
import type { ProjectPaths } from "../store/paths.ts";

/** By id; what only time, or its parents, will end says so in its state. Reads the config only where one waits. */
export async function whyWaiting(
  project: ProjectPaths,
  all: readonly Facts[],
): Promise<Map<string, string>> {
  const waits = new Map<string, string>();
  const due = all.filter(
    (facts) => derive(facts).kind === "queued" && dueRun(facts) !== null && facts.asked !== null,
  );
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
