/** The ground that a task can have: a worktree of its own, or why there can be none. */

import { readdirSync } from "node:fs";
import { type DispatchError, failed, refused } from "../core/error.ts";
import { type Branching, branchOf } from "../core/worktree.ts";
import { type ProjectPaths } from "../store/paths.ts";
import { look, parts } from "../unix/git.ts";
import { branchesBelow, standing } from "../unix/repository.ts";
import { isTaken } from "../unix/worktree.ts";
import { placeOf } from "./worktree.ts";

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
