/**
 * What host sessions paid for handing over tasks: `paid.tsv` has a line for each command that one
 * of them ran: when it began, and about how many tokens the session wrote and read for it. A
 * worker can reach the file: a line that is not as it should be is passed over.
 */

import type { Paid } from "../core/spending.ts";
import type { ProjectPaths } from "./paths.ts";
import { append } from "./publish.ts";
import { readText } from "./read.ts";

const limit = 16 * 1024 * 1024;

/** Throws where it cannot be noted, as in a project without a `.dispatch`. */
export function addPaid(project: ProjectPaths, beganMs: number, tokens: number): void {
  append(project.paid, `${new Date(beganMs).toISOString()}\t${tokens}\n`);
}

/** All of it together; null where nothing was noted, or too much to be read. */
export function readPaid(project: ProjectPaths): Paid | null {
  const file = readText(project.paid, limit);
  if (file === null || file.isCut) return null;
  const paid: Paid = { tokens: 0, sinceMs: Infinity };
  for (const line of file.text.split("\n")) {
    const [, began, tokens] = /^(\d{4}-[\d:.T-]{1,30}Z)\t(\d{1,9})$/.exec(line) ?? [];
    const beganMs = Date.parse(began ?? "");
    if (Number.isNaN(beganMs)) continue;
    paid.tokens += Number(tokens);
    paid.sinceMs = Math.min(paid.sinceMs, beganMs);
  }
  return paid.sinceMs === Infinity ? null : paid;
}
