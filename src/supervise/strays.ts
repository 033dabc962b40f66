/** Worktrees that no task has any more: found, and adopted or taken down. */

import { rmSync } from "node:fs";
import { basename, dirname } from "node:path";
import { formatPlan } from "../core/plan.ts";
import { noLimits, noPolicy } from "../core/policy.ts";
import type { Asked } from "../core/task.ts";
import { isTaskId } from "../core/task-id.ts";
import { branchOf, type Branching, type Worktree } from "../core/worktree.ts";
import {
  type ProjectPaths,
  rebaser,
  runPaths,
  worktreePath,
  worktreeTask,
} from "../store/paths.ts";
import { readFolders } from "../store/read.ts";
import { giveUp } from "../store/runs.ts";
import { createTask, ensureProject, folderExists, taskExists } from "../store/tasks.ts";
import { placeWorktree } from "../store/worktrees.ts";
import { git, look } from "../unix/git.ts";
import { processIdentity } from "../unix/processes.ts";
import { commitOf, countUnmerged, standing, updateRef } from "../unix/repository.ts";
import {
  forgetWorktree,
  headOf,
  isHalfMade,
  isRegistered,
  isTaken,
  worktreePlace,
} from "../unix/worktree.ts";
import {
  oneRemover,
  type Rescued,
  rescueRef,
  takeDown,
  type Unsaved,
  unsavedOf,
} from "./rescue.ts";
import { clearBegun, placeOf } from "./worktree.ts";

export interface Stray {
  id: string;
  /** Its folder, or null where that is gone and only git still knows of it. */
  path: string | null;
  /** What of it is nowhere else; null where git cannot tell, since it does not know the folder. */
  unsaved: Unsaved | null;
}

const registeredBelow = (root: string, folder: string): string[] =>
  look(root, ["worktree", "list", "--porcelain"])
    .out.split("\n")
    .filter((line) => line.startsWith(`worktree ${folder}/`))
    .map((line) => line.slice("worktree ".length));

/**
 * Takes from git what it knows of worktrees that are nobody's any more: those that a
 * rebase was killed in, and those of tasks whose folder is gone. What only these stand
 * at is kept, and their branches stay.
 */
function forgetGone(project: ProjectPaths): void {
  const { root } = project;
  if (standing(root).kind !== "ready") return;
  clearBegun(project);
  for (const path of registeredBelow(root, project.staging)) {
    const pid = rebaser(basename(path));
    if (pid === null || processIdentity(pid) !== null) continue;
    rmSync(dirname(path), { recursive: true, force: true });
    forgetWorktree(root, worktreePlace(root, path));
  }
  for (const path of registeredBelow(root, project.worktrees)) {
    const id = worktreeTask(basename(path));
    if (id === null || !taskExists(project, id) || isTaken(path)) continue;
    const place = placeOf(project, id);
    // Somebody may be making it just now.
    if (isHalfMade(place)) continue;
    const head = headOf(place);
    const branch = commitOf(root, `refs/heads/${branchOf(id)}`);
    if (head !== null && countUnmerged(root, [head], branch === null ? [] : [branch]) > 0)
      updateRef(root, rescueRef(id), head);
    forgetWorktree(root, place);
  }
}

/** All worktrees of this project's making that have no task. */
export function straysOf(project: ProjectPaths): Stray[] {
  if (standing(project.root).kind !== "ready") return [];
  const registered = registeredBelow(project.root, project.worktrees).map((path) => basename(path));
  const names = new Set([...readFolders(project.worktrees), ...registered]);
  return [...names].sort().flatMap((name) => {
    const id = worktreeTask(name);
    if (id === null || !isTaskId(id) || taskExists(project, id)) return [];
    const path = worktreePath(project, id);
    const isThere = isTaken(path);
    if (isThere && !isRegistered(placeOf(project, id)))
      git(project.root, ["worktree", "repair", path]);
    const isKnown = !isThere || isRegistered(placeOf(project, id));
    return {
      id,
      path: isThere ? path : null,
      unsaved: isKnown ? unsavedOf(project, { id, worktree: null }) : null,
    };
  });
}

export type Mended = { id: string } & ({ kind: "removed"; rescued: Rescued } | { kind: "adopted" });

/** Takes up, or down, whatever has no task any more. `model` is what would go on with one. */
export function mendStrays(project: ProjectPaths, model: string): Mended[] {
  if (!folderExists(project.folder)) return [];
  return oneRemover(project, () => {
    forgetGone(project);
    return straysOf(project).map((stray) => mend(project, stray, model));
  });
}

/** One that holds work becomes a task again, which can be looked at, brought home or removed; any other is taken down. */
function mend(project: ProjectPaths, { id, path, unsaved }: Stray, model: string): Mended {
  const holdsWork = unsaved === null || unsaved.commits + unsaved.files > 0;
  const branching =
    path !== null && unsaved !== null && holdsWork ? branchingOf(project, id) : null;
  if (branching === null) return { id, kind: "removed", rescued: takeDown(project, { id }, id) };
  ensureProject(project);
  const title = `The worktree ${id}, found without its task`;
  const item = "Go on with what is there";
  const asked: Asked = {
    title,
    prompt: title,
    context: null,
    files: [],
    items: [item],
    ownPlan: false,
    model,
    alias: null,
    answerTimeoutMs: 180_000,
    after: [],
    limits: noLimits,
    policy: noPolicy,
    worktree: branching,
    verify: null,
    host: null,
    folder: "",
    environment: null,
    created: new Date().toISOString(),
  };
  const worktree: Worktree = {
    ...branching,
    made: asked.created,
    isReady: true,
    merged: null,
    conflict: null,
  };
  createTask(project, id, asked, formatPlan(title, [item]), (task) => {
    placeWorktree(task, worktree);
    // It is there to be looked at, not to be started.
    giveUp(runPaths(task, 0));
  });
  return { id, kind: "adopted" };
}

/** Where its own work begins, as far as history tells. */
function branchingOf(project: ProjectPaths, id: string): Branching | null {
  const { root } = project;
  const stands = standing(root);
  const tip = headOf(placeOf(project, id)) ?? commitOf(root, `refs/heads/${branchOf(id)}`);
  if (stands.kind !== "ready" || tip === null) return null;
  const base = look(root, ["merge-base", stands.commit, tip]).out.trim();
  return base === "" ? null : { base, target: stands.branch };
}
