/**
 * Codex as a host. Its interactive sessions take messages into a queue, which
 * wakes an idle one and keeps for a closed one; `codex exec` has no use for it.
 * The environment does not tell the two apart, the session's own log does.
 *
 * A command inside its sandbox has a process namespace of its own: all that it
 * starts ends with it, workers too.
 */

import { closeSync, existsSync, openSync, readFileSync, readSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

type Environment = Record<string, string | undefined>;

const codexHome = (env: Environment) => env["CODEX_HOME"] || join(homedir(), ".codex");

/** Its shells are login shells: the session's own PATH, and codex with it, may be missing there. */
function codexPath(env: Environment): string | null {
  const managed = env["CODEX_MANAGED_PACKAGE_ROOT"];
  const copies = [
    join(codexHome(env), "packages/app-server-daemon/current/bin/codex"),
    ...(managed === undefined ? [] : [join(managed, "bin/codex.js")]),
  ];
  return Bun.which("codex") ?? copies.find((path) => existsSync(path)) ?? null;
}

/** Whether a thread has somebody before it, and its queue can be reached. */
export function takesMessages(thread: string, env: Environment): boolean {
  return codexPath(env) !== null && isInteractive(thread, env);
}

function isInteractive(thread: string, env: Environment): boolean {
  const sessions = join(codexHome(env), "sessions");
  // The thread's id comes from the environment: it must not be a pattern.
  if (!/^[\w-]+$/.test(thread)) return false;
  const logs = new Bun.Glob(`*/*/*/rollout-*-${thread}.jsonl`);
  try {
    for (const log of logs.scanSync(sessions))
      return firstBytes(join(sessions, log), 4_096).includes('"originator":"codex-tui"');
  } catch {
    // No such folder.
  }
  return false;
}

function firstBytes(path: string, length: number): string {
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(length);
    return bytes.toString("utf8", 0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}

/** Whether this process would take all that it starts with it. */
export function isInSandbox(env: Environment): boolean {
  if (env["CODEX_SANDBOX"] === "seatbelt") return true;
  if (!env["CODEX_THREAD_ID"]) return false;
  try {
    return /(?:^|\/)codex-linux-sandbox/.test(readFileSync("/proc/1/cmdline", "utf8"));
  } catch {
    return false;
  }
}

/**
 * Puts a text of ours into a thread's queue, where it arrives as if the user
 * had typed it: it says that it is none, and no worker's text may name a skill.
 *
 * @throws where codex does not take it
 */
export function queueMessage(thread: string, text: string): void {
  const message = `Automated message of dispatch, not typed by the user:\n${text.replaceAll("$", "$ ")}`;
  const { exitCode, stderr } = Bun.spawnSync(
    [codexPath(process.env) ?? "codex", "queue", "--thread", thread, `--message=${message}`],
    { stdin: "ignore", stdout: "ignore", stderr: "pipe", timeout: 30_000 },
  );
  if (exitCode !== 0) throw new Error(`codex queue: ${stderr.toString().trim()}`);
}
