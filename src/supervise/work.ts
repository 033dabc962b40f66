/** What tasks have changed: in their worktrees, or in the checkout while they ran. */

import type { Facts } from "../core/task.ts";
import { branchOf, type Work } from "../core/worktree.ts";
import type { ProjectPaths } from "../store/paths.ts";
import { changesSince, type FileChange, look } from "../unix/git.ts";
import { commitOf, isAncestor, treeOf } from "../unix/repository.ts";
import { countsBetween, withSnapshot } from "../unix/snapshot.ts";
import { checkoutPlace, headOf, isWhole } from "../unix/worktree.ts";
import { placeOf } from "./worktree.ts";

/** A worker's last write may carry a time just past its end. */
const slackMs = 2_000;

/** For the length of one telling, which is synchronous: news of several ledgers is told in it, and git may be slow. */
let looked: { sinceMs: number; changes: FileChange[] | null } | null = null;

function changesNow(root: string, sinceMs: number): FileChange[] | null {
  if (looked === null || (looked.changes !== null && looked.sinceMs > sinceMs)) {
    looked = { sinceMs, changes: changesSince(root, sinceMs) };
    queueMicrotask(() => (looked = null));
  }
  return looked.changes;
}

/**
 * Of each task, the files that it changed in its worktree; without one, those of the
 * checkout that changed while it ran, by its worker or by anybody else. Null where git
 * cannot tell. Starts git: for outcomes, not for every look.
 */
export function changedBy(
  project: ProjectPaths,
  all: readonly Facts[],
): (facts: Facts) => string[] | null {
  const inCheckout = all.filter((facts) => facts.worktree === null);
  const times = inCheckout.map(beganMs).filter((ms) => !Number.isNaN(ms));
  const changes = times.length === 0 ? null : changesNow(project.root, Math.min(...times));
  return (facts) => {
    if (facts.worktree !== null)
      return workOf(project, facts)?.files.map(({ path }) => path) ?? null;
    return changes === null ? null : duringTask(facts, changes);
  };
}

const beganMs = (facts: Facts) =>
  Date.parse(facts.asked?.created ?? facts.run?.record?.started ?? "");

function duringTask(facts: Facts, changes: readonly FileChange[]): string[] | null {
  const [fromMs, endedMs] = [beganMs(facts), facts.run?.endedMs ?? Date.now()];
  if (Number.isNaN(fromMs)) return null;
  const isWithin = ({ ms }: { ms: number }) => ms >= Math.floor(fromMs) && ms <= endedMs + slackMs;
  return changes.filter(isWithin).map(({ path }) => path);
}

/** Null where git cannot tell: no checkout, no git, or nothing has been begun yet. */
export function workOf(project: ProjectPaths, facts: Facts): Work | null {
  return withWork(project, facts, ({ from, to, env, paths }) => {
    const files = countsBetween(project.root, from, to, env, paths);
    return { files, branch: facts.worktree === null ? null : branchWork(project, facts, from) };
  });
}

function branchWork(
  project: ProjectPaths,
  facts: Facts,
  from: string,
): NonNullable<Work["branch"]> {
  const { root } = project;
  const name = branchOf(facts.id);
  const isThere = isWhole(placeOf(project, facts.id));
  const head = isThere ? headOf(placeOf(project, facts.id)) : tipOf(project, facts);
  const count = head === null ? "0" : look(root, ["rev-list", "--count", `${from}..${head}`]).out;
  const uncommitted = !isThere
    ? 0
    : withSnapshot(placeOf(project, facts.id), {}, ({ tree, env }) =>
        head === null ? 0 : countsBetween(root, head, tree, env).length,
      );
  return { name, commits: Number(count), uncommitted };
}

/** The last commit of a task whose worktree is gone, or null. */
const tipOf = (project: ProjectPaths, { id, worktree }: Facts) =>
  commitOf(project.root, `refs/heads/${branchOf(id)}`) ?? worktree?.merged?.tip ?? null;

/** Two trees or commits between which a task's work lies, for as long as `body` runs; null where git cannot tell. */
export function withWork<T>(
  project: ProjectPaths,
  facts: Facts,
  body: (work: { from: string; to: string; env: Record<string, string>; paths: string[] }) => T,
): T | null {
  try {
    return facts.worktree === null
      ? inCheckout(project, facts, body)
      : inWorktree(project, facts, body);
  } catch {
    return null;
  }
}

function inWorktree<T>(
  project: ProjectPaths,
  facts: Facts,
  body: Parameters<typeof withWork<T>>[2],
): T | null {
  const { worktree } = facts;
  if (worktree === null || worktree.made === null) return null;
  const place = placeOf(project, facts.id);
  if (!isWhole(place)) {
    const tip = tipOf(project, facts);
    if (tip === null) return null;
    return body({ from: baseOf(project, facts, tip), to: tip, env: {}, paths: [] });
  }
  const head = headOf(place);
  if (head === null) return null;
  return withSnapshot(place, {}, ({ tree, env }) => {
    const isMore = tree !== treeOf(project.root, head);
    return body({ from: baseOf(project, facts, head, isMore), to: tree, env, paths: [] });
  });
}

/**
 * Where its own work begins: behind what it has taken over meanwhile from the branch that it is for.
 *
 * @param isMore there is something that is not committed
 */
function baseOf({ root }: ProjectPaths, { worktree }: Facts, tip: string, isMore = false): string {
  const { base, target, merged } = worktree!;
  // Of what was brought home all would be behind: it is shown until there is more.
  if (merged !== null)
    return (isMore || tip !== merged.tip) && isAncestor(root, merged.tip, tip) ? merged.tip : base;
  const common =
    target === null ? "" : look(root, ["merge-base", `refs/heads/${target}`, tip]).out.trim();
  return common !== "" && common !== tip && isAncestor(root, base, common) ? common : base;
}

function inCheckout<T>(
  project: ProjectPaths,
  facts: Facts,
  body: Parameters<typeof withWork<T>>[2],
): T | null {
  const sinceMs = beganMs(facts);
  const changes = Number.isNaN(sinceMs) ? null : changesNow(project.root, sinceMs);
  const paths = changes === null ? null : duringTask(facts, changes);
  // A reflog counts in seconds.
  const from = commitOf(project.root, `HEAD@{${new Date(sinceMs - 1_000).toISOString()}}`);
  if (paths === null || from === null) return null;
  if (paths.length === 0) return body({ from, to: from, env: {}, paths });
  return withSnapshot(checkoutPlace(project.root), { paths }, ({ tree, env }) =>
    body({ from, to: tree, env, paths }),
  );
}

/** Files that more than one of these tasks has changed, each in a worktree of its own. */
export function overlapsOf(
  project: ProjectPaths,
  all: readonly Facts[],
): { path: string; ids: string[] }[] {
  const changing = new Map<string, string[]>();
  for (const facts of all)
    for (const { path } of workOf(project, facts)?.files ?? [])
      changing.set(path, [...(changing.get(path) ?? []), facts.id]);
  return [...changing].filter(([, ids]) => ids.length > 1).map(([path, ids]) => ({ path, ids }));
}
