/**
 * What each host session has been told, so that it is told everything once.
 *
 *     told/<session>        a line for each event's key; `+<session>` for a session
 *                           whose tasks, and whose ledger, this one has taken over
 *     told/<session>.host   the process that the session lives in
 *     told/<who>.waiter     who waits for that process or session: the newest of its waiters
 */

import { mkdirSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ProjectPaths } from "./paths.ts";
import { append, replace } from "./publish.ts";
import { readNames, readText } from "./read.ts";

const ledgerLimit = 16 * 1024 * 1024;

/** A session's name among these files; its id comes from the environment and is never a file name as it is. */
export const ledgerName = (host: string | null): string =>
  host === null ? "person" : createHash("sha256").update(host).digest("hex").slice(0, 16);

/** The file of a host session, or of the people at this project's terminals. */
export function ledgerPath(project: ProjectPaths, name: string): string {
  mkdirSync(project.told, { recursive: true, mode: 0o700 });
  return join(project.told, name);
}

export interface Ledger {
  /** The keys of what was told, to this session or to one that it has taken over. */
  told: Set<string>;
  /** The names of the sessions whose tasks are this one's: itself, and those that it has taken over. */
  sessions: Set<string>;
}

export function readLedger(project: ProjectPaths, name: string): Ledger {
  const ledger: Ledger = { told: new Set(), sessions: new Set([name]) };
  // A set that grows while it is walked: sessions may have been taken over in turn.
  for (const session of ledger.sessions) {
    const { text } = readText(join(project.told, session), ledgerLimit) ?? { text: "" };
    for (const line of text.split("\n")) {
      const heir = /^\+([0-9a-f]{16})$/.exec(line)?.[1];
      if (heir === undefined) ledger.told.add(line);
      else ledger.sessions.add(heir);
    }
  }
  return ledger;
}

/** Written after the telling: killed in between, it is told twice rather than never. */
export function addTold(path: string, keys: readonly string[]): void {
  if (keys.length > 0) append(path, `${keys.join("\n")}\n`);
}

export const takeOver = (project: ProjectPaths, name: string, session: string) =>
  append(ledgerPath(project, name), `+${session}\n`);

/** @param identity of the process that the session lives in */
export function noteHost(project: ProjectPaths, name: string, identity: string): void {
  const path = `${ledgerPath(project, name)}.host`;
  if (readText(path)?.text !== identity) replace(path, identity);
}

/** Sessions by name, with the process each lives in. */
export function readHosts(project: ProjectPaths): { name: string; identity: string }[] {
  return readNames(project.told).flatMap((file) => {
    const name = /^([0-9a-f]{16})\.host$/.exec(file)?.[1];
    const identity = name === undefined ? undefined : readText(join(project.told, file))?.text;
    return name === undefined || identity === undefined ? [] : [{ name, identity }];
  });
}

/** @param who the process, or the session, that is waited for */
export const waiterPath = (project: ProjectPaths, who: string) =>
  ledgerPath(project, `${who}.waiter`);
