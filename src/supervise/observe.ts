/** One look at a task: what the disk says, and who still holds the run's lock. */

import { emptyReport, type Report, summarise } from "../core/stream.ts";
import { derive, isMoving } from "../core/state.ts";
import type { Facts, Parent, RunFacts, RunRecord } from "../core/task.ts";
import { backendNamed } from "../backends/index.ts";
import { readMailbox } from "../store/mailbox.ts";
import {
  besides,
  type ProjectPaths,
  type RunPaths,
  runPaths,
  type TaskPaths,
  taskPaths,
} from "../store/paths.ts";
import { isFile, readEnds } from "../store/read.ts";
import { latestRun, readCheck, readExit, readRecord, readStop, readWish } from "../store/runs.ts";
import { folderExists, readAsked, readPlan, taskIds } from "../store/tasks.ts";
import { readWorktree } from "../store/worktrees.ts";
import { isLocked } from "../unix/lock.ts";

/** How much of a log's start and end is read for what the backend reported: bytes of each. */
const verdictWindow = 8 * 1024;
const logWindow = 64 * 1024;

/** Every task of the project, or those of `ids`, sorted by id. */
export function observeAll(project: ProjectPaths, ids: readonly string[] | null = null): Facts[] {
  const parents: Parents = new Map();
  return (ids ?? taskIds(project)).map((id) => observe(taskPaths(project, id), parents));
}

/** What was seen in one look of the tasks that others come after. */
export type Parents = Map<string, Parent>;

export function observe(task: TaskPaths, parents: Parents = new Map()): Facts {
  const asked = readAsked(task);
  // The run comes first: a worker ticks its last item before it ends, so a
  // look that sees the end must read a plan no older than it.
  const run = observeRun(task);
  const latest = runPaths(task, run?.number ?? 0);
  const plan = readPlan(task);
  return {
    id: task.id,
    asked,
    run,
    plan: plan?.plan ?? null,
    planMs: plan?.writtenMs ?? null,
    questions: readMailbox(task),
    stop: readStop(latest),
    resume: readWish(latest),
    parents: run === null ? (asked?.after ?? []).map((id) => observeParent(task, id, parents)) : [],
    worktree: asked === null || asked.worktree === null ? null : readWorktree(task),
    hasOutput: isFile(task.output),
    hasContext: isFile(task.context),
  };
}

function observeParent(task: TaskPaths, id: string, parents: Parents): Parent {
  const known = parents.get(id);
  if (known !== undefined) return known;
  const parent = besides(task, id);
  // A file that was changed by hand may name a circle.
  parents.set(id, { id, kind: "after itself", isMoving: false });
  const seen = seenParent(parent, parents);
  parents.set(id, seen);
  return seen;
}

function seenParent(task: TaskPaths, parents: Parents): Parent {
  if (!folderExists(task.folder)) return { id: task.id, kind: "gone", isMoving: false };
  const state = derive(observe(task, parents));
  const kind = state.kind === "failed" ? `failed (${state.cause})` : state.kind;
  return { id: task.id, kind, isMoving: isMoving(state) };
}

function observeRun(task: TaskPaths): RunFacts | null {
  const number = latestRun(task);
  if (number === 0) return null;
  const run = runPaths(task, number);
  // The shim writes the exit record before it lets go of the lock: where neither
  // is there, one more look at the record is final.
  const early = readExit(run);
  const live = early === null && isLocked(run.log);
  const exit = early ?? (live ? null : readExit(run));
  const record = readRecord(run);
  const { report, modifiedMs } = readReport(run, record);
  return {
    number,
    record,
    live,
    exit: exit?.code ?? null,
    endedMs: live ? null : (exit?.atMs ?? modifiedMs),
    // A look at what is over must not say that it began, where its launcher was killed before that.
    isStarted: live || exit !== null || isFile(run.pid),
    saidMs: modifiedMs,
    check: live ? null : readCheck(run),
    report,
  };
}

/**
 * What the backend reported. A verdict of success stands at the log's end and is
 * the whole truth; for anything else more of the log is read, and all of that.
 */
export function readReport(
  run: RunPaths,
  record: RunRecord | null,
): { report: Report; modifiedMs: number | null } {
  const ends = readEnds(run.log, verdictWindow);
  if (ends === null || record === null) {
    return { report: emptyReport, modifiedMs: ends?.modifiedMs ?? null };
  }
  const { read, verdictMarks } = backendNamed(record.backend);
  if (verdictMarks !== undefined) {
    const report = summarise(tellingLines(ends.text, verdictMarks).flatMap(read));
    if (report.ok === true)
      return { report: { ...report, began: true }, modifiedMs: ends.modifiedMs };
  }
  const { text, modifiedMs } = readEnds(run.log, logWindow) ?? ends;
  return { report: summarise(text.split("\n").flatMap(read)), modifiedMs };
}

/** The first line, which names the session, and the last with each of the marks, in their order. */
function tellingLines(text: string, marks: readonly string[]): string[] {
  const starts = marks.flatMap((mark) => {
    const at = text.lastIndexOf(mark);
    return at === -1 ? [] : [text.lastIndexOf("\n", at) + 1];
  });
  return [0, ...starts.filter((start) => start > 0).sort((a, b) => a - b)].map((start) => {
    const end = text.indexOf("\n", start);
    return text.slice(start, end === -1 ? text.length : end);
  });
}
