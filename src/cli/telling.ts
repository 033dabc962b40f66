/** Telling a host session, or the people at this project's terminals, everything once. */

import { type Event, eventsOf } from "../core/event.ts";
import type { Facts } from "../core/task.ts";
import type { ProjectPaths } from "../store/paths.ts";
import {
  addTold,
  ledgerName,
  ledgerPath,
  noteHost,
  readHosts,
  readLedger,
  takeOver,
} from "../store/told.ts";
import { hostProcess, hostSession } from "../unix/host.ts";
import { withLock } from "../unix/lock.ts";
import { isAlive, processIdentity } from "../unix/processes.ts";

/** An agent reads all of it: more waits for the next call. */
export const mostAtOnce = 20;

const ownName = () => ledgerName(hostSession(process.env));

export interface News {
  told: number;
  /** How many there are beyond the most that is told at once. */
  left: number;
}

/**
 * Tells what is new, at most `most` of it, and notes that it was told. One
 * waiter at a time does so: null where another is at it.
 */
export function tellNew(
  project: ProjectPaths,
  events: readonly Event[],
  most: number,
  tell: (events: readonly Event[]) => void,
): News | null {
  const name = ownName();
  const ledger = ledgerPath(project, name);
  const outcome = withLock(ledger, 0, () => {
    const { told } = readLedger(project, name);
    const news = events.filter(({ key }) => !told.has(key));
    const shown = news.slice(0, most);
    if (shown.length > 0) tell(shown);
    addTold(
      ledger,
      shown.map(({ key }) => key),
    );
    return { told: shown.length, left: news.length - shown.length };
  });
  return outcome ?? null;
}

/** Tells what is new, and once more all that still waits for the user. */
export function tellPending(
  project: ProjectPaths,
  events: readonly Event[],
  tell: (events: readonly Event[]) => void,
): void {
  const name = ownName();
  const { told } = readLedger(project, name);
  const asks = new Set(events.flatMap(({ kind, facts }) => (kind === "question" ? facts.id : [])));
  const isPending = (event: Event) =>
    event.kind === "question" || (event.state.kind === "blocked" && !asks.has(event.facts.id));
  const pending = events.filter((event) => isPending(event) || !told.has(event.key));
  const shown = pending.slice(0, mostAtOnce);
  if (shown.length > 0) tell(shown);
  addTold(
    ledgerPath(project, name),
    shown.map(({ key }) => key),
  );
}

/** Notes as told what the session has seen, or done, by itself. */
export function markTold(project: ProjectPaths, facts: Facts): void {
  const keys = eventsOf(facts).map(({ key }) => key);
  addTold(ledgerPath(project, ownName()), keys);
}

/** The tasks that concern this session: its own, and those of sessions that it has taken over. A person's are all. */
export function ownTasks(project: ProjectPaths, all: readonly Facts[]): Facts[] {
  const host = hostSession(process.env);
  const { sessions } = readLedger(project, ownName());
  return all.filter(({ asked }) => {
    if (host === null || asked === null || asked.host === host) return true;
    return asked.host !== null && sessions.size > 1 && sessions.has(ledgerName(asked.host));
  });
}

const ownProcess = () => {
  const pid = hostProcess(process.env);
  return pid === null ? null : processIdentity(pid);
};

/** Lets others find out whether this session is still there. */
export function noteSession(project: ProjectPaths): void {
  const identity = ownProcess();
  if (identity !== null) noteHost(project, ownName(), identity);
}

/**
 * Makes the tasks of sessions that have gone this one's: their process has
 * ended, or it is this one's own and has begun another session.
 */
export function takeOverGone(project: ProjectPaths, all: readonly Facts[]): void {
  const { sessions } = readLedger(project, ownName());
  const hosts = new Set(all.map(({ asked }) => ledgerName(asked?.host ?? null)));
  const own = ownProcess();
  for (const { name, identity } of readHosts(project)) {
    if (!hosts.has(name) || sessions.has(name)) continue;
    if (identity === own || !isAlive(identity)) takeOver(project, ownName(), name);
  }
}
