/** Runs: one folder for each execution of a worker on a task. */

import { renameSync } from "node:fs";
import * as v from "valibot";
import { isSessionId } from "../core/stream.ts";
import type { RunRecord } from "../core/task.ts";
import { type RunPaths, runPaths, runPathsIn, type TaskPaths } from "./paths.ts";
import { create, isErrno, replace } from "./publish.ts";
import { isFile, readNames, readText } from "./read.ts";

/** The numbers of a task's runs, ascending. */
export function runNumbers(task: TaskPaths): number[] {
  return readNames(task.runs)
    .filter((name) => /^\d{3,6}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** The number of the latest run, 0 where there is none. A folder without a record is none. */
export function latestRun(task: TaskPaths): number {
  return runNumbers(task).findLast((number) => isFile(runPaths(task, number).record)) ?? 0;
}

/**
 * Makes a run whole or not at all, from a staged folder in which the log is
 * locked already, so that whoever sees a run sees it locked. The rename fails
 * where another launcher has taken the number.
 *
 * @returns false when the number is taken
 */
export function createRun(
  task: TaskPaths,
  number: number,
  stagedFolder: string,
  content: { prompt: string; record: RunRecord },
): boolean {
  const staged = runPathsIn(stagedFolder);
  replace(staged.prompt, content.prompt);
  replace(staged.record, `${JSON.stringify(content.record, null, 2)}\n`);
  try {
    renameSync(staged.folder, runPaths(task, number).folder);
    return true;
  } catch (error) {
    if (!isErrno(error, "ENOTEMPTY", "EEXIST", "ENOTDIR")) throw error;
    return false;
  }
}

const recordSchema = v.object({
  model: v.string(),
  backend: v.string(),
  argv: v.array(v.string()),
  cwd: v.string(),
  env: v.array(v.string()),
  session: v.nullable(v.pipe(v.string(), v.check(isSessionId))),
  resumes: v.nullable(v.number()),
  // It names what `stop` may kill: anything but one of ours would be somebody else's.
  token: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  tmp: v.string(),
  started: v.string(),
});

export function readRecord(run: RunPaths): RunRecord | null {
  const file = readText(run.record, 4 * 1024 * 1024);
  if (file === null) return null;
  try {
    const parsed = v.safeParse(recordSchema, JSON.parse(file.text));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

/** The exit record; null while there is none. The shim writes it in one line: without its end, it is not there yet. */
export function readExit(run: RunPaths): { code: number; atMs: number } | null {
  const file = readText(run.exit, 64);
  const code = /^(\d{1,3})\n$/.exec(file?.text ?? "")?.[1];
  return file === null || code === undefined ? null : { code: Number(code), atMs: file.modifiedMs };
}

/** An exit record for a worker whose shim could not even be started. */
export function writeExit(run: RunPaths, code: number): void {
  create(run.exit, `${code}\n`);
}

/** The intent to stop, written before any signal; not for a run that has ended already. */
export function requestStop(run: RunPaths): void {
  if (readExit(run) === null) create(run.stop, "");
}

export function stopRequested(run: RunPaths): boolean {
  return isFile(run.stop);
}
