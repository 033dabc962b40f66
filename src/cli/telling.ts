/** Telling a host session, or the people at this project's terminals, everything once. */

import { type Event, eventsOf, taskKey } from "../core/event.ts";
import type { Facts } from "../core/task.ts";
import { ledgerPath, type ProjectPaths } from "../store/paths.ts";
import { addTold, ledgerName, noteHost, readHost, readLedger } from "../store/told.ts";
import { hostProcess, hostSession } from "../unix/host.ts";
import { withLock } from "../unix/lock.ts";
import { isAlive, processIdentity } from "../unix/processes.ts";

/** An agent reads all of it: more waits for the next call. */
export const mostAtOnce = 20;

/** The session's own process, by its number and its start; null where the host does not say, or it has gone. */
function ownProcess(): string | null {
  const pid = hostProcess(process.env);
  return pid === null ? null : processIdentity(pid);
}

/** Whether the session is still there: one that was killed must leave its news to the next one. */
export function isHostThere(): () => boolean {
  if (hostProcess(process.env) === null) return () => true;
  const host = ownProcess();
  return () => host !== null && isAlive(host);
}

export interface Listener {
  /** Whether a task is the session's: it asked for it, hears of it since its session has gone, or has gone on with it. A person's are all. */
  hears: (facts: Facts) => boolean;
  /** The name of the ledger that says what was told of it. */
  ledgerOf: (facts: Facts) => string;
}

/** Who is told things here; reads what it needs of the ledgers once. */
export function listener(project: ProjectPaths): Listener {
  const host = hostSession(process.env);
  const own = ledgerName(host);
  if (host === null) return { hears: () => true, ledgerOf: () => own };

  const identity = ownProcess();
  const ledger = readLedger(project, own);
  const sessions = new Map<string, boolean>([[host, true]]);
  const isOurs = (session: string): boolean => {
    const known = sessions.get(session);
    if (known !== undefined) return known;
    const isHeard = identity !== null && readHost(project, ledgerName(session)) === identity;
    sessions.set(session, isHeard);
    return isHeard;
  };
  const session = ({ asked }: Facts) => asked?.host ?? null;
  return {
    hears: (facts) => {
      const asker = session(facts);
      if (facts.asked === null || ledger.has(adoption(facts))) return true;
      return asker !== null && isOurs(asker);
    },
    ledgerOf: (facts) => {
      const asker = session(facts);
      return asker !== null && isOurs(asker) ? ledgerName(asker) : own;
    },
  };
}

const adoption = (facts: Facts) => `@ ${taskKey(facts)}`;

interface News {
  told: number;
  /** How many there are beyond the most that is told at once. */
  left: number;
}

interface Telling {
  /** At most so many at once. */
  most: number;
  /** How long to wait for somebody else who is telling just now. */
  patienceMs?: number;
  /** Events that are told though they were told before. */
  isToldAgain?: (event: Event) => boolean;
}

/**
 * Tells what is new and notes that it was told. One at a time does so for each
 * ledger: null where another is at it.
 */
export function tellNew(
  project: ProjectPaths,
  { ledgerOf }: Listener,
  events: readonly Event[],
  tell: (events: readonly Event[]) => void,
  { most, patienceMs = 0, isToldAgain = () => false }: Telling,
): News | null {
  const news: News = { told: 0, left: 0 };
  const byLedger = Map.groupBy(events, ({ facts }) => ledgerOf(facts));
  for (const [name, own] of byLedger) {
    const isTold = withLock(ledgerPath(project, name), patienceMs, () => {
      const ledger = readLedger(project, name);
      const due = own.filter((event) => !ledger.has(event.key) || isToldAgain(event));
      const shown = due.slice(0, most - news.told);
      if (shown.length > 0) tell(shown);
      const keys = shown.flatMap(({ key }) => (ledger.has(key) ? [] : key));
      addTold(project, name, keys);
      news.told += shown.length;
      news.left += due.length - shown.length;
      return true;
    });
    if (isTold === undefined) return news.told > 0 ? news : null;
  }
  return news;
}

/** Notes as told what the session has seen, or done, by itself. */
export function markTold(project: ProjectPaths, facts: Facts): void {
  const keys = eventsOf(facts).map(({ key }) => key);
  addTold(project, listener(project).ledgerOf(facts), keys);
}

/** Lets others find out whether this session is still there. */
export function noteSession(project: ProjectPaths): void {
  const [host, identity] = [hostSession(process.env), ownProcess()];
  if (host !== null && identity !== null) noteHost(project, ledgerName(host), identity);
}

/** Who goes on with a task hears how it ends, whoever asked for it. */
export function adopt(project: ProjectPaths, facts: Facts): void {
  const host = hostSession(process.env);
  if (host === null || listener(project).hears(facts)) return;
  addTold(project, ledgerName(host), [adoption(facts)]);
}

/** Makes the tasks of sessions whose process has ended this one's, of each for one of those who try. */
export function takeOverGone(project: ProjectPaths, all: readonly Facts[]): void {
  const own = ownProcess();
  if (own === null) return;
  for (const host of new Set(all.flatMap(({ asked }) => asked?.host ?? []))) {
    const name = ledgerName(host);
    const isGone = () => {
      const identity = readHost(project, name);
      return identity !== null && !isAlive(identity);
    };
    if (!isGone()) continue;
    withLock(ledgerPath(project, name), 0, () => {
      if (isGone()) noteHost(project, name, own);
    });
  }
}
