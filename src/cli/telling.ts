/** Telling a host session, or the people at this project's terminals, everything once. */

import { ReaderGone } from "../core/error.ts";
import { type Event, eventsOf, taskKey } from "../core/event.ts";
import type { Facts } from "../core/task.ts";
import { ledgerPath, type ProjectPaths } from "../store/paths.ts";
import {
  addTold,
  forgetSession,
  ledgerName,
  noteHost,
  readHosts,
  readLedger,
} from "../store/told.ts";
import { step } from "../store/step.ts";
import { hostProcess, hostSession } from "../unix/host.ts";
import { withLock } from "../unix/lock.ts";
import { isAlive, processIdentity } from "../unix/processes.ts";

const forgottenMs = 3_600_000;

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
  /** The session's own. */
  own: string;
  /** The lines of all ledgers that are the session's to read, its own among them. */
  heard: ReadonlySet<string>;
}

/** Who is told things here, as the files say it at this moment. */
export function listener(project: ProjectPaths): Listener {
  const host = hostSession(process.env);
  const own = ledgerName(host);
  if (host === null) return { hears: () => true, ledgerOf: () => own, own, heard: new Set() };

  const identity = ownProcess();
  const inherited = readHosts(project).filter((session) => session.identity === identity);
  const sessions = new Set([own, ...inherited.map(({ name }) => name)]);
  const heard = new Set<string>();
  const adopted = new Map<string, string>();
  for (const name of sessions) {
    for (const line of linesOf(project, name)) {
      heard.add(line);
      if (line.startsWith("@ ")) adopted.set(line, name);
    }
  }
  const names = new Map<string, string>();
  const nameOf = (session: string) => {
    const name = names.get(session) ?? ledgerName(session);
    names.set(session, name);
    return name;
  };
  const ledgerOf = (facts: Facts): string | null => {
    const asker = facts.asked?.host ?? null;
    if (asker !== null && sessions.has(nameOf(asker))) return nameOf(asker);
    return adopted.get(adoption(facts)) ?? null;
  };
  return {
    hears: (facts) => facts.asked === null || ledgerOf(facts) !== null,
    ledgerOf: (facts) => ledgerOf(facts) ?? own,
    own,
    heard,
  };
}

const adoption = (facts: Facts) => `@ ${taskKey(facts)}`;

/** None where they cannot be read: a session that has gone must not silence this one. */
function linesOf(project: ProjectPaths, name: string): Set<string> {
  try {
    return readLedger(project, name);
  } catch {
    return new Set();
  }
}

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
 * ledger: null where another is at it, and nothing was told of the others. Where
 * the ledger of somebody who has gone cannot be used, the session's own has to do.
 */
export function tellNew(
  project: ProjectPaths,
  { ledgerOf, own, heard }: Listener,
  events: readonly Event[],
  tell: (events: readonly Event[]) => void,
  { most, patienceMs = 0, isToldAgain = () => false }: Telling,
): News | null {
  const news: News = { told: 0, left: 0 };
  const deadline = performance.now() + patienceMs;
  /** False where somebody else is at it. */
  const tellBy = (name: string, some: readonly Event[]): boolean => {
    const patience = Math.max(0, deadline - performance.now());
    const isDone = withLock(ledgerPath(project, name), patience, () => {
      const told = readLedger(project, name);
      const isTold = ({ key }: Event) => told.has(key) || heard.has(key);
      const due = some.filter((event) => !isTold(event) || isToldAgain(event));
      const shown = due.slice(0, most - news.told);
      if (shown.length > 0) tell(shown);
      news.told += shown.length;
      news.left += due.length - shown.length;
      step("before it is noted what was told");
      const keys = shown.flatMap(({ key }) => (told.has(key) ? [] : key));
      orElse(
        name === own,
        () => addTold(project, name, keys),
        () => addTold(project, own, keys),
      );
      return true;
    });
    return isDone ?? false;
  };

  let isBusy = false;
  const byLedger = [...Map.groupBy(events, ({ facts }) => ledgerOf(facts))];
  for (const [name, some] of byLedger.sort(([a], [b]) => Number(b === own) - Number(a === own))) {
    const isDone = orElse(
      name === own,
      () => tellBy(name, some),
      () => tellBy(own, some),
    );
    isBusy ||= !isDone;
  }
  return isBusy && news.told === 0 ? null : news;
}

/** The second where the first fails; not for the session's own ledger, nor for a reader that has gone. */
function orElse<T>(isFinal: boolean, first: () => T, second: () => T): T {
  try {
    return first();
  } catch (error) {
    if (isFinal || error instanceof ReaderGone) throw error;
    return second();
  }
}

/** Notes as told what the session has seen, or done, by itself. */
export function markTold(project: ProjectPaths, facts: Facts): void {
  const keys = eventsOf(facts, Date.now()).map(({ key }) => key);
  addTold(project, listener(project).ledgerOf(facts), keys);
}

/** Lets others find out whether this session is still there. */
export function noteSession(project: ProjectPaths): void {
  const [host, identity] = [hostSession(process.env), ownProcess()];
  if (host !== null && identity !== null) noteHost(project, ledgerName(host), identity);
}

/** Who goes on with a task hears how it ends, whoever asked for it. */
export function adopt(project: ProjectPaths, facts: Facts): void {
  noteSession(project);
  const host = hostSession(process.env);
  if (host === null || listener(project).hears(facts)) return;
  addTold(project, ledgerName(host), [adoption(facts)]);
}

/**
 * Makes the tasks of sessions whose process has ended this one's; of two who do so at once,
 * the later. Sessions of which nothing is left are forgotten.
 */
export function takeOverGone(project: ProjectPaths, all: readonly Facts[]): void {
  const own = ownProcess();
  if (own === null) return;
  const askers = new Set(all.flatMap(({ asked }) => (asked?.host ? ledgerName(asked.host) : [])));
  const adoptions = new Set(all.map(adoption));
  for (const { name, identity, notedMs } of readHosts(project)) {
    if (identity === own || isAlive(identity)) continue;
    const isLeft =
      askers.has(name) || [...linesOf(project, name)].some((line) => adoptions.has(line));
    if (isLeft) noteHost(project, name, own);
    // What it has just started may not be there to be seen yet.
    else if (notedMs < Date.now() - forgottenMs) forgetSession(project, name);
  }
}
