/** How far tasks' worktrees have come: `worktree.json` in a task's folder. */

import * as v from "valibot";
import type { Worktree } from "../core/worktree.ts";
import { parsedAs } from "./json.ts";
import type { TaskPaths } from "./paths.ts";
import { create, replace } from "./publish.ts";
import { readText } from "./read.ts";

/** They become arguments of git: anything but a full name is none. */
const commit = v.pipe(v.string(), v.regex(/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/));
const branch = v.pipe(v.string(), v.regex(/^[^-\s][^\s~^:?*[\\]*$/));

export const branchingEntries = { base: commit, target: v.nullable(branch) };
const schema = v.object({
  ...branchingEntries,
  made: v.nullable(v.string()),
  isReady: v.boolean(),
  merged: v.nullable(v.object({ tip: commit, as: commit, into: v.string(), run: v.number() })),
  conflict: v.nullable(
    v.object({ target: v.string(), commit, files: v.array(v.string()), run: v.number() }),
  ),
});

/** Null where the task has none yet. */
export function readWorktree(task: TaskPaths): Worktree | null {
  const file = readText(task.worktree);
  return file === null ? null : parsedAs(schema, file.text);
}

/** Writes down that there is to be one; whoever was quicker has done so already. */
export const placeWorktree = (task: TaskPaths, worktree: Worktree) =>
  create(task.worktree, textOf(worktree));

export const writeWorktree = (task: TaskPaths, worktree: Worktree) =>
  replace(task.worktree, textOf(worktree));

const textOf = (worktree: Worktree) => `${JSON.stringify(worktree, null, 2)}\n`;
