/** The journal: what was decided about a project's tasks, and why. A diary for people, never reckoned with. */

import { renameSync, statSync } from "node:fs";
import { cut, foreignLine } from "../core/text.ts";
import type { ProjectPaths } from "./paths.ts";
import { append } from "./publish.ts";
import { readEnds } from "./read.ts";

const longestBytes = 4 * 2 ** 20;
const longestLine = 1_000;

/** One line. A journal that cannot be written keeps nothing from being done. */
export function note(project: ProjectPaths, who: string, what: string): void {
  const path = project.journal;
  try {
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > longestBytes)
      renameSync(path, `${path}.old`);
    append(path, `${new Date().toISOString()} ${who}: ${cut(foreignLine(what), longestLine)}\n`);
  } catch {
    // A full disk, say.
  }
}

/** Its lines, oldest first. */
export function readJournal(project: ProjectPaths): string[] {
  const text = readEnds(project.journal, longestBytes)?.text ?? "";
  return text.split("\n").filter((line) => line !== "");
}

export const isAbout = (line: string, who: string) => line.split(" ", 2)[1] === `${who}:`;
