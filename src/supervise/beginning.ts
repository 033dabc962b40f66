/** Where a task's worktree begins, and what the tasks that it comes after have come to. */

import { basename } from "node:path";
import { failed } from "../core/error.ts";
import { derive, isLive } from "../core/state.ts";
import type { Asked, Facts } from "../core/task.ts";
import { shellQuoted } from "../core/text.ts";
import { type Branching, branchOf } from "../core/worktree.ts";
import { type ProjectPaths, taskPaths } from "../store/paths.ts";
import { readWorktree } from "../store/worktrees.ts";
import { look, needed, parts } from "../unix/git.ts";
import {
  commitOf,
  commitTree,
  isAncestor,
  mergedTree,
  standing,
  updateRef,
} from "../unix/repository.ts";
import { takeIndex, unresolvedIn, withSnapshot } from "../unix/snapshot.ts";
import { endMerge, headOf, isRebasing, isWhole, mergingAt, type Place } from "../unix/worktree.ts";
import { observe } from "./observe.ts";
import { placeOf } from "./worktree.ts";

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
