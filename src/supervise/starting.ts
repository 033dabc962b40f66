/** Starting what is due: oldest first, and one at a time. */

import { taskKey } from "../core/event.ts";
import { type Due, isDueNow } from "../core/policy.ts";
import { derive, dueRun, isLive } from "../core/state.ts";
import type { Facts } from "../core/task.ts";

const failedAgainMs = 10_000;

/** What came of it: when to look again, milliseconds from now, and whether all who want that model had better wait. */
export interface Try {
  againMs: number;
  isForAll: boolean;
}

/** Who has to wait for a place keeps all that want the same model waiting. */
export function tasksStarter(
  advance: (facts: Facts) => Promise<Try>,
  report: (facts: Facts, error: unknown) => void,
) {
  const againAtMs = new Map<string, number>();
  let busy: Promise<void> | null = null;
  let running = new Set<string>();
  // One that somebody asked for may start where others have to wait for its account.
  const queueOf = ({ asked, run, resume }: Facts, { model }: Due) =>
    `${resume === null ? "model" : "asked for"} ${model ?? run?.record?.said ?? asked?.model ?? ""}`;
  const isToWait = (key: string) => performance.now() < (againAtMs.get(key) ?? 0);
  const waitFor = (key: string, ms: number) => againAtMs.set(key, performance.now() + ms);
  return {
    isBusy: () => busy !== null,
    look(all: readonly Facts[]) {
      const live = new Set(
        all
          .filter((facts) => isLive(derive(facts)))
          .map((facts) => `${taskKey(facts)} ${facts.run?.number}`),
      );
      // A place is free.
      if (!running.isSubsetOf(live)) againAtMs.clear();
      running = live;
    },
    offer(facts: Facts) {
      const due = dueRun(facts);
      if (busy !== null || due === null) return;
      const keys = [taskKey(facts), queueOf(facts, due)] as const;
      if (keys.some(isToWait)) return;
      if (!isDueNow(due, Date.now(), { endedMs: facts.run?.endedMs ?? null })) return;
      busy = advance(facts)
        .then(({ againMs, isForAll }) => void waitFor(keys[isForAll ? 1 : 0], againMs))
        .catch((error: unknown) => {
          waitFor(keys[0], failedAgainMs);
          report(facts, error);
        })
        .finally(() => (busy = null));
    },
  };
}
