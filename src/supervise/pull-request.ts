/** A pull request for a task's branch, by GitHub's own CLI: the one thing here that leaves the machine. */

import { failed, refused } from "../core/error.ts";
import { branchOf } from "../core/worktree.ts";
import { type ProjectPaths, worktreePath } from "../store/paths.ts";
import { git, look } from "../unix/git.ts";
import { runForOutput } from "../unix/spawn.ts";
import { commitOf } from "../unix/repository.ts";
import { isTaken } from "../unix/worktree.ts";
import type { Workable } from "./merge.ts";
import { commitRest } from "./beginning.ts";

export interface PullRequest {
  title: string;
  body: string;
  /** The branch that it is for; null: the one that the task began at. */
  base: string | null;
  isDraft: boolean;
}

/** Pushes the branch, since that is what was asked for, and opens the request; returns where it is. */
export function openPullRequest(
  project: ProjectPaths,
  facts: Workable,
  { title, body, base, isDraft }: PullRequest,
): { url: string; remote: string; branch: string } {
  const { root } = project;
  const { id, worktree } = facts;
  const branch = branchOf(id);
  const gh = Bun.which("gh");
  if (gh === null)
    throw failed(
      "cli_missing",
      "GitHub's CLI (gh) is not on PATH; nothing was pushed",
      `install it; or: git push -u origin ${branch}`,
    );
  const into = base ?? worktree.target;
  if (into === null)
    throw refused(
      "no_branch",
      `${id} began at no branch; nothing was pushed`,
      `dispatch pr ${id} --base main`,
    );
  const remote = remoteOf(root, into);
  if (remote === null)
    throw refused(
      "no_remote",
      "the repository has no remote to push to",
      "git remote add origin URL",
    );
  if (isTaken(worktreePath(project, id))) commitRest(project, facts);
  if (commitOf(root, `refs/heads/${branch}`) === null)
    throw refused("no_branch", `there is no branch ${branch} any more`, `dispatch result ${id}`);
  const pushed = git(root, ["push", "--quiet", "--set-upstream", remote, `${branch}:${branch}`]);
  if (pushed.code !== 0)
    throw failed("not_pushed", `git would not push: ${pushed.err}`, "git remote -v");
  const draft = isDraft ? ["--draft"] : [];
  const args = [
    "pr",
    "create",
    "--head",
    branch,
    "--base",
    into,
    "--title",
    title,
    "--body-file",
    "-",
    ...draft,
  ];
  const { code, out, err } = runForOutput([gh, ...args], root, body);
  if (code !== 0)
    throw failed(
      "no_pull_request",
      `gh would not: ${err || out}; ${branch} is pushed`,
      `gh pr create --head ${branch} --base ${into}`,
    );
  return { url: out.split("\n").at(-1) ?? "", remote, branch };
}

/** Where the branch that it is for comes from, else the only remote, or the one that is named as usual. */
function remoteOf(root: string, branch: string): string | null {
  const { code, out } = look(root, ["config", "--get", `branch.${branch}.remote`]);
  if (code === 0 && out.trim() !== "" && out.trim() !== ".") return out.trim();
  const all = look(root, ["remote"])
    .out.split("\n")
    .filter((name) => name !== "");
  return all.includes("origin") ? "origin" : (all[0] ?? null);
}
