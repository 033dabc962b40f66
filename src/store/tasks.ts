/** Projects and their task folders: `.dispatch/tasks/<task-id>/`. */

import { lstatSync, mkdirSync, readlinkSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { refused } from "../core/error.ts";
import { type Plan, parsePlan } from "../core/plan.ts";
import { noLimits, noPolicy } from "../core/policy.ts";
import type { Asked } from "../core/task.ts";
import { isTaskId } from "../core/task-id.ts";
import { quoted } from "../core/text.ts";
import {
  environmentName,
  type ProjectPaths,
  runPaths,
  type TaskPaths,
  taskPaths,
  taskPathsIn,
} from "./paths.ts";
import { create, isErrno, replace } from "./publish.ts";
import { step } from "./step.ts";
import { branchingEntries } from "./worktrees.ts";
import { isFile, readFolders, readText } from "./read.ts";

const longestPlan = 1024 * 1024;

/** Makes `.dispatch` where it is missing. Refuses one that is a link: its files would be elsewhere. */
export function ensureProject(project: ProjectPaths): void {
  checkProject(project);
  for (const folder of [project.folder, project.tasks, project.staging, project.told]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  if (!isFile(project.gitignore)) create(project.gitignore, "*\n");
}

/** Refuses a `.dispatch` whose files would be elsewhere; what is missing is fine. */
export function checkProject(project: ProjectPaths): void {
  checkFolders([project.folder, project.tasks, project.staging, project.told]);
}

/** The same for a task, whose folders a worker could have changed. */
export function checkTask(task: TaskPaths): void {
  checkFolders([task.ipc, task.runs, task.notes]);
}

function checkFolders(folders: readonly string[]): void {
  for (const folder of folders) {
    const stat = lstatSync(folder, { throwIfNoEntry: false });
    if (stat === undefined || stat.isDirectory()) continue;
    const what = stat.isSymbolicLink()
      ? `a link to ${quoted(readlinkSync(folder), 200)}`
      : "not a folder";
    throw refused(
      "dispatch_folder",
      `${folder} is ${what}; expected a folder of its own`,
      `remove it, or run dispatch in another project`,
    );
  }
}

/** The ids of all tasks, sorted; folders that cannot be tasks are passed over. */
export function taskIds(project: ProjectPaths): string[] {
  return readFolders(project.tasks).filter(isTaskId);
}

export function taskExists(project: ProjectPaths, id: string): boolean {
  return folderExists(taskPaths(project, id).folder);
}

export function folderExists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * Makes a task, whole or not at all: its folder is filled elsewhere and renamed
 * into place, which fails where the id is taken.
 *
 * @param fill adds to it before anybody sees it
 * @returns null when the id is taken
 */
export function createTask(
  project: ProjectPaths,
  id: string,
  asked: Asked,
  plan: string,
  fill: (staged: TaskPaths) => void = () => {},
): TaskPaths | null {
  const staged = taskPathsIn(stage(project), id);
  try {
    mkdirSync(staged.ipc);
    mkdirSync(staged.runs);
    replace(staged.asked, Bun.YAML.stringify(asked, null, 2));
    replace(staged.plan, plan);
    fill(staged);
    const final = taskPaths(project, id);
    renameSync(staged.folder, final.folder);
    return final;
  } catch (error) {
    rmSync(staged.folder, { recursive: true, force: true });
    if (isErrno(error, "ENOTEMPTY", "EEXIST", "ENOTDIR")) return null;
    throw error;
  }
}

/** A new folder on the same file system, for renaming into place. */
export function stage(project: ProjectPaths): string {
  const folder = join(project.staging, crypto.randomUUID());
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/**
 * Removes a task's folder at once, as others see it, and then its files. What
 * was started in it just before is seen by `isIdle`, and the folder put back.
 */
export function removeTask(
  project: ProjectPaths,
  task: TaskPaths,
  isIdle: (moved: TaskPaths) => boolean,
): boolean {
  const stagedFolder = stage(project);
  const moved = taskPathsIn(join(stagedFolder, task.id), task.id);
  renameSync(task.folder, moved.folder);
  step("after a task is moved out");
  let mayGo = false;
  try {
    mayGo = isIdle(moved);
  } finally {
    if (!mayGo) renameSync(moved.folder, task.folder);
    rmSync(stagedFolder, { recursive: true, force: true });
  }
  return mayGo;
}

/** Removes staged folders that nobody has touched since. */
export function sweepStaging(project: ProjectPaths, sinceMs: number): void {
  for (const name of readFolders(project.staging)) {
    const folder = join(project.staging, name);
    const stat = lstatSync(folder, { throwIfNoEntry: false });
    if (stat !== undefined && stat.mtimeMs < sinceMs)
      rmSync(folder, { recursive: true, force: true });
  }
}

const askedSchema = v.object({
  title: v.string(),
  prompt: v.string(),
  context: v.nullable(v.string()),
  files: v.array(v.string()),
  items: v.array(v.string()),
  ownPlan: v.boolean(),
  model: v.string(),
  alias: v.nullable(v.string()),
  answerTimeoutMs: v.number(),
  after: v.optional(v.array(v.pipe(v.string(), v.check(isTaskId))), []),
  limits: v.optional(
    v.object({
      parallel: v.nullable(v.union([v.literal("auto"), v.number()])),
      perProject: v.nullable(v.number()),
      perBackend: v.nullable(v.number()),
    }),
    noLimits,
  ),
  policy: v.optional(
    v.object({
      timeLimitMs: v.number(),
      stallAfterMs: v.number(),
      retry: v.object({ attempts: v.number(), firstMs: v.number(), longestMs: v.number() }),
      fallback: v.array(v.string()),
      resumeLost: v.boolean(),
      verifyRetries: v.optional(v.number(), 0),
    }),
    noPolicy,
  ),
  worktree: v.optional(v.nullable(v.object(branchingEntries)), null),
  verify: v.optional(v.nullable(v.string()), null),
  host: v.nullable(v.string()),
  folder: v.string(),
  environment: v.optional(v.nullable(v.pipe(v.string(), v.regex(environmentName))), null),
  // Dates are reckoned with, and stand in the keys of what was told.
  created: v.pipe(v.string(), v.isoTimestamp()),
});

/** What was asked; null for a folder of another program, or when the file cannot be read. */
export function readAsked(task: TaskPaths): Asked | null {
  const file = readText(task.asked, 4 * longestPlan);
  if (file === null) return null;
  try {
    const parsed = v.safeParse(askedSchema, Bun.YAML.parse(file.text));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

/**
 * Differs whenever a task's plan, mailbox or runs have changed since, and when the newest of them did.
 *
 * @param run the number of its latest run; 0 where there is none
 */
export function changeMark(task: TaskPaths, run: number): { mark: string; newestMs: number } {
  let newestMs = 0;
  const { folder, log } = runPaths(task, run);
  const marks = [task.folder, task.plan, task.ipc, task.runs, folder, log].map((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return "-";
    newestMs = Math.max(newestMs, stat.mtimeMs);
    return `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
  });
  return { mark: marks.join(" "), newestMs };
}

/** The plan as its file stands, and when it was written; null when there is none. */
export function readPlan(task: TaskPaths): { plan: Plan; writtenMs: number } | null {
  const file = readText(task.plan, longestPlan);
  if (file === null) return null;
  const { plan } = parsePlan(file.text);
  const writtenMs = file.modifiedMs;
  if (!file.isCut) return { plan, writtenMs };
  const text = `the plan is longer than ${longestPlan} bytes; the rest was not read`;
  const items = [...plan.items, { marker: " " as const, text, note: null, line: 0 }];
  return { plan: { ...plan, items }, writtenMs };
}
