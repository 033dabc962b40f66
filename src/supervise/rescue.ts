/**
 * Taking worktrees down. Nothing that a worker made is ever lost by it: what is
 * committed nowhere else, and what is not committed at all, is kept first.
 *
 *     refs/dispatch/rescue/<task-id>/<time>          commits, the last of them all that was not committed
 *     refs/dispatch/rescue/<task-id>/<time>-branch   the branch, where the worktree stood elsewhere
 *     .dispatch/rescued/<task-id>/<time>/            what git does not keep: ignored files, repositories within
 */

import { lstatSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { refused } from "../core/error.ts";
import type { Facts } from "../core/task.ts";
import { branchOf } from "../core/worktree.ts";
import { type ProjectPaths, worktreePath } from "../store/paths.ts";
import { step } from "../store/step.ts";
import { stage } from "../store/tasks.ts";
import { git, look, needed, parts } from "../unix/git.ts";
import { withLock } from "../unix/lock.ts";
import { processesIn } from "../unix/processes.ts";
import {
  commitOf,
  commitTree,
  countUnmerged,
  fetchFrom,
  isAncestor,
  treeOf,
  updateRef,
} from "../unix/repository.ts";
import { withSnapshot } from "../unix/snapshot.ts";
import { submodulesOf, withSubmodule } from "../unix/submodules.ts";
import {
  forgetWorktree,
  headOf,
  isHalfMade,
  isRegistered,
  isTaken,
  isWhole,
  type Place,
} from "../unix/worktree.ts";
import { placeOf } from "./worktree.ts";

/** What of a task's work is nowhere else. */
export interface Unsaved {
  /** On no other branch, remote branch or tag. */
  commits: number;
  /** Not committed. */
  files: number;
}

/** Where what was saved is found. */
export interface Rescued {
  refs: string[];
  /** The folder of what git does not keep, or null. */
  folder: string | null;
}

const patienceMs = 60_000;

/**
 * Runs `body` while nobody else removes tasks or mends worktrees here: a worktree whose
 * task is just being removed is none without one.
 */
export function oneRemover<T>(project: ProjectPaths, body: () => T): T {
  const result = withLock(project.worktreesLock, patienceMs, () => ({ value: body() }));
  if (result !== undefined) return result.value;
  throw refused("busy", "somebody else is removing tasks here", "try again in a moment");
}

/** Each place that something was kept at. */
export const keptAt = ({ refs, folder }: Rescued): string[] =>
  folder === null ? [...refs] : [...refs, folder];

/** All that were ever kept, and are still there. */
export const rescuedRefs = ({ root }: ProjectPaths): string[] =>
  look(root, ["for-each-ref", "--format=%(refname)", "refs/dispatch/rescue"])
    .out.split("\n")
    .filter((line) => line !== "");

/** A new one. */
export const rescueRef = (id: string) =>
  `refs/dispatch/rescue/${id}/${new Date().toISOString().replaceAll(/[-:.]/g, "")}`;

/** All zero where there is nothing that could be lost. */
export function unsavedOf(
  project: ProjectPaths,
  { id, worktree }: Pick<Facts, "id" | "worktree">,
): Unsaved {
  const { root } = project;
  const place = placeOf(project, id);
  const tips = tipsOf(root, place, id);
  const merged = worktree?.merged == null ? [] : [worktree.merged.tip];
  const commits = tips.length === 0 ? 0 : countUnmerged(root, tips, merged);
  const [head] = tips;
  if (head === undefined || !isRegistered(place) || !isWhole(place)) return { commits, files: 0 };
  const files = withSnapshot(place, {}, ({ tree, staged, env, strangers }) => {
    const changed = [tree, staged ?? tree].flatMap((each) =>
      parts(needed(look(root, ["diff-tree", "-r", "-z", "--name-only", head, each], { env }))),
    );
    return new Set([...changed, ...strangers]).size;
  });
  return { commits, files };
}

/** Where the worktree stands, and its branch where that is another commit. */
function tipsOf(root: string, place: Place, id: string): string[] {
  const head = isTaken(place.path) ? headOf(place) : null;
  const branch = commitOf(root, `refs/heads/${branchOf(id)}`);
  return [...new Set([head, branch])].filter((tip) => tip !== null);
}

/** Throws while anybody stands in there. */
export function checkUnused(project: ProjectPaths, id: string): void {
  const who = whoIn(worktreePath(project, id));
  if (who !== null) throw inUse(project, id, who);
}

function whoIn(path: string): string | null {
  const pids = isTaken(path) ? processesIn(path) : [];
  return pids.length === 0 ? null : `process ${pids.slice(0, 5).join(", ")}`;
}

const inUse = (project: ProjectPaths, id: string, who: string) =>
  refused(
    "in_use",
    `the worktree of ${id} is in use (${who}); nothing was removed`,
    `leave it, or end them; it is ${worktreePath(project, id)}`,
  );

/**
 * Saves what would be lost, then removes the worktree and its branch. Throws, and
 * leaves all as it is, while somebody works there, or where it cannot be saved.
 *
 * @param title for the commit of what was not committed
 * @param isIdle asked at the last moment: no worker has come since
 */
export function takeDown(
  project: ProjectPaths,
  { id }: Pick<Facts, "id">,
  title: string,
  isIdle: () => boolean = () => true,
): Rescued {
  const { root } = project;
  const place = placeOf(project, id);
  checkUnused(project, id);
  const ref = rescueRef(id);
  const at = basename(ref);
  const rescued: Rescued = { refs: [], folder: null };
  const keep = (name: string, commit: string) => {
    updateRef(root, name, commit);
    rescued.refs.push(name);
  };
  if (isTaken(place.path) && !isRegistered(place)) git(root, ["worktree", "repair", place.path]);
  const isThere = isTaken(place.path) && isRegistered(place);
  const branchRef = `refs/heads/${branchOf(id)}`;
  const branch = commitOf(root, branchRef);
  // What was brought home may have been taken back there since: only what is seen counts.
  const before = `--glob=refs/dispatch/rescue/${id}/*`;
  const isElsewhere = (commit: string) => countUnmerged(root, [commit], [before]) === 0;

  let tip = isThere ? headOf(place) : null;
  // No worker has been in one that is half made.
  if (isThere && !isHalfMade(place)) {
    const rest = commitUnsaved(root, place, tip, title);
    if (rest !== null) keep(ref, (tip = rest));
    else if (tip !== null && !isElsewhere(tip)) keep(ref, tip);
    const away = join(project.rescued, id, at);
    if (saveApart(root, root, place, ref, keep, away)) rescued.folder = away;
  } else if (!isThere && isTaken(place.path)) {
    // Git does not know it any more: its files are all there is.
    const away = join(project.rescued, id, at);
    mkdirSync(dirname(away), { recursive: true, mode: 0o700 });
    renameSync(place.path, away);
    rescued.folder = away;
  }
  const isCovered = branch === null || (tip !== null && isAncestor(root, branch, tip));
  if (!isCovered && !isElsewhere(branch))
    keep(rescued.refs.length === 0 ? ref : `${ref}-branch`, branch);

  step("after work is saved");
  checkUnused(project, id);
  if (!isIdle()) throw inUse(project, id, "its task goes on");
  if (isTaken(place.path)) moveOut(project, id);
  if (isTaken(place.admin)) forgetWorktree(root, place);
  step("before a branch is removed");
  // Not one that the user has checked out.
  if (branch !== null) git(root, ["branch", "--quiet", "-D", branchOf(id)]);
  return rescued;
}

/** At once, as others see it: one that is killed half way leaves none that is half there. */
function moveOut(project: ProjectPaths, id: string): void {
  const path = worktreePath(project, id);
  const staged = stage(project);
  const moved = join(staged, "worktree");
  renameSync(path, moved);
  // Nobody comes in any more; who came in just before is seen now.
  const who = whoIn(moved);
  if (who !== null) {
    renameSync(moved, path);
    rmSync(staged, { recursive: true, force: true });
    throw inUse(project, id, who);
  }
  step("after a worktree is moved out");
  rmSync(staged, { recursive: true, force: true });
}

/** The commit of what was not committed; null where there was nothing. */
function commitUnsaved(
  root: string,
  place: Place,
  head: string | null,
  title: string,
): string | null {
  return withSnapshot(place, { isKept: true }, ({ tree, staged }) => {
    const before = head === null ? null : treeOf(root, head);
    const isStaged = staged !== null && staged !== before && staged !== tree;
    if (tree === before && !isStaged) return null;
    const parents = head === null ? [] : [head];
    const commit = (of: string, besides: string[], how: string) =>
      commitTree(root, of, [...parents, ...besides], `${title}\n\n${how}`);
    // As git stash has it: what was staged, and then changed further, is its second parent.
    const second = isStaged ? [commit(staged, [], "Was staged.")] : [];
    return commit(tree, second, "Was not committed.");
  });
}

/**
 * What a commit of the worktree could not hold: its submodules, to the last, ignored
 * files, and repositories within.
 *
 * @param theirs the same in the user's checkout
 * @returns true where anything was moved into the folder `away`
 */
function saveApart(
  root: string,
  theirs: string,
  place: Place,
  ref: string,
  keep: (name: string, commit: string) => void,
  away: string,
): boolean {
  const inner = submodulesOf(place.path).map(({ path }) =>
    withSubmodule(`${place.path}/${path}`, (submodule, tips) => {
      const name = `${ref}-${path.replaceAll(/[^\w-]+/g, "-")}`;
      saveSubmodule(root, `${theirs}/${path}`, submodule, tips, name, keep);
      return saveApart(root, `${theirs}/${path}`, submodule, name, keep, join(away, path));
    }),
  );
  const own = withSnapshot(place, {}, ({ strangers, ignored }) => {
    const changed = ignored.filter((path) => !isSame(`${place.path}/${path}`, `${theirs}/${path}`));
    for (const path of [...strangers, ...changed]) {
      const to = join(away, path);
      mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
      renameSync(`${place.path}/${path}`, to);
    }
    return strangers.length + changed.length > 0;
  });
  return own || inner.includes(true);
}

/** All that the submodule `theirs` of the checkout does not have: what is not committed, and what any branch holds. */
function saveSubmodule(
  root: string,
  theirs: string,
  submodule: Place,
  tips: readonly string[],
  name: string,
  keep: (name: string, commit: string) => void,
): void {
  const { common, path } = submodule;
  const head = headOf(submodule);
  const rest = commitUnsaved(common, submodule, head, basename(path));
  const isThere = isTaken(`${theirs}/.git`);
  const all = [...new Set([rest ?? head, ...tips])].filter((tip) => tip !== null);
  const missing = all.filter((tip) => !isThere || commitOf(theirs, tip) === null);
  for (const [index, tip] of missing.entries()) {
    const each = index === 0 ? name : `${name}-${index}`;
    fetchFrom(root, common, tip, each);
    keep(each, tip);
    // What was brought home may name it.
    if (isThere) fetchFrom(theirs, common, tip, each);
  }
}

/** As one that was copied and left as it was. */
function isSame(a: string, b: string): boolean {
  try {
    if (isLink(a) || isLink(b)) return readlinkSync(a) === readlinkSync(b);
    return readFileSync(a).equals(readFileSync(b));
  } catch {
    return false;
  }
}

const isLink = (path: string) => lstatSync(path).isSymbolicLink();
