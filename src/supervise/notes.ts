/** Keeping notes in a plan that its worker rewrites: by whoever looks, one at a time. */

import { notesLock, type TaskPaths } from "../store/paths.ts";
import { hasNotes, restoreNotes, storeNote } from "../store/notes.ts";
import { withLock } from "../unix/lock.ts";

const addingPatienceMs = 2_000;

/** Keeps the note; true when it stands in the plan already, which every later look sees to. */
export function addNote(task: TaskPaths, text: string): boolean {
  storeNote(task, text);
  return withLock(notesLock(task), addingPatienceMs, () => restoreNotes(task)) ?? false;
}

/** Puts back what a rewrite has lost, unless somebody else is at it; next to nothing where there are no notes. */
export function keepNotes(task: TaskPaths): void {
  if (hasNotes(task)) withLock(notesLock(task), 0, () => restoreNotes(task));
}
