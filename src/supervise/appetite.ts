/** Learning what workers of each backend take of the machine's memory. */

import type { Facts } from "../core/task.ts";
import { learnNeed } from "../store/places.ts";
import { bytesBy } from "../unix/memory.ts";

const everyMs = 30_000;
/** A short run is measured too. */
const firstMs = 5_000;

/** Measures now and then, and remembers the most that each worker took when it has ended. */
export function memorySampler(): (all: readonly Facts[]) => void {
  const most = new Map<string, number>();
  let nextMs = performance.now() + firstMs;
  return (all) => {
    const records = all.flatMap(({ run }) => (run?.record ? [{ run, record: run.record }] : []));
    for (const { run, record } of records) {
      const bytes = most.get(record.token);
      if (bytes === undefined || (run.live && run.exit === null)) continue;
      most.delete(record.token);
      learnNeed(record.backend, bytes);
    }
    if (performance.now() < nextMs) return;
    nextMs = performance.now() + everyMs;
    const now = bytesBy("DISPATCH_RUN");
    for (const { record } of records) {
      const bytes = now.get(record.token) ?? 0;
      if (bytes > 0) most.set(record.token, Math.max(bytes, most.get(record.token) ?? 0));
    }
  };
}
