/** Telling a host session, or the people at this project's terminals, everything once. */

import { type Event, eventsOf } from "../core/event.ts";
import type { Facts } from "../core/task.ts";
import type { ProjectPaths } from "../store/paths.ts";
import { addTold, readTold, toldPath } from "../store/told.ts";
import { hostSession } from "../unix/host.ts";
import { withLock } from "../unix/lock.ts";

const ledgerOf = (project: ProjectPaths) => toldPath(project, hostSession(process.env));

/**
 * Tells what is new, at most `most` of it, and notes that it was told. One
 * waiter at a time does so: null where another is at it.
 */
export function tellNew(
  project: ProjectPaths,
  events: readonly Event[],
  most: number,
  tell: (event: Event) => void,
): { told: number; left: number } | null {
  const ledger = ledgerOf(project);
  const outcome = withLock(ledger, 0, () => {
    const told = readTold(ledger);
    const news = events.filter(({ key }) => !told.has(key));
    const shown = news.slice(0, most);
    for (const event of shown) {
      tell(event);
      addTold(ledger, [event.key]);
    }
    return { told: shown.length, left: news.length - shown.length };
  });
  return outcome ?? null;
}

/** Notes as told what the session has seen, or done, by itself. */
export function markTold(project: ProjectPaths, facts: Facts): void {
  const keys = eventsOf(facts).map(({ key }) => key);
  addTold(ledgerOf(project), keys);
}
