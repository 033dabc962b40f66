/** Git: where a checkout is, without starting it, and what has changed in one. */

import { existsSync, lstatSync, realpathSync, statSync } from "node:fs";
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

const readOnly = [
  "--no-optional-locks",
  "-c",
  "core.fsmonitor=false",
  "-c",
  "core.hooksPath=/dev/null",
];
/** Objects that are not there are not fetched, whatever a repository's config names for that. */
const offline = { GIT_ALLOW_PROTOCOL: "none", GIT_NO_LAZY_FETCH: "1", GIT_TERMINAL_PROMPT: "0" };
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
  const before = git(root, ["ls-tree", "-r", "-z", "--name-only", "--full-tree", then]) ?? [];
  const now = git(root, ["ls-files", "-t", "--cached", "--others", "--exclude-standard", "-z"]);
  if (now === null) return null;
  const paths = new Set(before);
  for (const entry of now) {
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

/** What names another repository than the one in this folder. */
const withoutGit = (env: Record<string, string | undefined>) =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("GIT_")));

function git(root: string, args: readonly string[]): string[] | null {
  const binary = Bun.which("git");
  if (binary === null) return null;
  const { exitCode, stdout } = Bun.spawnSync([binary, ...readOnly, ...args], {
    cwd: root,
    env: { ...withoutGit(process.env), ...offline },
    stdin: "ignore",
    stderr: "ignore",
    timeout: patienceMs,
    killSignal: "SIGKILL",
    maxBuffer: 16 * 1024 * 1024,
  });
  return exitCode === 0
    ? stdout
        .toString()
        .split("\0")
        .filter((path) => path !== "")
    : null;
}
