/**
 * Notes to a running worker. The worker owns the plan and may write it anew at
 * any moment, so a note is kept in a file of its own, and stands in the plan as
 * a quote block that is appended again whenever a rewrite has lost it.
 */

import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { formatNote } from "../core/plan.ts";
import { ordinal, type TaskPaths } from "./paths.ts";
import { create } from "./publish.ts";
import { readNames, readText } from "./read.ts";

export function addNote(task: TaskPaths, text: string): void {
  mkdirSync(task.notes, { recursive: true, mode: 0o700 });
  const body = formatNote(text);
  for (
    let count = readNames(task.notes).length + 1;
    !create(join(task.notes, `${ordinal(count)}.md`), body);
    count++
  );
  keepNotes(task);
}

/**
 * Appends the notes that the plan has lost. Appending is the one write in place
 * of this program: a replaced plan could take back a tick that the worker has
 * just made, an appended line never can.
 */
export function keepNotes(task: TaskPaths): void {
  const names = readNames(task.notes).filter((name) => /^\d+\.md$/.test(name));
  if (names.length === 0) return;
  const plan = readText(task.plan, 4 * 1024 * 1024);
  if (plan === null || plan.isCut) return;
  const standing = unquoted(plan.text);
  for (const name of names) {
    const note = readText(join(task.notes, name))?.text;
    if (note === undefined || standing.includes(unquoted(note).trim())) continue;
    appendFileSync(task.plan, plan.text.endsWith("\n") ? note : `\n${note}`);
  }
}

// A worker may re-wrap or re-quote the block: its words are what must stand.
const unquoted = (text: string) => text.replace(/^\s*>\s?/gm, "").replace(/\s+/g, " ");
