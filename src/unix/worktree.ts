/**
 * Git worktrees: made, looked at and taken down. Its folder, its `.git` file and
 * what git keeps about it are its worker's to change, so git is told from outside
 * where everything is: no config but the repository's own is ever read for one.
 */

import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { git, type GitAnswer, isSo, look, needed, parts } from "./git.ts";
import { brokenSubmodules, submodulesOf } from "./submodules.ts";

const addMs = 300_000;

/** What git says of a folder. */
export type Standing =
  | {
      kind: "ready";
      /** Where the repository's objects and refs are. */
      common: string;
      commit: string;
      /** The branch that is checked out; null: none is. */
      branch: string | null;
    }
  /** No program, no checkout, a repository without one, one without a commit, or git's own words. */
  | { kind: "no_git" | "none" | "bare" | "empty" }
  | { kind: "refused"; said: string };

export function standing(root: string): Standing {
  const args = ["--is-bare-repository", "--git-common-dir", "HEAD", "--symbolic-full-name", "HEAD"];
  const { code, out, err } = look(root, ["rev-parse", ...args]);
  if (code === 127) return { kind: "no_git" };
  const [bare, common, commit, ref] = out.split("\n");
  if (common === undefined || common === "")
    return /not a git repository/.test(err) ? { kind: "none" } : { kind: "refused", said: err };
  if (bare === "true") return { kind: "bare" };
  if (code !== 0 || commit === undefined || ref === undefined) return { kind: "empty" };
  const branch = ref.startsWith("refs/heads/") ? ref.slice("refs/heads/".length) : null;
  return { kind: "ready", common: resolve(root, common), commit, branch };
}

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

const isFolder = (path: string) =>
  lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Git knows that folder as a worktree of the repository. */
export function isRegistered({ admin, path }: Place): boolean {
  try {
    // Written whole, or from where it stands.
    return resolve(admin, readFileSync(`${admin}/gitdir`, "utf8").trim()) === `${path}/.git`;
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
    return readFileSync(`${admin}/locked`, "utf8").trim() === "initializing";
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

/** The full names of all branches at or below a name. */
export const branchesBelow = (root: string, name: string): string[] =>
  look(root, ["for-each-ref", "--format=%(refname:short)", `refs/heads/${name}`])
    .out.split("\n")
    .filter((line) => line !== "");

/** The commit that something names, or null. */
export function commitOf(cwd: string, name: string): string | null {
  const answer = look(cwd, ["rev-parse", "--verify", "--quiet", `${name}^{commit}`]);
  return isSo(answer) ? answer.out.trim() : null;
}

/** The commit that a checkout stands at, whatever its worker has checked out; null where it stands at none. */
export const headOf = ({ common, admin }: Place) =>
  commitOf(common, admin === common ? "HEAD" : `worktrees/${basename(admin)}/HEAD`);

export const treeOf = (cwd: string, commit: string) =>
  needed(look(cwd, ["rev-parse", "--verify", "--quiet", `${commit}^{tree}`])).trim();

export interface Snapshot {
  /** The tree of all that stands there, committed or not; ignored files are not in it. */
  tree: string;
  /** Repositories within it that it does not know, or cannot look into: a tree could hold but their names, and does not. */
  strangers: string[];
  /** Files that are ignored one by one; whole folders that are, are left out. */
  ignored: string[];
  /** Its index, and what finds its objects. */
  index: string;
  env: Record<string, string>;
}

export interface SnapshotOptions {
  /** Only these files are as they stand now; all others as they were committed last. */
  paths?: readonly string[];
  /** Its objects stay when `body` is done; else nothing of the repository is touched. */
  isKept?: boolean;
}

/** Throws what git says where it cannot tell. */
export function withSnapshot<T>(
  place: Place,
  { paths, isKept = false }: SnapshotOptions,
  body: (snapshot: Snapshot) => T,
): T {
  const scratch = mkdtempSync(join(tmpdir(), "dispatch-git-"));
  const index = join(scratch, "index");
  const objects = join(scratch, "objects");
  mkdirSync(objects);
  const apart = {
    GIT_OBJECT_DIRECTORY: objects,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: `${place.common}/objects`,
  };
  const env = { GIT_DIR: place.common, ...(isKept ? {} : apart) };
  const here = { ...env, GIT_WORK_TREE: place.path, GIT_INDEX_FILE: index };
  const run = (args: readonly string[], input?: string) =>
    look(place.path, args, { env: here, ...(input !== undefined && { input }), timeoutMs: addMs });
  const ask = (args: readonly string[], input?: string) => needed(run(args, input));
  /** Repositories that have no commit, or are not whole: git does not take even their names, nor anything beside them. */
  let without: string[] = [];
  const addAll = () => {
    const besides = without.map((inner) => `:(exclude,literal)${inner}`);
    return run(["-c", "advice.addEmbeddedRepo=false", "add", "--all", "--", ".", ...besides]);
  };
  const take = () => {
    if (paths !== undefined)
      return run(
        ["update-index", "--add", "--remove", "--replace", "-z", "--stdin"],
        paths.join("\0"),
      );
    const added = addAll();
    if (added.code === 0) return added;
    const untracked = parts(run(["ls-files", "--others", "--exclude-standard", "-z"]).out);
    const unborn = untracked.filter((path) => path.endsWith("/")).map((path) => path.slice(0, -1));
    without = [...unborn, ...brokenSubmodules(place.path)];
    return without.length === 0 ? added : addAll();
  };
  try {
    const isCopied = paths === undefined && copyIndex(`${place.admin}/index`, index);
    if (!isCopied || take().code !== 0) {
      rmSync(index, { force: true });
      ask(["read-tree", headOf(place) ?? "HEAD"]);
      needed(take());
    }
    const submodules = new Set(submodulesOf(place.path).map(({ path }) => path));
    const known = parts(ask(["ls-files", "--stage", "-z"]))
      .filter((entry) => entry.startsWith("160000 "))
      .map((entry) => entry.slice(entry.indexOf("\t") + 1))
      .filter((inner) => isStranger(`${place.path}/${inner}`, submodules.has(inner)));
    if (known.length > 0)
      ask(["update-index", "--force-remove", "-z", "--stdin"], known.join("\0"));
    const strangers = [...known, ...without.filter((path) => holdsFiles(`${place.path}/${path}`))];
    const tree = ask(["write-tree"]).trim();
    const others = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"];
    const ignored =
      paths === undefined ? parts(ask(others)).filter((path) => !path.endsWith("/")) : [];
    return body({ tree, strangers, ignored, index, env });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A repository of its own, or a worktree of one: all that is in there is its alone. */
const isStranger = (inner: string, isSubmodule: boolean) =>
  isFolder(`${inner}/.git`) || (!isSubmodule && isTaken(`${inner}/.git`));

/** With its time: what was written just after it must not look as if it had been there before. */
function copyIndex(from: string, to: string): boolean {
  try {
    copyFileSync(from, to);
    const seconds = Math.floor(statSync(from).mtimeMs) / 1_000;
    utimesSync(to, seconds, seconds);
    return true;
  } catch {
    return false;
  }
}

/** A snapshot that was committed: what the checkout's next commit begins with. */
export function takeIndex({ admin }: Place, index: string): void {
  copyFileSync(index, `${admin}/index.dispatch`);
  renameSync(`${admin}/index.dispatch`, `${admin}/index`);
}

export interface FileCounts {
  path: string;
  /** Lines; null of a file that has none. */
  added: number | null;
  removed: number | null;
}

/** What changed from one tree to the other; a file that was moved is one. */
export function countsBetween(
  cwd: string,
  from: string,
  to: string,
  env: Record<string, string>,
  paths: readonly string[] = [],
): FileCounts[] {
  const args = ["diff-tree", "-r", "-z", "-M", "--numstat", from, to, "--", ...paths];
  const words = needed(look(cwd, args, { env: { ...env, GIT_LITERAL_PATHSPECS: "1" } })).split(
    "\0",
  );
  const counts: FileCounts[] = [];
  for (let at = 0; at < words.length - 1; at++) {
    const [added, removed, path = ""] = words[at]!.split("\t");
    // Of one that was moved, the old and the new name come behind.
    const name = path === "" ? words[(at += 2)]! : path;
    counts.push({ path: name, added: lines(added), removed: lines(removed) });
  }
  return counts;
}
const lines = (text: string | undefined) =>
  text === "-" || text === undefined ? null : Number(text);

/** Where git does not know who the user is. */
const ourName = {
  GIT_AUTHOR_NAME: "dispatch",
  GIT_AUTHOR_EMAIL: "dispatch@localhost",
  GIT_COMMITTER_NAME: "dispatch",
  GIT_COMMITTER_EMAIL: "dispatch@localhost",
};

/** A commit of a tree, by the user where git knows who that is; no branch moves. */
export function commitTree(
  cwd: string,
  tree: string,
  parents: readonly string[],
  message: string,
  options: readonly string[] = [],
): string {
  const from = parents.flatMap((parent) => ["-p", parent]);
  const args = ["commit-tree", ...options, tree, ...from, "-F", "-"];
  const own = git(cwd, args, { input: message });
  return needed(own.code === 0 ? own : git(cwd, args, { input: message, env: ourName })).trim();
}

/** Moves a ref; `before` is what it has to stand at (40 zeros: nowhere), or whatever. */
export const updateRef = (cwd: string, ref: string, to: string, before?: string) =>
  needed(
    git(cwd, ["update-ref", "-m", "dispatch", ref, to, ...(before === undefined ? [] : [before])]),
  );

/** How many commits of these are on no branch, remote branch or tag but a task's, and not in `besides` either, which may be options that name commits. */
export function countUnmerged(
  root: string,
  tips: readonly string[],
  besides: readonly string[],
): number {
  const elsewhere = ["--exclude=dispatch/*", "--branches", "--remotes", "--tags", "HEAD"];
  return Number(
    needed(look(root, ["rev-list", "--count", ...tips, "--not", ...elsewhere, ...besides])),
  );
}

/** The files in which two commits do not go together; empty where they do. `tree` is what comes of both. */
export function mergedTree(
  root: string,
  a: string,
  b: string,
): { tree: string; conflicts: string[] } {
  const args = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", a, b];
  const { code, out, err } = look(root, args);
  if (code !== 1) needed({ code, out, err });
  const [tree = "", ...files] = parts(out);
  return { tree, conflicts: code === 1 ? [...new Set(files)] : [] };
}

export const isAncestor = (root: string, older: string, newer: string) =>
  isSo(look(root, ["merge-base", "--is-ancestor", older, newer]));

/** Puts a commit of a repository within a worktree among the refs of the outer one. */
export function fetchInner(root: string, inner: string, commit: string, ref: string): void {
  updateRef(inner, ref, commit);
  needed(
    git(root, ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", inner, `${ref}:${ref}`]),
  );
}

/** Anything but what is git's own. */
const holdsFiles = (folder: string) => readdirSync(folder).some((name) => name !== ".git");

/** Something is there; a link to nowhere is something. */
export const isTaken = (path: string) => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
