/**
 * What the hosts of this project's tasks have been told, so that everything is told once.
 *
 *     told/<session>        what was told of a session's tasks, a line for each event's
 *                           key; and `@ <task>` for a task of somebody else that the
 *                           session has gone on with
 *     told/<session>.host   the process that hears of a session's tasks: its own, or that
 *                           of the session that has taken them over
 *     told/notify           what the user's own notifier was given
 *     told/<who>.waiter     who waits for that process or session: the newest of its waiters
 */

import { createHash } from "node:crypto";
import { existsSync, rmSync, utimesSync } from "node:fs";
import { failed } from "../core/error.ts";
import { hostName, hostPath, ledgerPath, type ProjectPaths } from "./paths.ts";
import { append, replace } from "./publish.ts";
import { readNames, readText } from "./read.ts";

/** What somebody who is not looking was told by the user's own notifier. */
export const notifyLedger = (project: ProjectPaths) => ledgerPath(project, notifyName);
export const notifyName = "notify";

const ledgerLimit = 16 * 1024 * 1024;

/** A session's name among these files; its id comes from the environment and is never a file name as it is. */
export const ledgerName = (host: string | null): string =>
  host === null ? "person" : createHash("sha256").update(host).digest("hex").slice(0, 16);

/**
 * Its lines. Throws where what is told could not be remembered, or what was told cannot be
 * known, since the project's folder has been moved away: it would be told again.
 */
export function readLedger(project: ProjectPaths, name: string): Set<string> {
  const path = ledgerPath(project, name);
  const first = readText(path, ledgerLimit);
  if (first === null && !existsSync(project.told))
    throw failed("ledger", `${project.told} is not there`, "dispatch status");
  // It may have come back just then.
  const file = first ?? readText(path, ledgerLimit);
  if (file === null ? existsSync(path) : file.isCut) {
    throw failed(
      "ledger",
      `${path} cannot be used; expected a file of at most ${ledgerLimit} bytes`,
      `remove it`,
    );
  }
  return new Set(file?.text.split("\n"));
}

/** Written after the telling: killed in between, it is told twice rather than never. */
export function addTold(project: ProjectPaths, name: string, lines: readonly string[]): void {
  // The line before may have been cut off by a crash.
  if (lines.length > 0) append(ledgerPath(project, name), `\n${lines.join("\n")}\n`);
}

export interface Host {
  /** The session's. */
  name: string;
  /** Of the process that hears of its tasks. */
  identity: string;
  /** When it last said so, epoch milliseconds. */
  notedMs: number;
}

export function noteHost(project: ProjectPaths, name: string, identity: string): void {
  const path = hostPath(project, name);
  if (readText(path)?.text !== identity) return replace(path, identity);
  const now = new Date();
  utimesSync(path, now, now);
}

/** Every session that has said who hears of its tasks. */
export function readHosts(project: ProjectPaths): Host[] {
  return readNames(project.told).flatMap((file) => {
    const name = hostName(file);
    const said = name === null ? null : readText(hostPath(project, name));
    return name === null || said === null
      ? []
      : [{ name, identity: said.text, notedMs: said.modifiedMs }];
  });
}

/** A session of which nothing is left here to be told. */
export function forgetSession(project: ProjectPaths, name: string): void {
  for (const path of [hostPath(project, name), ledgerPath(project, name)])
    rmSync(path, { force: true });
}
