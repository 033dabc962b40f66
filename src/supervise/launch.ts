/**
 * A new run: its folder made whole and locked elsewhere, renamed into place,
 * then the worker started. Whoever sees a run sees it locked, so "no lock and
 * no exit record" always means that it is gone.
 */

import { closeSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { uptime } from "node:os";
import { relative } from "node:path";
import { failed, refused } from "../core/error.ts";
import { outcomeOf } from "../core/outcome.ts";
import { progress } from "../core/plan.ts";
import type { Due } from "../core/policy.ts";
import { freshPrompt, type PromptPaths, resumePrompt } from "../core/prompt.ts";
import { isUndelivered, type Question } from "../core/question.ts";
import type { Route } from "../core/route.ts";
import type { Failure } from "../core/stream.ts";
import { type Asked, type Facts, type RunFacts, type RunRecord, shownPlan } from "../core/task.ts";
import { branchOf } from "../core/worktree.ts";
import { backendNamed } from "../backends/index.ts";
import {
  besides,
  type ProjectPaths,
  runPaths,
  runPathsIn,
  tmpPrefix,
  type TaskPaths,
  worktreePath,
} from "../store/paths.ts";
import { note } from "../store/journal.ts";
import { addPlace } from "../store/places.ts";
import { create, isErrno } from "../store/publish.ts";
import { isFile } from "../store/read.ts";
import { placeRun, requestStop, stageRun, writeExit } from "../store/runs.ts";
import { step } from "../store/step.ts";
import { stage } from "../store/tasks.ts";
import { isInSandbox } from "../unix/codex-host.ts";
import { openLocked } from "../unix/lock.ts";
import { oneAtATime } from "./admission.ts";
import { buildCommand, type Command, withSteps } from "./command.ts";
import { type Launcher, localLauncher } from "./launcher.ts";
import { placeOf } from "./worktree.ts";

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
  told: string | null,
  mark: { token: string; tmp: string; promptPath: string },
): Prepared {
  const cwd = workFolder(project, task, asked);
  const paths = promptPaths(cwd, task, asked);
  const before = start.kind === "handover" ? start : null;
  const prompt =
    start.kind === "session"
      ? resumePrompt(paths, start.questions, told)
      : freshPrompt(asked, paths, route.promptPrefix, before, told);
  const chosen = backendNamed(route.backend).session === "chosen" ? crypto.randomUUID() : null;
  const session = start.kind === "session" ? start.session : chosen;
  const command = buildCommand(
    route,
    {
      prompt,
      promptPath: mark.promptPath,
      cwd,
      ...reach(project, task, asked),
      session,
      resume: start.kind === "session",
      title: task.id,
    },
    { task: task.id, taskDir: task.folder, token: mark.token, tmp: mark.tmp },
  );
  return { command, prompt, session };
}

/** Where a task's worker works, and its check is run. */
export const workFolder = (project: ProjectPaths, { id }: TaskPaths, { worktree }: Asked) =>
  worktree === null ? project.root : worktreePath(project, id);

/** What a worker has to write to outside of its own folder. */
function reach(project: ProjectPaths, task: TaskPaths, { worktree }: Asked) {
  if (worktree === null) return { folders: [], gitFolders: [] };
  const { common, admin } = placeOf(project, task.id);
  // Neither its config nor its hooks: they are run by the user's own git.
  const gitFolders = [admin, ...["objects", "refs", "logs"].map((name) => `${common}/${name}`)];
  return { folders: [task.folder], gitFolders };
}

/** What starts, and why. */
export interface Launch {
  facts: Facts & { asked: Asked };
  due: Due;
  route: Route;
  /** The name that led to the route. */
  said: string;
}

/**
 * Starts a task's next run; returns once the worker has been exec'd. Its number is one
 * more than that of the latest run in `facts`: of two who go on from the same look only
 * one can.
 *
 * @param whyNot asked while nobody else starts a worker: why this one must not, or null
 * @returns what `whyNot` said, or the run's number
 */
export async function launch<T>(
  project: ProjectPaths,
  task: TaskPaths,
  { facts, due, route, said }: Launch,
  whyNot: () => T | null,
  launcher: Launcher = localLauncher,
): Promise<{ kind: "refused"; why: T } | { kind: "started"; number: number; inSession: boolean }> {
  checkCwd(project.root);
  checkSandbox();
  const number = (facts.run?.number ?? 0) + 1;
  const run = runPaths(task, number);
  const token = crypto.randomUUID().replaceAll("-", "");
  const staged = stage(project);
  const tmp = mkdtempSync(tmpPrefix(task));
  let logFd: number | null = null;
  let isTaken = false;
  try {
    const start = continuation(facts, route, due.fresh);
    const mark = { token, tmp, promptPath: run.prompt };
    const { asked } = facts;
    const { command, prompt, session } = prepare(
      project,
      task,
      asked,
      route,
      start,
      due.told,
      mark,
    );
    const record: RunRecord = {
      ...recordOf(facts, due, said),
      model: route.model,
      backend: route.backend,
      argv: command.argv,
      cwd: command.cwd,
      env: command.setNames,
      session,
      resumes: start.kind === "session" ? start.run : null,
      token,
      tmp,
    };
    logFd = openLocked(runPathsIn(staged).log);
    stageRun(staged, { prompt, record });
    const refusal = oneAtATime(() => {
      const why = whyNot();
      if (why !== null) return { why };
      // First: a worker that is not counted would let others start beside it.
      countIn(project, task, token, { log: run.log, backend: route.backend });
      if (!placeRun(task, number, staged)) throw runTaken(task);
      isTaken = true;
      return null;
    });
    if (refusal !== null) {
      cleanUp();
      return { kind: "refused", why: refusal.why };
    }
    step("after a place is taken");
    const how = start.kind === "session" ? ", in the same session" : "";
    note(project, task.id, `run ${number} starts (${said} on ${route.backend}${how}): ${due.why}`);
    // The log is the launcher's from here on, to close as well.
    const handedOver = logFd;
    logFd = null;
    step("before the shim is started");
    const steps = { ground: asked.worktree !== null, verify: asked.verify };
    const whole = withSteps(command, project.root, task.id, steps);
    await submit(launcher, { paths: run, taskFolder: task.folder, token }, whole, handedOver);
    step("after the shim is started");
    return { kind: "started", number, inSession: start.kind === "session" };
  } catch (error) {
    cleanUp();
    throw error;
  }

  function cleanUp() {
    if (logFd !== null) closeSync(logFd);
    rmSync(staged, { recursive: true, force: true });
    if (!isTaken) rmSync(tmp, { recursive: true, force: true });
  }
}

/** Where nothing can be written there at all, and not only for now, it runs all the same. */
function countIn(
  project: ProjectPaths,
  task: TaskPaths,
  token: string,
  worker: { log: string; backend: string },
): void {
  try {
    addPlace(token, { ...worker, project: project.root });
  } catch (error) {
    if (!isErrno(error, "EROFS", "EACCES", "EPERM", "ENOTDIR")) throw error;
    note(project, task.id, `its worker is not counted: ${String(error)}`);
  }
}

export const runTaken = ({ id }: TaskPaths) =>
  refused("run_taken", `${id} is being started by somebody else`, `dispatch status ${id}`);

/** Throws where a worker would not outlive the command that starts it. */
export function checkSandbox(): void {
  if (!isInSandbox(process.env)) return;
  throw refused(
    "sandboxed",
    "codex's sandbox would end the worker together with this command",
    "codex runs only a plain command outside of it, no heredoc or pipe: dispatch run '…', with all of the text in single quotes; a rule that allows it: dispatch skill install",
  );
}

/** A run that came to its end before its worker could be started: it stands there with its cause, and what is next can go on from it. */
export function recordFailedStart(
  project: ProjectPaths,
  task: TaskPaths,
  { facts, due, said }: Omit<Launch, "route">,
  failure: Failure,
): void {
  const number = (facts.run?.number ?? 0) + 1;
  const staged = stage(project);
  const paths = runPathsIn(staged);
  const before = facts.run?.record;
  try {
    stageRun(staged, {
      prompt: "",
      record: {
        ...recordOf(facts, due, said),
        model: said,
        backend: before?.backend ?? "",
        argv: [],
        cwd: project.root,
        env: [],
        session: before?.session ?? null,
        resumes: null,
        token: crypto.randomUUID().replaceAll("-", ""),
        tmp: "",
      },
    });
    create(paths.log, `${failure.evidence}\n`);
    requestStop(paths, failure);
    writeExit(paths, 127);
    if (oneAtATime(() => placeRun(task, number, staged)))
      note(project, task.id, `run ${number} could not start: ${failure.evidence}`);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

const recordOf = (facts: Facts, { why, wish, attempt, tried, checks }: Due, said: string) => ({
  verify: facts.asked?.verify ?? null,
  said,
  why,
  wish,
  started: new Date().toISOString(),
  uptime: uptime(),
  streak: {
    attempt,
    tried: [...tried],
    checks,
    done: progress(shownPlan(facts)).done,
    answers: facts.questions.filter(isUndelivered).map((question) => question.number),
  },
});

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

/** As the worker sees them, from the folder that it works in. */
function promptPaths(cwd: string, task: TaskPaths, { after, worktree }: Asked): PromptPaths {
  const seen = (path: string) => relative(cwd, path);
  const outputs = after.map((id) => besides(task, id).output).filter(isFile);
  return {
    plan: seen(task.plan),
    ipc: seen(task.ipc),
    context: seen(task.context),
    outputs: outputs.map(seen),
    branch: worktree === null ? null : branchOf(task.id),
  };
}

/** How a task goes on: in its own session where the backend has one that began, else from what is on disk. */
function continuation(facts: Facts, route: Route, isFresh: boolean): Start {
  const { run, questions, hasContext } = facts;
  if (run === null) return { kind: "fresh" };
  const session = isFresh ? null : sessionOf(facts, run);
  if (
    session !== null &&
    run.record?.backend === route.backend &&
    backendNamed(route.backend).session !== "none"
  ) {
    return { kind: "session", session, run: run.number, questions };
  }
  return { kind: "handover", questions, hasContext };
}

/** A run that never got to work has left no session that could be found again, unless it went on in one. */
function sessionOf(facts: Facts, run: RunFacts): string | null {
  const { report, record } = run;
  if (report.began) return report.session;
  if (record === null || record.resumes === null) return null;
  const outcome = outcomeOf(facts, run);
  const isRefused =
    outcome.kind === "failed" && (outcome.cause === "crash" || outcome.cause === "start_failed");
  return isRefused ? null : record.session;
}
