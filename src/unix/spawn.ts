/** Starting processes: detached workers under the shim, and short questions to other programs. */

import { closeSync, constants, openSync } from "node:fs";
import shim from "./shim.sh" with { type: "text" };
import steps from "./steps.sh" with { type: "text" };

export interface ShimStart {
  runDir: string;
  argv: readonly string[];
  cwd: string;
  env: Record<string, string>;
  /** The file fed to the worker's stdin, or null for an empty one. */
  stdinPath: string | null;
  /** The open, locked log; closed here once the shim has inherited it. */
  logFd: number;
}

/**
 * Starts the shim in a session of its own and returns once the worker has been
 * exec'd, or could not be. Outlives this process, its terminal and its host.
 */
export async function startShim({
  runDir,
  argv,
  cwd,
  env,
  stdinPath,
  logFd,
}: ShimStart): Promise<void> {
  const stdin = openSync(stdinPath ?? "/dev/null", constants.O_RDONLY);
  try {
    const child = Bun.spawn(["/bin/sh", "-c", shim, "dispatch-shim", runDir, ...argv], {
      cwd,
      env,
      detached: true,
      stdio: [stdin, logFd, logFd, "pipe"],
    });
    child.unref();
    // The shim says when the worker is exec'd; whatever fails before that closes the pipe.
    await firstByte(child.stdio[3] as number);
  } finally {
    closeSync(stdin);
    closeSync(logFd);
  }
}

/** A command with a shell line before it, and one after it, of which either may be empty. */
export function inSteps(
  before: string,
  cwd: string,
  after: string,
  argv: readonly string[],
): string[] {
  return ["/bin/sh", "-c", steps, "dispatch-steps", before, cwd, after, ...argv];
}

/** Starts a program that outlives this process, its terminal and its host. */
export function startDetached(
  argv: string[],
  cwd: string,
  env: Record<string, string | undefined> = process.env,
): void {
  Bun.spawn(argv, { cwd, env, detached: true, stdio: ["ignore", "ignore", "ignore"] }).unref();
}

/** Waits for a byte from a pipe, or for its end. */
async function firstByte(fd: number): Promise<void> {
  const reader = Bun.file(fd).stream().getReader();
  await reader.read();
  await reader.cancel();
}

/**
 * Runs a shell line to its end, with nothing on stdin and all that it prints in a
 * file, whose descriptor is closed; returns its exit code. Our own stdout is held
 * by it too: where that is a run's log, the run lives as long as it does.
 */
export function runWith(line: string, cwd: string, outputFd: number): number {
  try {
    const { exitCode } = Bun.spawnSync(["/bin/sh", "-c", line], {
      cwd,
      stdio: ["ignore", outputFd, outputFd, 1],
    });
    return exitCode ?? 1;
  } finally {
    closeSync(outputFd);
  }
}

/** Runs a program with a text on its stdin to its end, whatever that is. */
export function runForOutput(
  argv: readonly string[],
  cwd: string,
  text: string,
): { code: number; out: string; err: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { cwd, stdin: Buffer.from(text) });
  const [out, err] = [stdout.toString().trim(), stderr.toString().trim()];
  return { code: exitCode ?? 1, out, err };
}

export interface Captured {
  ok: boolean;
  stdout: string;
}

/** Runs a program with a text on its stdin; throws when it fails, is missing or takes too long. */
export async function feed(argv: string[], text: string, timeoutMs: number): Promise<void> {
  const child = Bun.spawn(argv, {
    stdin: Buffer.from(text),
    stdout: "ignore",
    stderr: "ignore",
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const code = await child.exited;
  if (code !== 0)
    throw new Error(`${argv.at(-1)} ended with ${child.signalCode ?? `exit ${code}`}`);
}

/** Runs a program for its output, with nothing on stdin; not ok when it fails, is missing or takes too long. */
export async function capture(
  argv: string[],
  timeoutMs: number,
  env: Record<string, string>,
  cwd = process.cwd(),
): Promise<Captured> {
  try {
    const child = Bun.spawn(argv, {
      cwd,
      env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    const stdout = await new Response(child.stdout).text();
    return { ok: (await child.exited) === 0, stdout };
  } catch {
    return { ok: false, stdout: "" };
  }
}
