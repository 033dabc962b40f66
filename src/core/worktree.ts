/** A task's worktree: git's isolated checkout for one task, on a branch of its own. */

/** Where a worktree branches from. */
export interface Branching {
  /** The commit that the checkout stood at. */
  base: string;
  /** The branch that it was on, where the work is to be brought home; null: on none. */
  target: string | null;
}

/** `worktree.json` in the task's folder: how far its worktree has come. */
export interface Worktree extends Branching {
  /** ISO 8601: since when git has it whole; null while it is being made. */
  made: string | null;
  /** The files that it needs were copied, and its setup has succeeded. */
  isReady: boolean;
  /** What of it was brought home last, or null. */
  merged: Merged | null;
  /** Why it could not be brought home, until it was; or null. */
  conflict: Conflict | null;
}

export interface Merged {
  /** The task's own last commit. */
  tip: string;
  /** The commit that holds it at home. */
  as: string;
  into: string;
  /** The number of its latest run then. */
  run: number;
}

export interface Conflict {
  /** The branch that it does not go together with, and its commit. */
  target: string;
  commit: string;
  files: string[];
  /** The number of its latest run when that was seen. */
  run: number;
}

/** What a task has changed. */
export interface Work {
  files: FileCounts[];
  /** Its branch, how many commits of its own that has, and how many of the files are not committed; null in the checkout. */
  branch: { name: string; commits: number; uncommitted: number } | null;
}

export interface FileCounts {
  path: string;
  /** Lines; null of a file that has none. */
  added: number | null;
  removed: number | null;
}

export const branchOf = (id: string) => `dispatch/${id}`;

/** What a worker is told whose work does not go together with what happened meanwhile. */
export const conflictText = ({ target, commit, files }: Conflict) =>
  `Your work conflicts with what ${target} holds by now (${commit.slice(0, 12)}), in: ${files.join(", ")}. Merge that commit into your branch (\`git merge ${commit.slice(0, 12)}\`), resolve the conflicts so that both purposes are kept, see that all still works, and commit.`;
