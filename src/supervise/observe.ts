/** One look at a task: what the disk says, and who still holds the run's lock. */

import { emptyReport, type Report, summarise } from "../core/stream.ts";
import type { Facts, RunFacts, RunRecord } from "../core/task.ts";
import { backendNamed } from "../backends/index.ts";
import { readMailbox } from "../store/mailbox.ts";
import {
  type ProjectPaths,
  type RunPaths,
  runPaths,
  type TaskPaths,
  taskPaths,
} from "../store/paths.ts";
import { isFile, readEnds } from "../store/read.ts";
import { latestRun, readExit, readRecord, stopRequested } from "../store/runs.ts";
import { readAsked, readPlan, taskIds } from "../store/tasks.ts";
import { isLocked } from "../unix/lock.ts";

/** How much of a log's start and end is read for what the backend reported. */
const logWindow = 64 * 1024;

/** Every task of the project, or those of `ids`, sorted by id. */
export function observeAll(project: ProjectPaths, ids: readonly string[] | null = null): Facts[] {
  return (ids ?? taskIds(project)).map((id) => observe(taskPaths(project, id)));
}

export function observe(task: TaskPaths): Facts {
  return {
    id: task.id,
    asked: readAsked(task),
    // The run comes first: a worker ticks its last item before it ends, so a
    // look that sees the end must read a plan no older than it.
    run: observeRun(task),
    plan: readPlan(task),
    questions: readMailbox(task),
    hasOutput: isFile(task.output),
    hasContext: isFile(task.context),
  };
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
    stopRequested: stopRequested(run),
    report,
  };
}

/** What the backend reported, from the first and the last part of the run's log. */
function readReport(
  run: RunPaths,
  record: RunRecord | null,
): { report: Report; modifiedMs: number | null } {
  const log = readEnds(run.log, logWindow);
  if (log === null || record === null)
    return { report: emptyReport, modifiedMs: log?.modifiedMs ?? null };
  const { read } = backendNamed(record.backend);
  return { report: summarise(log.lines.flatMap(read)), modifiedMs: log.modifiedMs };
}
