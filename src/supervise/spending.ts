/** What a project's runs have spent: of the tasks that are there, by their logs; of those that were removed, by what was kept. */

import { backendNamed } from "../backends/index.ts";
import {
  credible,
  onceEach,
  ownUsages,
  type Spending,
  unknownUsage,
  type Usage,
} from "../core/spending.ts";
import { type Report, summarise } from "../core/stream.ts";
import type { RunRecord } from "../core/task.ts";
import { shownName } from "../core/text.ts";
import { addSpent, readSpent } from "../store/spent.ts";
import { note } from "../store/journal.ts";
import {
  type ProjectPaths,
  type RunPaths,
  runPaths,
  type TaskPaths,
  taskPaths,
} from "../store/paths.ts";
import { isFile, readLinesWith } from "../store/read.ts";
import { readRecord, runNumbers } from "../store/runs.ts";
import { readAsked, taskExists, taskIds } from "../store/tasks.ts";
import { isLocked } from "../unix/lock.ts";
import { readReport } from "./observe.ts";

const longestLog = 64 * 1024 * 1024;

/** Of every run of every task there is or was. */
export function spendingOfAll(project: ProjectPaths): Spending[] {
  const living = taskIds(project).flatMap((id) => {
    const seen = spendingOf(taskPaths(project, id));
    // One that was removed meanwhile was read in part; it has been kept before that, and is read below.
    return taskExists(project, id) ? seen : [];
  });
  // What was kept of a task that is still there (its removal was broken off) may be out of date.
  return onceEach([...readSpent(project), ...living]);
}

/** Remembers what a task's runs spent, which is about to be removed: twice rather than never. */
export function keepSpending(project: ProjectPaths, task: TaskPaths): void {
  try {
    addSpent(project, spendingOf(task));
  } catch (error) {
    // A disk that is full is why somebody removes tasks.
    note(project, task.id, `what it spent could not be kept: ${String(error)}`);
  }
}

/** Of each of a task's runs. */
export function spendingOf(task: TaskPaths): Spending[] {
  const isHosts = (readAsked(task)?.host ?? null) !== null;
  const runs = runNumbers(task).flatMap((number) => {
    const run = runPaths(task, number);
    const record = readRecord(run);
    if (record === null || !wasStarted(run)) return [];
    return { number, record, report: wholeReport(run, record) };
  });
  const usages = ownUsages(
    runs.map(({ number, record: { resumes, backend }, report }) => ({
      number,
      resumes,
      isOfSession: backendNamed(backend).usage === "session",
      ...credible(report),
    })),
  );
  return runs.map(({ record, report }, index) => ({
    run: record.token,
    task: task.id,
    // Its backend and its start, too, are read from where a worker can write.
    model: shownName(report.model ?? record.model),
    backend: shownName(record.backend),
    started: shownName(record.started),
    isHosts,
    ...usages[index]!,
  }));
}

/** A run whose worker could not be started has no process, and has spent nothing. */
const wasStarted = (run: RunPaths) => isFile(run.pid) || isLocked(run.log);

/** Where each step tells what it took, the middle of a long log counts too. */
function wholeReport(run: RunPaths, record: RunRecord): Report {
  const { report } = readReport(run, record);
  const { stepMark, read } = backendNamed(record.backend);
  if (stepMark === undefined) return report;
  const steps = readLinesWith(run.log, stepMark, longestLog)?.flatMap(read);
  return { ...report, ...(steps === undefined ? unknownUsage : usageOf(summarise(steps))) };
}

const usageOf = ({ tokens, costUsd }: Report): Usage => ({ tokens, costUsd });
