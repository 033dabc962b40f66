/**
 * A new run: its folder made whole and locked elsewhere, renamed into place,
 * then the worker started. Whoever sees a run sees it locked, so "no lock and
 * no exit record" always means that it is gone.
 */

import { closeSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { relative } from "node:path";
import { failed, refused } from "../core/error.ts";
import { freshPrompt, type PromptPaths, resumePrompt } from "../core/prompt.ts";
import type { Question } from "../core/question.ts";
import type { Route } from "../core/route.ts";
import type { Asked, Facts, RunRecord } from "../core/task.ts";
import { backendNamed } from "../backends/index.ts";
import {
  type ProjectPaths,
  runPaths,
  runPathsIn,
  tmpPrefix,
  type TaskPaths,
} from "../store/paths.ts";
import { createRun, writeExit } from "../store/runs.ts";
import { stage } from "../store/tasks.ts";
import { isInSandbox } from "../unix/codex-host.ts";
import { openLocked } from "../unix/lock.ts";
import { buildCommand, type Command } from "./command.ts";
import { type Launcher, localLauncher } from "./launcher.ts";

/** What a run starts from: nothing, a session that goes on, or what an earlier worker left. */
export type Start =
  | { kind: "fresh" }
  | { kind: "session"; session: string; run: number; questions: readonly Question[] }
  | { kind: "handover"; questions: readonly Question[]; hasContext: boolean };

export interface Prepared {
  command: Command;
  prompt: string;
  session: string | null;
}

/** What would be run, without touching anything: `--dry-run`, and the first half of a launch. */
export function prepare(
  project: ProjectPaths,
  task: TaskPaths,
  asked: Asked,
  route: Route,
  start: Start,
  mark: { token: string; tmp: string; promptPath: string },
): Prepared {
  const paths = promptPaths(project, task);
  const prompt =
    start.kind === "session"
      ? resumePrompt(paths, start.questions)
      : freshPrompt(asked, paths, route.promptPrefix, start.kind === "handover" ? start : null);
  const chosen = backendNamed(route.backend).session === "chosen" ? crypto.randomUUID() : null;
  const session = start.kind === "session" ? start.session : chosen;
  const command = buildCommand(
    route,
    {
      prompt,
      promptPath: mark.promptPath,
      cwd: project.root,
      session,
      resume: start.kind === "session",
      title: task.id,
    },
    { task: task.id, taskDir: task.folder, token: mark.token, tmp: mark.tmp },
  );
  return { command, prompt, session };
}

/**
 * Starts a worker; returns once the worker has been exec'd.
 *
 * @param number the run's number: one more than the latest that the caller has seen ended, so that
 *   of two who go on from the same run only one can
 */
export async function launch(
  project: ProjectPaths,
  task: TaskPaths,
  asked: Asked,
  route: Route,
  start: Start,
  number: number,
  launcher: Launcher = localLauncher,
): Promise<void> {
  checkCwd(project.root);
  if (isInSandbox(process.env)) {
    throw refused(
      "sandboxed",
      "codex's sandbox would end the worker together with this command",
      "codex runs only a plain command outside of it, no heredoc or pipe: dispatch run '…', with all of the text in single quotes; a rule that allows it: dispatch skill install",
    );
  }
  const run = runPaths(task, number);
  const token = crypto.randomUUID().replaceAll("-", "");
  const staged = stage(project);
  const tmp = mkdtempSync(tmpPrefix(task));
  let logFd: number | null = null;
  let isTaken = false;
  try {
    const { command, prompt, session } = prepare(project, task, asked, route, start, {
      token,
      tmp,
      promptPath: run.prompt,
    });
    const record: RunRecord = {
      model: route.model,
      backend: route.backend,
      argv: command.argv,
      cwd: command.cwd,
      env: command.setNames,
      session,
      resumes: start.kind === "session" ? start.run : null,
      token,
      tmp,
      started: new Date().toISOString(),
    };
    logFd = openLocked(runPathsIn(staged).log);
    isTaken = createRun(task, number, staged, { prompt, record });
    if (!isTaken) {
      throw refused(
        "run_taken",
        `${task.id} is being started by somebody else`,
        `dispatch status ${task.id}`,
      );
    }
    // The log is the launcher's from here on, to close as well.
    const handedOver = logFd;
    logFd = null;
    await submit(launcher, { paths: run, taskFolder: task.folder, token }, command, handedOver);
  } catch (error) {
    if (logFd !== null) closeSync(logFd);
    rmSync(staged, { recursive: true, force: true });
    if (!isTaken) rmSync(tmp, { recursive: true, force: true });
    throw error;
  }
}

async function submit(
  launcher: Launcher,
  run: Parameters<Launcher["submit"]>[0],
  command: Command,
  logFd: number,
) {
  try {
    await launcher.submit(run, command, logFd);
  } catch (error) {
    // The run is there for all to see: without a record it would be "lost".
    writeExit(run.paths, 127);
    throw error;
  }
}

/** A missing cwd would be reported as a missing program. */
function checkCwd(cwd: string): void {
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) return;
  throw failed(
    "cwd_missing",
    `the folder ${cwd} is gone`,
    "run dispatch from a folder that is there",
  );
}

/** As the worker sees them, from the project's root. */
function promptPaths(project: ProjectPaths, task: TaskPaths): PromptPaths {
  const seen = (path: string) => relative(project.root, path);
  return { plan: seen(task.plan), ipc: seen(task.ipc), context: seen(task.context) };
}

/** How a task goes on: in its own session where the backend has one that began, else from what is on disk. */
export function continuation(facts: Facts, route: Route): Start {
  const { run, questions, hasContext } = facts;
  if (run === null) return { kind: "fresh" };
  // A run that never got to work has left no session that could be found again.
  const session = run.report.began ? run.report.session : null;
  if (
    session !== null &&
    run.record?.backend === route.backend &&
    backendNamed(route.backend).session !== "none"
  ) {
    return { kind: "session", session, run: run.number, questions };
  }
  return { kind: "handover", questions, hasContext };
}
