/**
 * Git worktrees: made, looked at and taken down. Its folder, its `.git` file and
 * what git keeps about it are its worker's to change, so git is told from outside
 * where everything is: no config but the repository's own is ever read for one.
 */

import {
  copyFileSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { basename, resolve } from "node:path";
import { git, type GitAnswer, look, needed } from "./git.ts";
import { commitOf } from "./repository.ts";

/** A checkout of a repository: one of its worktrees, or the one that it began with. */
export interface Place {
  /** Where the repository's objects and refs are. */
  common: string;
  /** Where git keeps what it knows of this checkout. */
  admin: string;
  path: string;
}

/** @param path of a worktree, there or not */
export function worktreePlace(root: string, path: string): Place {
  const common = commonDir(root);
  return { common, admin: `${common}/worktrees/${basename(path)}`, path };
}

/** The checkout that the user works in. */
export function checkoutPlace(root: string): Place {
  const common = commonDir(root);
  if (isFolder(`${root}/.git`)) return { common, admin: common, path: root };
  return {
    common,
    admin: resolve(root, needed(look(root, ["rev-parse", "--git-dir"])).trim()),
    path: root,
  };
}

/** Asks git only where the checkout is itself a worktree, or a submodule. */
const commonDir = (root: string): string =>
  isFolder(`${root}/.git`)
    ? `${root}/.git`
    : resolve(root, needed(look(root, ["rev-parse", "--git-common-dir"])).trim());

export const isFolder = (path: string) =>
  lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Git knows that folder as a worktree of the repository. */
export function isRegistered({ admin, path }: Place): boolean {
  try {
    // Written whole, or from where it stands.
    return resolve(admin, plainText(`${admin}/gitdir`).trim()) === `${path}/.git`;
  } catch {
    return false;
  }
}

/** Its folder and git name one another: whoever stands in there finds the way to its repository. */
export function isLinked(place: Place): boolean {
  try {
    const [, admin] = /^gitdir: (.+)\n?$/.exec(plainText(`${place.path}/.git`)) ?? [];
    const isOurs = admin !== undefined && resolve(place.path, admin) === place.admin;
    return isOurs && isRegistered(place) && isTaken(`${place.admin}/HEAD`);
  } catch {
    return false;
  }
}

/**
 * Git was killed while it made this worktree: the files that are missing in it were
 * not deleted by anybody. Git says so itself, by a lock that it takes off in the end.
 */
export function isHalfMade({ admin }: Place): boolean {
  try {
    return plainText(`${admin}/locked`).trim() === "initializing";
  } catch {
    return false;
  }
}

/** Git was killed at it even before it had written down what it has to know of it. */
export const isBegun = ({ admin }: Pick<Place, "admin">) =>
  isTaken(admin) && ["gitdir", "commondir", "HEAD"].some((name) => isBlank(`${admin}/${name}`));

function isBlank(path: string): boolean {
  try {
    return /^0*$/.test(readFileSync(path, "utf8").trim());
  } catch {
    return true;
  }
}

/** There as a worker would find it. */
export const isWhole = (place: Place) =>
  isTaken(place.path) && !isHalfMade(place) && (isRegistered(place) || holdsFiles(place.path));

/** A worker may have put anything in its place, a FIFO that is waited at for ever too. */
export function plainText(path: string): string {
  if (lstatSync(path).isFile()) return readFileSync(path, "utf8");
  throw new Error(`${path} is no file`);
}

/** With a new branch that begins at `base`, or on the branch that is there, where that is null. */
export function addWorktree(
  root: string,
  path: string,
  branch: string,
  base: string | null,
): GitAnswer {
  const on = base === null ? [path, branch] : ["-b", branch, path, base];
  return git(root, ["worktree", "add", "--quiet", "--force", ...on], { isHeld: true });
}

/** Its folder may be gone already. */
export function forgetWorktree(root: string, { admin, path }: Place): void {
  // Git may not even be able to read of one that it was killed at, nor then of any other.
  if (isBegun({ admin })) {
    rmSync(admin, { recursive: true });
    if (isTaken(path) && !holdsFiles(path)) rmSync(path, { recursive: true });
  } else git(root, ["worktree", "remove", "--force", "--force", path]);
}

/** Where a branch is checked out: the folder of that worktree, or null. */
export function holderOf(root: string, branch: string): string | null {
  const entries = look(root, ["worktree", "list", "--porcelain", "-z"]).out.split("\0\0");
  const holder = entries.find((entry) => entry.split("\0").includes(`branch refs/heads/${branch}`));
  return holder?.split("\0")[0]?.replace(/^worktree /, "") ?? null;
}

/** The commit that a checkout stands at, whatever its worker has checked out; null where it stands at none. */
export const headOf = ({ common, admin }: Place) =>
  commitOf(common, admin === common ? "HEAD" : `worktrees/${basename(admin)}/HEAD`);

/** The commit that is being merged there, and whose merge is not committed; or null. */
export const mergingAt = ({ common, admin }: Place) =>
  commitOf(common, `worktrees/${basename(admin)}/MERGE_HEAD`);

/** Once it is committed. */
export function endMerge({ admin }: Place): void {
  for (const name of ["MERGE_HEAD", "MERGE_MODE", "MERGE_MSG", "AUTO_MERGE"])
    rmSync(`${admin}/${name}`, { force: true });
}

/**
 * Takes away git's note of a commit that is being picked where nothing is being done any more. In
 * codex's sandbox git cannot (it wants the lock of the packed refs), and would refuse to merge.
 */
export function endPick(place: Place): void {
  const note = `${place.admin}/CHERRY_PICK_HEAD`;
  if (!isTaken(note) || isRebasing(place) || isTaken(`${place.admin}/sequencer`)) return;
  const head = headOf(place);
  const index = `${place.admin}/index`;
  if (head === null || !lstatSync(index, { throwIfNoEntry: false })?.isFile()) return;
  const env = { GIT_DIR: place.common, GIT_INDEX_FILE: index };
  const { code } = look(place.path, ["diff-index", "--cached", "--quiet", head], { env });
  if (code === 0) rmSync(note, { force: true });
}

export const isRebasing = ({ admin }: Place) =>
  isTaken(`${admin}/rebase-merge`) || isTaken(`${admin}/rebase-apply`);

/** With its time: what was written just after it must not look as if it had been there before. */
export function copyIndex(from: string, to: string): boolean {
  try {
    if (!lstatSync(from).isFile()) return false;
    copyFileSync(from, to);
    const seconds = Math.floor(statSync(from).mtimeMs) / 1_000;
    utimesSync(to, seconds, seconds);
    return true;
  } catch {
    return false;
  }
}

/** Anything but what is git's own. */
export const holdsFiles = (folder: string) => readdirSync(folder).some((name) => name !== ".git");

/** Something is there; a link to nowhere is something. */
export const isTaken = (path: string) => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
