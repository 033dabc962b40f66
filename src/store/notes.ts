/**
 * Notes to a running worker. The worker owns the plan and may write it anew at
 * any moment, so a note is kept in a file of its own, and stands in the plan as
 * a quote block that is appended again whenever a rewrite has lost it.
 */

import { mkdirSync } from "node:fs";
import { formatNote } from "../core/plan.ts";
import { collapsed } from "../core/text.ts";
import { noteNumber, notePath, ordinal, type TaskPaths } from "./paths.ts";
import { append, create } from "./publish.ts";
import { readNames, readText } from "./read.ts";
import { step } from "./step.ts";

/** Of a plan or a note; a note is read whole, since a part of one would never stand in the plan. */
const longestText = 4 * 1024 * 1024;

const noteNumbers = (task: TaskPaths) =>
  readNames(task.notes).flatMap((name) => noteNumber(name) ?? []);

export function hasNotes(task: TaskPaths): boolean {
  return noteNumbers(task).length > 0;
}

/** Keeps a note; it stands in the plan once `restoreNotes` has run. */
export function storeNote(task: TaskPaths, text: string): void {
  mkdirSync(task.notes, { recursive: true, mode: 0o700 });
  const body = formatNote(text);
  let count = noteNumbers(task).length + 1;
  while (!create(notePath(task, ordinal(count)), body)) count++;
  step("after a note is stored");
}

/**
 * Appends the notes that the plan does not hold. Appending is the one write in
 * place of this program: a replaced plan could take back a tick that the worker
 * has just made, an appended line never can. One process at a time may do it.
 *
 * @returns false when there is no plan to append to
 */
export function restoreNotes(task: TaskPaths): boolean {
  const plan = readText(task.plan, longestText);
  if (plan === null || plan.isCut) return false;
  const standing = quotedBlocks(plan.text);
  let isFirst = !plan.text.endsWith("\n");
  for (const number of noteNumbers(task)) {
    const note = readText(notePath(task, number), longestText)?.text;
    if (note === undefined || standing.has(words(note))) continue;
    append(task.plan, isFirst ? `\n${note}` : note);
    isFirst = false;
  }
  return true;
}

/** The words of every quote block; a worker may wrap a block anew, its words are what must stand. */
function quotedBlocks(plan: string): Set<string> {
  return new Set(plan.split(/\n(?![ \t]*>)/).map(words));
}

const words = (block: string) =>
  collapsed(
    block
      .split("\n")
      .filter((line) => /^\s*>/.test(line))
      .map((line) => line.replace(/^\s*>\s?/, ""))
      .join(" "),
  );
