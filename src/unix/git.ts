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

// Nothing that a repository's own config names is run, and no lock is taken.
const readOnly = [
  "--no-optional-locks",
  "-c",
  "core.fsmonitor=false",
  "-c",
  "core.hooksPath=/dev/null",
];
const patienceMs = 5_000;

/**
 * Files of a checkout, relative to it, that changed between two times (epoch
 * milliseconds), by whatever hand: committed, uncommitted, new or deleted, but
 * not ignored. Null where git cannot tell: no git, no checkout, or too slow.
 */
export function changedFiles(root: string, fromMs: number, toMs: number): string[] | null {
  if (gitTopLevel(root) !== root) return null;
  const then = `HEAD@{${new Date(fromMs).toISOString()}}`;
  // A checkout without commits has no HEAD to compare with: what it has, is new.
  const tracked = git(root, ["diff", "--no-ext-diff", "--no-renames", "--name-only", "-z", then]);
  const others = git(root, [
    "ls-files",
    "--others",
    "--exclude-standard",
    "-z",
    ...(tracked === null ? ["--cached"] : []),
  ]);
  if (others === null) return null;
  const isWithin = (path: string) => {
    const ms = changedAt(`${root}/${path}`);
    return ms !== null && ms >= Math.floor(fromMs) && ms <= toMs;
  };
  return [...new Set([...(tracked ?? []), ...others])].filter(isWithin).sort();
}

/** When the file was written; when it went, by its folder, if it is no longer there. */
function changedAt(path: string): number | null {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return (stat ?? statSync(dirname(path), { throwIfNoEntry: false }))?.mtimeMs ?? null;
}

function git(root: string, args: readonly string[]): string[] | null {
  const binary = Bun.which("git");
  if (binary === null) return null;
  const { exitCode, stdout } = Bun.spawnSync([binary, ...readOnly, ...args], {
    cwd: root,
    stdin: "ignore",
    stderr: "ignore",
    timeout: patienceMs,
    maxBuffer: 16 * 1024 * 1024,
  });
  return exitCode === 0
    ? stdout
        .toString()
        .split("\0")
        .filter((path) => path !== "")
    : null;
}
