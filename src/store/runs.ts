/**
 * Runs: one folder for each execution of a worker on a task. What somebody wants
 * of a task that has not started stands in a folder 000.
 */

import { mkdirSync, renameSync, rmSync } from "node:fs";
import * as v from "valibot";
import { causes, type Failure, isSessionId } from "../core/stream.ts";
import type { Check, RunRecord, Stop, Wish } from "../core/task.ts";
import { step } from "./step.ts";
import { parsedAs } from "./json.ts";
import { type RunPaths, runPaths, runPathsIn, type TaskPaths } from "./paths.ts";
import { create, isErrno, replace } from "./publish.ts";
import { readNames, readText, isFile } from "./read.ts";

/** The numbers of a task's runs, ascending. */
export function runNumbers(task: TaskPaths): number[] {
  return readNames(task.runs)
    .filter((name) => /^\d{3,6}$/.test(name) && Number(name) > 0)
    .map(Number)
    .sort((a, b) => a - b);
}

/** The number of the latest run, 0 where there is none. A folder without a record is none. */
export function latestRun(task: TaskPaths): number {
  return runNumbers(task).findLast((number) => isFile(runPaths(task, number).record)) ?? 0;
}

/** Fills a staged folder, in which the log is locked already: whoever sees a run sees it locked. */
export function stageRun(
  stagedFolder: string,
  content: { prompt: string; record: RunRecord },
): void {
  const staged = runPathsIn(stagedFolder);
  replace(staged.prompt, content.prompt);
  replace(staged.record, `${JSON.stringify(content.record, null, 2)}\n`);
}

/**
 * Makes a staged folder a task's run, at once. The rename fails where another
 * launcher has taken the number.
 *
 * @returns false when the number is taken
 */
export function placeRun(task: TaskPaths, number: number, stagedFolder: string): boolean {
  step("before a run is placed");
  try {
    renameSync(stagedFolder, runPaths(task, number).folder);
  } catch (error) {
    if (!isErrno(error, "ENOTEMPTY", "EEXIST", "ENOTDIR")) throw error;
    return false;
  }
  step("after a run is placed");
  return true;
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
  uptime: v.optional(v.number(), 0),
  said: v.optional(v.string()),
  why: v.optional(v.string(), ""),
  wish: v.optional(v.nullable(v.string()), null),
  verify: v.optional(v.nullable(v.string()), null),
  streak: v.optional(
    v.object({
      attempt: v.number(),
      tried: v.array(v.string()),
      done: v.number(),
      answers: v.array(v.string()),
      checks: v.optional(v.number(), 0),
    }),
    { attempt: 0, tried: [], done: 0, answers: [], checks: 0 },
  ),
});

export function readRecord(run: RunPaths): RunRecord | null {
  const file = readText(run.record, 4 * 1024 * 1024);
  const record = file === null ? null : parsedAs(recordSchema, file.text);
  return record === null ? null : { ...record, said: record.said ?? record.model };
}

/** The exit record; null while there is none. The shim writes it in one line: without its end, it is not there yet. */
export function readExit(run: RunPaths): { code: number; atMs: number } | null {
  const file = readText(run.exit, 64);
  const code = /^(\d{1,3})\n$/.exec(file?.text ?? "")?.[1];
  return file === null || code === undefined ? null : { code: Number(code), atMs: file.modifiedMs };
}

/** The number of the worker's process; null while there is none. */
export function readPid(run: RunPaths): number | null {
  const pid = /^(\d+)\n$/.exec(readText(run.pid, 64)?.text ?? "")?.[1];
  return pid === undefined ? null : Number(pid);
}

/** An exit record for a worker whose shim could not even be started. */
export function writeExit(run: RunPaths, code: number): void {
  create(run.exit, `${code}\n`);
}

/**
 * The intent to stop a run, written before any signal: by a person, where no cause is
 * given. Not for a run that has ended already.
 */
export function requestStop(run: RunPaths, failure: Failure | null = null): void {
  if (readExit(run) === null) create(run.stop, stopText(failure));
}

/** Keeps a task from going on by itself, whose latest run (or 000) this is: by a person, where no cause is given. */
export function giveUp(run: RunPaths, failure: Failure | null = null): void {
  rmSync(run.resume, { force: true });
  mkdirSync(run.folder, { recursive: true, mode: 0o700 });
  // In the place of ours, too: from now on it is a person who wants it.
  replace(run.stop, stopText(failure));
}

const stopText = (failure: Failure | null) =>
  failure === null ? "" : `${JSON.stringify(failure)}\n`;

const stopSchema = v.object({
  cause: v.picklist(causes),
  evidence: v.string(),
  resetsAtMs: v.nullable(v.number()),
});

/** Who wanted the run to stop; one that does not say why was a person. */
export function readStop(run: RunPaths): Stop | null {
  const file = readText(run.stop);
  if (file === null) return null;
  const failure = parsedAs(stopSchema, file.text);
  return failure === null ? { by: "person" } : { by: "policy", ...failure };
}

const wishSchema = v.object({
  model: v.nullable(v.string()),
  fresh: v.boolean(),
  told: v.optional(v.nullable(v.string()), null),
  token: v.string(),
});

/** The intent to go on with a task whose latest run (or 000) this is; it holds until there is a next one. */
export function requestResume(run: RunPaths, wish: Wish): void {
  mkdirSync(run.folder, { recursive: true, mode: 0o700 });
  replace(run.resume, `${JSON.stringify(wish)}\n`);
}

export function readWish(run: RunPaths): Wish | null {
  const file = readText(run.resume);
  return file === null ? null : parsedAs(wishSchema, file.text);
}

const checkSchema = v.object({ exit: v.pipe(v.number(), v.integer()), tail: v.string() });

/** What came of the check that followed the worker; null where there was none, or it was cut off. */
export function readCheck(run: RunPaths): Check | null {
  // Most runs have none, and are looked at often.
  const file = isFile(run.check) ? readText(run.check) : null;
  return file === null ? null : parsedAs(checkSchema, file.text);
}

export const writeCheck = (run: RunPaths, check: Check) =>
  replace(run.check, `${JSON.stringify(check)}\n`);
