/**
 * From a route to a command: resolved argv, cwd, environment, stdin. Nothing of
 * the prompt ever passes through a shell string.
 */

import { delimiter, dirname } from "node:path";
import { backendNamed, type Backend, type Work } from "../backends/index.ts";
import { failed } from "../core/error.ts";
import type { Route } from "../core/route.ts";
import { shellQuoted } from "../core/text.ts";
import { checkName } from "../store/checks.ts";
import { withoutHost } from "../unix/host.ts";
import { numbersOf } from "../unix/processes.ts";
import { selfArgv } from "../unix/self.ts";
import { inSteps } from "../unix/spawn.ts";
import { cliPath } from "./discover.ts";

export interface Command {
  argv: string[];
  cwd: string;
  env: Record<string, string>;
  /** The variables that are set for this worker beyond the user's own, by name. */
  setNames: string[];
  stdinPath: string | null;
}

/** What marks a worker, and tells it where it belongs. */
export interface WorkerMark {
  task: string;
  taskDir: string;
  token: string;
  tmp: string;
}

export function buildCommand(
  route: Route,
  work: Omit<Work, "isRoot" | "env" | "model">,
  mark: WorkerMark,
): Command {
  const backend = backendNamed(route.backend);
  const env = withoutHost(process.env);
  const whole: Work = {
    ...work,
    // A model under the backend's own name stands for whatever the CLI takes by itself.
    model: route.model === route.backend ? null : route.model,
    isRoot: process.getuid?.() === 0,
    env,
  };
  const { policy, args, promptBy, env: wanted = {} } = backend.invocation(whole);
  const own = {
    DISPATCH_TASK: mark.task,
    DISPATCH_TASK_DIR: mark.taskDir,
    DISPATCH_RUN: mark.token,
    DISPATCH_DEPTH: String(dispatchDepth() + 1),
    DISPATCH_ASK_LIMIT: String(backend.askLimitMs),
    DISPATCH_MODEL: route.model,
    DISPATCH_PIDS: numbersOf(),
    TMPDIR: mark.tmp,
    PATH: [dirname(process.execPath), env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"].join(
      delimiter,
    ),
  };
  const head = commandHead(route, backend, whole, policy);
  return {
    argv: [...head, ...args],
    cwd: work.cwd,
    env: { ...wanted, ...env, ...own },
    setNames: [
      ...Object.keys(own),
      ...Object.keys(wanted).filter((name) => env[name] === undefined),
    ],
    stdinPath: promptBy === "stdin" ? work.promptPath : null,
  };
}

/** With what comes before and after the worker in its run; it all begins in `root`. */
export function withSteps(
  command: Command,
  root: string,
  id: string,
  { ground, verify }: { ground: boolean; verify: string | null },
): Command {
  if (!ground && verify === null) return command;
  const act = (...words: string[]) =>
    [...selfArgv(), "supervise", ...words].map(shellQuoted).join(" ");
  const before = ground ? act("ground", id) : "";
  const after = verify === null ? "" : act("check", id, checkName(verify));
  const { argv, cwd } = command;
  return { ...command, argv: inSteps(before, cwd, after, argv), cwd: root };
}

/** How many dispatches deep this process is: 0 for a person or a host. */
export const dispatchDepth = () => Number(process.env["DISPATCH_DEPTH"] ?? "0") || 0;

const commandHead = (
  { command }: Route,
  backend: Backend,
  work: Pick<Work, "isRoot" | "env">,
  policy: readonly string[],
): string[] =>
  command === null ? [findBinary(backend), ...policy] : shellHead(command, backend, work);

/** Throws where the route's program is not there. */
export function checkCommand(route: Route): void {
  commandHead(route, backendNamed(route.backend), { isRoot: false, env: {} }, []);
}

/** The CLI's path, or an error that says how to get it. */
function findBinary(backend: Backend): string {
  const path = cliPath(backend);
  if (path !== null) return path;
  if (backend.binaries.length === 0) {
    throw failed(
      "cli_missing",
      `backend ${backend.name} has no command`,
      `add one: dispatch config path`,
    );
  }
  throw failed(
    "cli_missing",
    `${backend.label} is not on PATH (looked for ${backend.binaries.join(", ")})`,
    `install it: ${backend.install}; or name another model: dispatch models`,
  );
}

/**
 * A command line of the config is the user's own shell, `env -u …` and
 * `"$(pwd)"` included; what we add reaches it as arguments, never as text.
 */
function shellHead(
  command: string,
  backend: Backend,
  work: Pick<Work, "isRoot" | "env">,
): string[] {
  const mended = backend.mendCommand?.(command, work) ?? command;
  const program = firstProgram(mended);
  if (program !== null && Bun.which(program) === null) {
    throw failed(
      "cli_missing",
      `${program} is not on PATH (command of ${backend.name})`,
      "mend the command: dispatch config path",
    );
  }
  // With exec the agent takes the shell's place: it is the run's own process, and no shell stays behind.
  const mayExec = program !== null && !/^\s*(?:exec\s|\w+=)/.test(mended);
  const line = mayExec ? `exec ${mended.trim()}` : mended.trim();
  return ["/bin/sh", "-c", `${line} "$@"`, program ?? backend.name];
}

/** The program that a simple command line starts, or null when only a shell could tell. */
function firstProgram(command: string): string | null {
  if (/[;&|<>`\n(){}]/.test(command.replaceAll('"$(pwd)"', ""))) return null;
  const words = command.trim().split(/\s+/);
  while (words.length > 0) {
    const word = words.shift()!;
    if (word === "env" || word === "exec" || /^[A-Za-z_]\w*=[\w./:-]*$/.test(word)) continue;
    if (word === "-u") words.shift();
    else if (!/^-[iu]/.test(word)) return /^[\w./-]+$/.test(word) ? word : null;
  }
  return null;
}
