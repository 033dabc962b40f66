/**
 * A task's worktree: where it branches from, and how it comes to be. It is made
 * within the task's first run, before the worker, so that whoever asks for a task
 * need not wait; and anew in a later run where it is gone.
 */

import { constants, cpSync, lstatSync, mkdirSync, openSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, relative } from "node:path";
import type { WorktreeSettings } from "../core/config.ts";
import { type DispatchError, failed, refused } from "../core/error.ts";
import { derive, isLive } from "../core/state.ts";
import type { Asked, Facts } from "../core/task.ts";
import { shellQuoted } from "../core/text.ts";
import { type Branching, branchOf, type Worktree } from "../core/worktree.ts";
import {
  dispatchFolder,
  type ProjectPaths,
  type TaskPaths,
  taskPaths,
  worktreePath,
  worktreeTask,
} from "../store/paths.ts";
import { isFile, readEnds, readFolders } from "../store/read.ts";
import { step } from "../store/step.ts";
import { readWorktree, writeWorktree } from "../store/worktrees.ts";
import { git, look, needed, parts } from "../unix/git.ts";
import { runWith } from "../unix/spawn.ts";
import {
  branchesBelow,
  commitOf,
  commitTree,
  isAncestor,
  mergedTree,
  standing,
  updateRef,
} from "../unix/repository.ts";
import { takeIndex, unresolvedIn, withSnapshot } from "../unix/snapshot.ts";
import { addSubmodules } from "../unix/submodules.ts";
import {
  addWorktree,
  endMerge,
  endPick,
  forgetWorktree,
  checkoutPlace,
  headOf,
  holderOf,
  isBegun,
  isHalfMade,
  isLinked,
  isRebasing,
  isRegistered,
  isTaken,
  isWhole,
  mergingAt,
  type Place,
  worktreePlace,
} from "../unix/worktree.ts";
import { observe } from "./observe.ts";

export const placeOf = (project: ProjectPaths, id: string): Place =>
  worktreePlace(project.root, worktreePath(project, id));

// Asking for one.

/** Where new worktrees branch from, and which ids can have one; refuses where there can be none. */
export interface Ground {
  branching: Branching;
  /** Why a task of that id can have none, or null. */
  whyNot: (id: string) => DispatchError | null;
}

export function groundOf(project: ProjectPaths): Ground {
  const { root } = project;
  const stands = standing(root);
  const without = "or run it without a worktree";
  switch (stands.kind) {
    case "no_git":
      throw failed(
        "no_git",
        "git is not on PATH, and a worktree needs it",
        `install git; ${without}`,
      );
    case "none":
      throw refused(
        "no_checkout",
        `${root} is no git checkout, so there is nothing to make a worktree of`,
        `git init && git add -A && git commit; ${without}`,
      );
    case "bare":
      throw refused(
        "bare_repository",
        `${root} is a bare repository; expected a checkout of it`,
        `git worktree add ../checkout, and run dispatch there`,
      );
    case "empty":
      throw refused(
        "no_commit",
        `the repository in ${root} has no commit yet to branch from`,
        `git add -A && git commit; ${without}`,
      );
    case "refused":
      throw failed("git", `git says: ${stands.said}`, without);
    case "ready": {
      const taken = branchesBelow(root, "dispatch");
      const branching = { base: stands.commit, target: stands.branch };
      return { branching, whyNot: (id) => whyTaken(project, id, taken) };
    }
  }
}

function whyTaken(
  project: ProjectPaths,
  id: string,
  branches: readonly string[],
): DispatchError | null {
  const branch = branchOf(id);
  const inTheWay = branches.find(
    (each) => each === branch || each === "dispatch" || each.startsWith(`${branch}/`),
  );
  if (inTheWay === "dispatch")
    return refused(
      "branch_in_the_way",
      `there is a branch named dispatch, so there can be none named ${branch}`,
      "git branch -m dispatch ANOTHER-NAME",
    );
  if (inTheWay !== undefined && inTheWay !== branch)
    return refused(
      "branch_taken",
      `there is a branch named ${inTheWay}, so there can be none named ${branch}`,
      `another --id; or: git branch -m ${inTheWay} ANOTHER-NAME`,
    );
  if (inTheWay !== undefined)
    return refused(
      "branch_taken",
      `the branch ${branch} is there already`,
      `another --id; or, where its work is not wanted: git branch -D ${branch}`,
    );
  const place = placeOf(project, id);
  const isOther = isTaken(place.admin) || (isTaken(place.path) && !isEmpty(place.path));
  if (!isOther) return null;
  return refused(
    "path_taken",
    `${isTaken(place.path) ? place.path : place.admin} is there already, and of no task`,
    "dispatch doctor; or another --id",
  );
}

function isEmpty(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0;
  } catch {
    return false;
  }
}

/** What the checkout holds that is not committed, and so is in no worktree; for people. Null: nothing. */
export function leftOut(project: ProjectPaths): string | null {
  const { code, out } = look(project.root, ["status", "--porcelain", "-z"]);
  if (code !== 0) return null;
  const entries = parts(out);
  const fresh = entries.filter((entry) => entry.startsWith("?? ")).length;
  const changed = entries.filter((entry) => /^(?! {3})[ MTADRCU]{2} /.test(entry)).length;
  const said = [
    ...(changed === 0 ? [] : [`${changed} changed`]),
    ...(fresh === 0 ? [] : [`${fresh} new`]),
  ];
  return said.length === 0 ? null : said.join(" and ");
}

// Where it begins.

/** Two tasks' results that do not go together. */
export interface Clash {
  kind: "clash";
  said: string;
}

/**
 * Where the worktree of a task begins: where the checkout stood when it was asked
 * for; of one that comes after others, at what they have come to.
 */
export function beginning(
  project: ProjectPaths,
  asked: Asked & { worktree: Branching },
): { kind: "ready"; base: string } | Clash {
  const { root } = project;
  let base: string | null = null;
  const from: string[] = [];
  for (const id of asked.after) {
    const tip = resultOf(project, id);
    if (base === null || isAncestor(root, base, tip)) base = tip;
    else if (!isAncestor(root, tip, base)) {
      const { tree, conflicts } = mergedTree(root, base, tip);
      if (conflicts.length > 0)
        return {
          kind: "clash",
          said: `${id} conflicts with ${from.join(" and ")} in ${conflicts.join(", ")}`,
        };
      base = commitTree(
        root,
        tree,
        [base, tip],
        `Merge what ${[...from, id].join(" and ")} came to`,
      );
    }
    from.push(id);
  }
  return { kind: "ready", base: base ?? asked.worktree.base };
}

/** The commit that holds what a task has come to. */
function resultOf(project: ProjectPaths, id: string): string {
  const { root } = project;
  const task = taskPaths(project, id);
  const worktree = readWorktree(task);
  const here = () => {
    const stands = standing(root);
    if (stands.kind === "ready") return stands.commit;
    throw failed("git", `${root} is at no commit`, "git status");
  };
  if (worktree === null || worktree.made === null) return here();
  if (isWhole(placeOf(project, id))) return commitRest(project, observe(task)).tip;
  return commitOf(root, `refs/heads/${branchOf(id)}`) ?? worktree.merged?.as ?? here();
}

/** Commits what a worker that has ended left uncommitted in its worktree; the files' number, and the last commit. */
export function commitRest(project: ProjectPaths, facts: Facts): { tip: string; files: number } {
  const place = placeOf(project, facts.id);
  const head = headOf(place);
  if (head === null) throw failed("git", `${place.path} is at no commit`, "git status, in there");
  if (isLive(derive(facts))) return { tip: head, files: 0 };
  if (isRebasing(place)) throw unfinished(facts, place, "in the middle of a rebase", "rebase");
  return withSnapshot(place, { isKept: true }, (snapshot) => {
    const { tree, index } = snapshot;
    const unresolved = unresolvedIn(place, snapshot).join(", ");
    if (unresolved !== "")
      throw unfinished(facts, place, `not through with the conflicts in ${unresolved}`, "merge");
    const names = look(project.root, ["diff-tree", "-r", "-z", "--name-only", head, tree]);
    const files = parts(needed(names)).length;
    const merging = mergingAt(place);
    if (files === 0 && merging === null) return { tip: head, files };
    const title = facts.asked?.title ?? facts.id;
    const tip = commitTree(
      project.root,
      tree,
      merging === null ? [head] : [head, merging],
      `${title}\n\nLeft uncommitted by its worker.`,
    );
    try {
      updateRef(place.common, `worktrees/${basename(place.admin)}/HEAD`, tip, head);
    } catch (error) {
      // Two tasks that come after this one, say, begin at the same time.
      if (headOf(place) === head) throw error;
      return commitRest(project, facts);
    }
    takeIndex(place, index);
    endMerge(place);
    return { tip, files };
  });
}

const unfinished = ({ id }: Facts, { path }: Place, how: string, what: "merge" | "rebase") =>
  failed(
    "unfinished",
    `${id} was left ${how}`,
    `dispatch resume ${id}; or: git -C ${shellQuoted(path)} ${what} --abort`,
  );

// Making it.

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
