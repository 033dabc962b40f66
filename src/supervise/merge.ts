/**
 * Bringing a task's work home: into the branch that the user is on. What cannot be
 * brought home is left as it was on both sides, and is for the worker to mend.
 */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { failed, refused } from "../core/error.ts";
import { derive, isLive } from "../core/state.ts";
import type { Facts } from "../core/task.ts";
import { branchOf, type Conflict, type Worktree } from "../core/worktree.ts";
import { type ProjectPaths, rebaseName, taskPaths } from "../store/paths.ts";
import { step } from "../store/step.ts";
import { stage } from "../store/tasks.ts";
import { writeWorktree } from "../store/worktrees.ts";
import { git, look } from "../unix/git.ts";
import {
  commitOf,
  commitTree,
  hookedMessage,
  isAncestor,
  mergedTree,
  standing,
  treeOf,
} from "../unix/repository.ts";
import { forgetWorktree, isWhole, worktreePlace } from "../unix/worktree.ts";
import { observe } from "./observe.ts";
import { type Rescued, takeDown } from "./rescue.ts";
import { commitRest } from "./beginning.ts";
import { placeOf } from "./worktree.ts";

export type Way = "merge" | "squash" | "rebase";

export interface Home {
  into: string;
  /** What the branch stands at now. */
  commit: string;
  /** How many commits of the task's were brought, and how many files were committed first that its worker had not. */
  commits: number;
  rest: number;
  /** Why its worktree is still there; null: it is gone. */
  kept: string | null;
  rescued: Rescued;
}

/** A task whose work is in a worktree of its own, and that is at rest. */
export type Workable = Facts & { worktree: Worktree };

/** Throws where there is nothing to be brought home from, or not yet. */
export function requireWork(facts: Facts): asserts facts is Workable {
  const { id, worktree, asked } = facts;
  const state = derive(facts);
  if (isLive(state))
    throw refused(
      "live",
      `${id} is still ${state.kind}`,
      `dispatch wait ${id}, or: dispatch stop ${id}`,
    );
  if (asked?.worktree == null)
    throw refused(
      "no_worktree",
      `${id} has no worktree: what it changed is in the checkout`,
      `dispatch diff ${id}`,
    );
  if (worktree === null || worktree.made === null)
    throw refused(
      "not_begun",
      `${id} has not begun: its worktree is not there yet`,
      `dispatch status ${id}`,
    );
}

/** @param isKept the worktree stays */
export function bringHome(project: ProjectPaths, facts: Workable, way: Way, isKept: boolean): Home {
  const { root } = project;
  const { worktree } = facts;
  const run = facts.run?.number ?? 0;
  const { into, head } = home(root, worktree.target);
  const { tip, files: rest } = endOf(project, facts);
  const commits = Number(look(root, ["rev-list", "--count", `${head}..${tip}`]).out);
  const done = { into, rest, commits };
  if (isAncestor(root, tip, head))
    return {
      ...done,
      commit: head,
      ...leave(project, facts, { tip, as: head, into, run }, isKept),
    };
  const before = worktree.merged;
  // As it was squashed or rebased, say, and nothing has come since.
  if (before !== null && before.tip === tip && isAncestor(root, before.as, head))
    return { ...done, commits: 0, commit: head, ...leave(project, facts, before, isKept) };

  const { tree, conflicts } = mergedTree(root, head, tip);
  if (conflicts.length > 0)
    throw conflicting(project, facts, { target: into, commit: head, files: conflicts, run });
  const made = combined(project, facts, way, { head, tip, tree });
  if (typeof made !== "string")
    throw conflicting(project, facts, { target: into, commit: head, files: made, run });
  forward(root, made);
  step("after work is brought home");
  const as = headHere(root);
  const left = leave(project, facts, { tip, as, into, run }, isKept);
  return { ...done, commit: as, ...left };
}

const titleOf = ({ asked, id }: Facts) => asked?.title ?? id;

function headHere(cwd: string): string {
  const head = commitOf(cwd, "HEAD");
  if (head === null) throw failed("git", `${cwd} is at no commit`, "git status");
  return head;
}

/** The branch that the user is on. */
function home(root: string, target: string | null): { into: string; head: string } {
  const stands = standing(root);
  if (stands.kind !== "ready") throw failed("git", `${root} is at no commit`, "git status");
  if (stands.branch === null)
    throw refused("no_branch", "the checkout is on no branch", `git switch ${target ?? "BRANCH"}`);
  if (commitOf(root, "MERGE_HEAD") !== null)
    throw refused(
      "merging",
      "the checkout is in the middle of a merge",
      "git merge --continue, or --abort",
    );
  return { into: stands.branch, head: stands.commit };
}

/** Its last commit, with all that its worker has left. */
function endOf(project: ProjectPaths, facts: Workable): { tip: string; files: number } {
  const { id, worktree } = facts;
  if (isWhole(placeOf(project, id))) return commitRest(project, facts);
  const tip = commitOf(project.root, `refs/heads/${branchOf(id)}`) ?? worktree.merged?.tip ?? null;
  if (tip === null)
    throw failed(
      "no_branch",
      `neither the worktree of ${id} nor its branch ${branchOf(id)} is there any more`,
      `git for-each-ref refs/dispatch/rescue/${id}`,
    );
  return { tip, files: 0 };
}

function conflicting(project: ProjectPaths, { id, worktree }: Workable, conflict: Conflict) {
  writeWorktree(taskPaths(project, id), { ...worktree, conflict });
  const { target, files } = conflict;
  return failed(
    "conflict",
    `${id} conflicts with ${target} in ${files.join(", ")}; nothing was changed`,
    `dispatch resume ${id} (its worker is told to resolve it), then merge again`,
  );
}

/**
 * The commit that the branch is to move to, or the files that conflict. Made beside the
 * checkout: whoever is killed meanwhile has changed nothing there.
 */
function combined(
  project: ProjectPaths,
  { id, asked }: Workable,
  way: Way,
  { head, tip, tree }: { head: string; tip: string; tree: string },
): string | string[] {
  const { root } = project;
  const title = asked?.title ?? id;
  switch (way) {
    case "merge":
      if (isAncestor(root, head, tip)) return tip;
      return usersCommit(root, tree, [head, tip], `Merge ${branchOf(id)}: ${title}`);
    case "squash":
      // One that was killed may have got as far as this.
      if (treeOf(root, head) === tree) return head;
      return usersCommit(root, tree, [head], title);
    case "rebase":
      return rebase(project, tip, head);
  }
}

/** As they would make it: in their name, with their words checked, and signed where they sign. */
function usersCommit(root: string, tree: string, parents: string[], message: string): string {
  const isSigned = look(root, ["config", "--type=bool", "--get", "commit.gpgSign"]).out.trim();
  const options = isSigned === "true" ? ["-S"] : [];
  return commitTree(root, tree, parents, hookedMessage(root, message), { isUsers: true, options });
}

/**
 * Moves the user's branch, at once or not at all: git looks first whether anything of
 * theirs is in the way. A merge of its own would put that aside and back, and a squash
 * takes two calls: killed in between, the checkout would be left half way.
 */
function forward(root: string, commit: string): void {
  const { code, out, err } = git(root, ["merge", "--ff-only", "--quiet", commit]);
  if (code === 0) return;
  throw failed(
    "not_merged",
    `git would not: ${err || out.trim() || `exit code ${code}`}`,
    code < 128 ? "git status; the checkout is as it was" : "git status",
  );
}

/** The last of the rebased commits, or the files that they conflict in. In a folder of our own: whose worktree it is, is not touched. */
function rebase(project: ProjectPaths, tip: string, onto: string): string | string[] {
  const { root } = project;
  const staged = stage(project);
  const path = join(staged, rebaseName(process.pid));
  try {
    const added = git(root, ["worktree", "add", "--quiet", "--detach", path, tip]);
    if (added.code !== 0)
      throw failed("not_merged", `git would not: ${added.err}`, "git worktree list");
    const { code, err } = git(path, ["rebase", "--quiet", onto], { env: { GIT_EDITOR: "true" } });
    if (code === 0) return headHere(path);
    const files = look(path, ["diff", "--name-only", "--diff-filter=U"]).out.trim();
    if (files === "")
      throw failed(
        "not_merged",
        `git would not rebase: ${err}`,
        "dispatch merge, without --rebase",
      );
    return files.split("\n");
  } finally {
    forgetWorktree(root, worktreePlace(root, path));
    rmSync(staged, { recursive: true, force: true });
  }
}

/** Writes down that it is at home; then its worktree may go. */
function leave(
  project: ProjectPaths,
  facts: Workable,
  merged: NonNullable<Worktree["merged"]>,
  isKept: boolean,
): Pick<Home, "kept" | "rescued"> {
  const { id } = facts;
  writeWorktree(taskPaths(project, id), { ...facts.worktree, merged, conflict: null });
  const nothing: Rescued = { refs: [], folder: null };
  if (isKept) return { kept: "as the config says", rescued: nothing };
  try {
    // What was squashed or rebased is in no branch as it was, and so is kept.
    const isIdle = () => {
      const now = observe(taskPaths(project, id));
      return !isLive(derive(now)) && now.run?.number === facts.run?.number;
    };
    return { kept: null, rescued: takeDown(project, facts, titleOf(facts), isIdle) };
  } catch (error) {
    return { kept: error instanceof Error ? error.message : String(error), rescued: nothing };
  }
}
