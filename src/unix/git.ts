/** Git: where a checkout is, without starting it; git itself; and what has changed in a checkout. */

import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** The nearest folder at or above `start` that is a checkout, or null. */
export function gitTopLevel(start: string): string | null {
  for (let folder = realpathSync(start); ; folder = dirname(folder)) {
    if (isGit(join(folder, ".git"))) return folder;
    if (folder === dirname(folder)) return null;
  }
}

// A worktree's is a file. An empty folder of that name is none: sandboxes leave such behind.
function isGit(path: string): boolean {
  return (
    existsSync(join(path, "HEAD")) || (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false)
  );
}

export interface GitAnswer {
  /** 127 where there is no git, 124 where it took too long, 137 where it was killed. */
  code: number;
  out: string;
  err: string;
}

export interface GitOptions {
  /** Beyond the caller's own environment, without what there names another repository. */
  env?: Record<string, string>;
  input?: string;
  timeoutMs?: number;
  /** Our own stdout is held by it: where that is a run's log, the run lives as long as it does. */
  isHeld?: boolean;
}

/** What a repository's own config names is not run for a look: monitors and hooks. */
const readOnly = [
  "--no-optional-locks",
  "-c",
  "core.fsmonitor=false",
  "-c",
  "core.hooksPath=/dev/null",
];
/** Objects that are not there are not fetched, whatever a repository's config names for that. */
const offline = { GIT_ALLOW_PROTOCOL: "none", GIT_NO_LAZY_FETCH: "1", GIT_TERMINAL_PROMPT: "0" };
const lookMs = 30_000;

/** For a look: nothing of the repository's own is run, nothing is fetched. */
export const look = (cwd: string, args: readonly string[], options: GitOptions = {}) =>
  git(cwd, [...readOnly, ...args], {
    timeoutMs: lookMs,
    ...options,
    env: { ...offline, ...options.env },
  });

/** The user's own git, hooks, filters and all. */
export function git(
  cwd: string,
  args: readonly string[],
  { env = {}, input, timeoutMs, isHeld = false }: GitOptions = {},
): GitAnswer {
  const binary = Bun.which("git");
  if (binary === null) return { code: 127, out: "", err: "git is not on PATH" };
  // Without it, starting anything would fail as if the program were missing.
  if (!existsSync(cwd)) return { code: 128, out: "", err: `the folder ${cwd} is gone` };
  // Files, not pipes: where we are killed, git would end at its next word, half way through a checkout.
  const [out, err] = [unnamedFile(), unnamedFile()];
  try {
    const { exitCode, exitedDueToTimeout } = Bun.spawnSync([binary, ...args], {
      cwd,
      env: { ...withoutGit(process.env), LC_ALL: "C.UTF-8", ...env },
      stdio: [
        input === undefined ? "ignore" : Buffer.from(input),
        out,
        err,
        ...(isHeld ? [1] : []),
      ],
      ...(timeoutMs !== undefined && { timeout: timeoutMs, killSignal: "SIGKILL" as const }),
    });
    const code = exitedDueToTimeout === true ? 124 : (exitCode ?? 137);
    return { code, out: textIn(out), err: textIn(err).trim() };
  } finally {
    closeSync(out);
    closeSync(err);
  }
}

function unnamedFile(): number {
  const path = join(tmpdir(), `dispatch-git-${crypto.randomUUID()}`);
  const fd = openSync(path, "wx+", 0o600);
  unlinkSync(path);
  return fd;
}

/** From its beginning, wherever whoever wrote it stands. */
function textIn(fd: number): string {
  const bytes = Buffer.alloc(fstatSync(fd).size);
  for (let at = 0; at < bytes.length;) {
    const read = readSync(fd, bytes, at, bytes.length - at, at);
    if (read === 0) break;
    at += read;
  }
  return bytes.toString();
}

/** What it printed; throws what it says where it failed. */
export function needed({ code, out, err }: GitAnswer): string {
  if (code === 0) return out;
  const said = err.split("\n").find((line) => /^(?:fatal|error): /.test(line)) ?? err;
  throw new GitError(`git says: ${said || `exit code ${code}`}`);
}

/** Whether it says yes. Throws where git was ended before it could tell: that is no "no". */
export function isSo(answer: GitAnswer): boolean {
  if (answer.code >= 124 && answer.code !== 128) needed(answer);
  return answer.code === 0;
}

/** Git in the user's own hands: with the terminal, the pager and the tools of their choice. Returns its exit code. */
export function showGit(
  cwd: string,
  args: readonly string[],
  env: Record<string, string> = {},
): number {
  // The pager's to take, as long as there is one.
  process.on("SIGINT", () => {});
  const { exitCode } = Bun.spawnSync(["git", ...args], {
    cwd,
    env: { ...withoutGit(process.env), ...env },
    stdio: ["inherit", "inherit", "inherit"],
  });
  return exitCode ?? 1;
}

/** What names another repository than the one in this folder; how git looks and who commits is the user's. */
const withoutGit = (env: Record<string, string | undefined>) =>
  Object.fromEntries(
    Object.entries(env).filter(
      ([name]) =>
        !name.startsWith("GIT_") ||
        /^GIT_(?:PAGER|EDITOR|EXTERNAL_DIFF|AUTHOR_|COMMITTER_|SSH|ASKPASS|CONFIG_GLOBAL|CONFIG_SYSTEM|CONFIG_NOSYSTEM)/.test(
          name,
        ),
    ),
  ) as Record<string, string>;

/** Git would not, in its own words. */
export class GitError extends Error {
  override readonly name = "GitError";
}

/** The parts of an output that ends each with a NUL. */
export const parts = (out: string) => out.split("\0").filter((part) => part !== "");

const patienceMs = 2_000;

export interface FileChange {
  /** Relative to the checkout. */
  path: string;
  /** Epoch milliseconds. */
  ms: number;
}

/**
 * Files of a checkout that may have changed since a time (epoch milliseconds), by
 * whatever hand: committed, uncommitted, new or deleted, but not ignored; with when
 * they were last written. What a repository's own config names (filters, monitors,
 * transports) is not run. Null where git cannot tell: no git, no checkout, or too slow.
 */
export function changesSince(root: string, sinceMs: number): FileChange[] | null {
  if (gitTopLevel(root) !== root) return null;
  // A reflog counts in seconds, and a commit belongs to the whole of its own.
  const then = `HEAD@{${new Date(sinceMs - 1_000).toISOString()}}`;
  // By names and times alone: comparing contents would run filters. Where nothing was committed
  // yet, there is no tree.
  const options = { timeoutMs: patienceMs };
  const before = look(root, ["ls-tree", "-r", "-z", "--name-only", "--full-tree", then], options);
  const now = look(
    root,
    ["ls-files", "-t", "--cached", "--others", "--exclude-standard", "-z"],
    options,
  );
  if (now.code !== 0) return null;
  const paths = new Set(before.code === 0 ? parts(before.out) : []);
  for (const entry of parts(now.out)) {
    // "S" marks what a sparse checkout leaves out.
    if (entry.startsWith("S ")) paths.delete(entry.slice(2));
    else paths.add(entry.slice(2));
  }
  return [...paths].sort().flatMap((path) => {
    const ms = changedAt(`${root}/${path}`);
    return ms !== null && ms >= Math.floor(sinceMs) ? { path, ms } : [];
  });
}

/** When the file was last written or moved; where it is gone, when the nearest folder that is left was. */
function changedAt(path: string): number | null {
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    // Not the time of its content, which can be set, and which a move keeps.
    if (stat !== undefined) return stat.ctimeMs;
  } catch {
    // A file stands where one of its folders was.
  }
  const folder = dirname(path);
  return folder === path ? null : changedAt(folder);
}
