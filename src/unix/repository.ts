/** A repository: what git says of it, its commits and its refs. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { git, GitError, isSo, look, needed, parts } from "./git.ts";

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

/** The tree of a commit. */
export const treeOf = (cwd: string, commit: string) =>
  needed(look(cwd, ["rev-parse", "--verify", "--quiet", `${commit}^{tree}`])).trim();

/** Where git does not know who the user is. */
const ourName = {
  GIT_AUTHOR_NAME: "dispatch",
  GIT_AUTHOR_EMAIL: "dispatch@localhost",
  GIT_COMMITTER_NAME: "dispatch",
  GIT_COMMITTER_EMAIL: "dispatch@localhost",
};

/**
 * A commit of a tree; no branch moves. By the user, or, where git does not know who
 * that is, by this program; with `isUsers` it throws then.
 */
export function commitTree(
  cwd: string,
  tree: string,
  parents: readonly string[],
  message: string,
  { isUsers = false, options = [] }: { isUsers?: boolean; options?: readonly string[] } = {},
): string {
  const from = parents.flatMap((parent) => ["-p", parent]);
  const args = ["commit-tree", ...options, tree, ...from, "-F", "-"];
  const own = git(cwd, args, { input: message });
  const isEnough = isUsers || own.code === 0;
  return needed(isEnough ? own : git(cwd, args, { input: message, env: ourName })).trim();
}

/** A commit's message, as the user's own hook for that leaves it; throws what it says where it refuses. */
export function hookedMessage(cwd: string, message: string): string {
  const folder = mkdtempSync(join(tmpdir(), "dispatch-git-"));
  const file = join(folder, "COMMIT_EDITMSG");
  try {
    writeFileSync(file, `${message}\n`);
    const { code, out, err } = git(cwd, [
      "hook",
      "run",
      "--ignore-missing",
      "commit-msg",
      "--",
      file,
    ]);
    if (code !== 0)
      throw new GitError(`git would not: ${err || out.trim() || "commit-msg says no"}`);
    return readFileSync(file, "utf8");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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

/** Puts a commit of another repository among the refs of this one. */
export function fetchFrom(root: string, other: string, commit: string, ref: string): void {
  updateRef(other, ref, commit);
  const local = ["-c", "protocol.file.allow=always", "fetch", "--quiet", "--no-tags"];
  const only = ["--no-write-fetch-head", "--no-recurse-submodules"];
  needed(git(root, [...local, ...only, other, `${ref}:${ref}`]));
}
