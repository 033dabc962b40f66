/** Keeping notes in a plan that its worker rewrites: by whoever looks, one at a time. */

import { notesLock, type TaskPaths } from "../store/paths.ts";
import { hasNotes, restoreNotes, storeNote } from "../store/notes.ts";
import { withLock } from "../unix/lock.ts";

export function addNote(task: TaskPaths, text: string): void {
  storeNote(task, text);
  keepNotes(task);
}

/** Puts back what a rewrite has lost; next to nothing where there are no notes. */
export function keepNotes(task: TaskPaths): void {
  if (hasNotes(task)) withLock(notesLock(task), () => restoreNotes(task));
}
