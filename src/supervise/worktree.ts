/**
 * How a task's worktree comes to be. It is made within the task's first run, before
 * the worker, so that whoever asks for a task need not wait; and anew in a later run
 * where it is gone.
 */

import { constants, cpSync, lstatSync, mkdirSync, openSync, rmSync } from "node:fs";
import { dirname, relative } from "node:path";
import type { WorktreeSettings } from "../core/config.ts";
import { failed, refused } from "../core/error.ts";
import { branchOf, type Worktree } from "../core/worktree.ts";
import {
  dispatchFolder,
  type ProjectPaths,
  type TaskPaths,
  worktreePath,
  worktreeTask,
} from "../store/paths.ts";
import { isFile, readEnds, readFolders } from "../store/read.ts";
import { step } from "../store/step.ts";
import { readWorktree, writeWorktree } from "../store/worktrees.ts";
import { git, look, parts } from "../unix/git.ts";
import { runWith } from "../unix/spawn.ts";
import { commitOf } from "../unix/repository.ts";
import { addSubmodules } from "../unix/submodules.ts";
import {
  addWorktree,
  endPick,
  forgetWorktree,
  checkoutPlace,
  holderOf,
  isBegun,
  isHalfMade,
  isLinked,
  isRegistered,
  isTaken,
  isWhole,
  type Place,
  worktreePlace,
} from "../unix/worktree.ts";

export const placeOf = (project: ProjectPaths, id: string): Place =>
  worktreePlace(project.root, worktreePath(project, id));

/**
 * Makes the worktree that stands to be made, or what is left to do of it. What was
 * killed half way is taken up again. Throws why it cannot be had.
 */
export function makeWorktree(
  project: ProjectPaths,
  task: TaskPaths,
  settings: WorktreeSettings,
): void {
  const { id } = task;
  let worktree = readWorktree(task);
  if (worktree === null)
    throw failed("no_worktree", `${id} is to have no worktree`, `dispatch doctor`);
  const place = placeOf(project, id);
  clearBegun(project);
  const isThere = worktree.made !== null && isWhole(place);
  if (isThere && !isLinked(place)) repair(project, place);
  if (isThere) endPick(place);
  if (!isThere) {
    if (worktree.made === null || isHalfMade(place)) clearAway(project, place);
    else if (
      worktree.merged !== null &&
      commitOf(project.root, `refs/heads/${branchOf(id)}`) === null
    )
      // What it had is at home: it goes on from there.
      worktree = { ...worktree, base: worktree.merged.as, merged: null };
    add(project, id, place, worktree);
    step("after a worktree is added");
    worktree = { ...worktree, made: new Date().toISOString(), isReady: false };
    writeWorktree(task, worktree);
  }
  if (worktree.isReady) return;
  addSubmodules(project.root, place.path);
  copyFiles(project.root, place.path, settings.copy);
  if (settings.setup !== null) setUp(settings.setup, task, place.path);
  writeWorktree(task, { ...worktree, isReady: true });
}

/** In a folder that is none, git takes the user's own checkout, around it, for what is meant. */
function repair({ root }: ProjectPaths, place: Place): void {
  const { path } = place;
  const { err } = git(root, ["worktree", "repair", path]);
  if (isLinked(place)) return;
  throw failed(
    "worktree",
    `${path} is not a worktree of this repository any more${err === "" ? "" : ` (git says: ${err})`}`,
    `move it away: then it is made anew of what was committed`,
  );
}

/** Somebody's git may be at it just now. */
const begunMs = 1_000;

/** Takes away what git was killed at so early that it makes no worktree any more, of whatever task. */
export function clearBegun(project: ProjectPaths): void {
  const { common } = checkoutPlace(project.root);
  for (const name of readFolders(`${common}/worktrees`)) {
    const id = worktreeTask(name);
    if (id === null) continue;
    const place = placeOf(project, id);
    const isOld =
      Date.now() - (lstatSync(place.admin, { throwIfNoEntry: false })?.mtimeMs ?? 0) > begunMs;
    if (isBegun(place) && isOld) forgetWorktree(project.root, place);
  }
}

/** What git was killed at: no worker has been in there. */
function clearAway(project: ProjectPaths, place: Place): void {
  if (isRegistered(place)) rmSync(place.path, { recursive: true, force: true });
  if (isTaken(place.admin)) forgetWorktree(project.root, place);
}

function add(project: ProjectPaths, id: string, { path }: Place, { base, made }: Worktree): void {
  const { root } = project;
  const branch = branchOf(id);
  const tip = commitOf(root, `refs/heads/${branch}`);
  if (tip !== null && tip !== base && made === null)
    throw refused(
      "branch_taken",
      `the branch ${branch} is there already`,
      `git branch -m ${branch} ANOTHER-NAME`,
    );
  // Git is made to take what it still knows of a folder that is gone: it would let two stand on one branch.
  const holder = tip === null ? null : holderOf(root, branch);
  if (holder !== null && holder !== path)
    throw refused(
      "branch_taken",
      `the branch ${branch} is checked out in ${holder}`,
      `git switch ANOTHER, in there`,
    );
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const { code, err } = addWorktree(root, path, branch, tip === null ? base : null);
  if (code !== 0)
    throw failed("worktree", `its worktree could not be made: ${err}`, "git worktree list");
}

/** Untracked files that fit the patterns of the config and of `.worktreeinclude`; what is there already stays. */
function copyFiles(root: string, path: string, patterns: readonly string[]): void {
  const include = `${root}/.worktreeinclude`;
  const wanted = [
    ...(isFile(include) ? [`--exclude-from=${include}`] : []),
    ...patterns.map((pattern) => `--exclude=${pattern}`),
  ];
  if (wanted.length === 0) return;
  const { code, out, err } = look(root, ["ls-files", "--others", "--ignored", "-z", ...wanted]);
  if (code !== 0)
    throw failed(
      "worktree_copy",
      `what to copy could not be listed: ${err}`,
      "dispatch config check",
    );
  for (const file of parts(out)) {
    if (file.endsWith("/") || file.startsWith(`${dispatchFolder}/`)) continue;
    const to = `${path}/${file}`;
    if (isTaken(to)) continue;
    mkdirSync(dirname(to), { recursive: true });
    cpSync(`${root}/${file}`, to, {
      verbatimSymlinks: true,
      preserveTimestamps: true,
      mode: constants.COPYFILE_FICLONE,
    });
  }
}

function setUp(command: string, task: TaskPaths, cwd: string): void {
  const log = openSync(task.setupLog, "w", 0o600);
  const code = runWith(command, cwd, log);
  if (code === 0) return;
  const last = readEnds(task.setupLog, 4_096)?.text.trimEnd().split("\n").at(-1) ?? "";
  throw failed(
    "setup",
    `worktree.setup (${command}) ended with exit code ${code}${last === "" ? "" : `: ${last}`}`,
    `all of it: ${relative(dirname(dirname(dirname(task.folder))), task.setupLog)}`,
  );
}
