/** Files' texts before and after, as a unified diff. */

import { structuredPatch } from "diff";
import type { FileChange } from "../core/settings.ts";
import { cut, printable } from "../core/text.ts";
import { paint } from "./human.ts";

/**
 * For a person, with the lines around; for an agent without them: they would
 * cost it tokens, and put what settings hold besides (keys, for one) on record.
 */
export function diffText(changes: readonly FileChange[], isPerson: boolean): string {
  return changes.flatMap((change) => linesOf(change, isPerson)).join("\n");
}

function linesOf({ path, before, after }: FileChange, isPerson: boolean): string[] {
  const nothing = "/dev/null";
  const { hunks } = structuredPatch(path, path, before ?? "", after ?? "", "", "", {
    context: isPerson ? 3 : 0,
  });
  const head = [
    `--- ${before === null ? nothing : path}`,
    `+++ ${after === null ? nothing : path}`,
  ].map((line) => paint("bold", printable(line)));
  return [...head, ...hunks.flatMap((hunk) => [place(hunk), ...hunk.lines.map(lineText)])];

  function lineText(line: string): string {
    const shown = isPerson ? printable(line) : cut(printable(line));
    if (line.startsWith("+")) return paint("green", shown);
    return line.startsWith("-") ? paint("red", shown) : shown;
  }
}

interface Hunk {
  oldStart: number;
  oldLines: number;
  newStart: number;
  newLines: number;
}
/** Where no line is, the one before it is named. */
const span = (start: number, lines: number) => `${lines === 0 ? start - 1 : start},${lines}`;
const place = ({ oldStart, oldLines, newStart, newLines }: Hunk) =>
  paint("cyan", `@@ -${span(oldStart, oldLines)} +${span(newStart, newLines)} @@`);
