/**
 * Liveness: the kernel's own word on whether anything of a run still lives.
 *
 * A run's log is opened once, locked with flock(2), and inherited as stdout and
 * stderr by the shim and the worker. The lock belongs to the open file, so the
 * kernel drops it when the last of them ends, however it ends. No pid is asked:
 * pids are reused, and a zombie answers to its own.
 */

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
} from "node:fs";

const [shared, exclusive, nonBlocking] = [1, 2, 4];

let flock: ((fd: number, operation: number) => number) | null = null;

function loadFlock(): (fd: number, operation: number) => number {
  const libraries =
    process.platform === "darwin"
      ? ["libSystem.B.dylib"]
      : ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];
  // Loaded here: most looks find an exit record and need no lock.
  const { dlopen, FFIType } = process.getBuiltinModule("bun:ffi") as typeof import("bun:ffi");
  let reason: unknown = null;
  for (const library of libraries) {
    try {
      return dlopen(library, { flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 } })
        .symbols.flock;
    } catch (error) {
      reason = error;
    }
  }
  throw new Error("no flock(2) on this system", { cause: reason });
}

function tryLock(fd: number, operation: number): boolean {
  flock ??= loadFlock();
  return flock(fd, operation) === 0;
}

/**
 * Creates `path`, opened for appending and locked. The caller owns the file
 * descriptor: closing it ends the lock unless a child has inherited it.
 */
export function openLocked(path: string): number {
  const fd = openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600);
  if (tryLock(fd, exclusive | nonBlocking)) return fd;
  closeSync(fd);
  throw new Error(`already locked: ${path}`);
}

/** Whether anybody holds the lock of the file; false where there is no file. */
export function isLocked(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return false;
  }
  try {
    return !tryLock(fd, shared | nonBlocking);
  } finally {
    closeSync(fd);
  }
}

const retryMs = 5;

/**
 * Runs `body` while no other process does so for the same file, which is created
 * where it is missing. Undefined, with `body` not run, where another process has
 * held the lock for all of `patienceMs`: a stuck one must not stick us.
 */
export function withLock<T>(path: string, patienceMs: number, body: () => T): T | undefined {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    for (let waitedMs = 0; !tryLock(fd, exclusive | nonBlocking); waitedMs += retryMs) {
      if (waitedMs >= patienceMs) return undefined;
      Bun.sleepSync(retryMs);
    }
    return body();
  } finally {
    closeSync(fd);
  }
}

export interface HeldLock {
  /** The file is still where it was: its folder was not moved away, or made anew. */
  isStill: () => boolean;
  release: () => void;
}

/** Locks a file for as long as this process wants, or lives; null where somebody else has it. */
export function holdLock(path: string): HeldLock | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch {
    return null;
  }
  if (!tryLock(fd, exclusive | nonBlocking)) {
    closeSync(fd);
    return null;
  }
  const { ino } = fstatSync(fd);
  return {
    isStill: () => statSync(path, { throwIfNoEntry: false })?.ino === ino,
    release: () => closeSync(fd),
  };
}

/**
 * Takes a place from whoever holds it. The place is a file, and its holder the
 * process that made it: one that comes later puts its own there.
 *
 * @returns whether the place is still this process's
 */
export function takePlace(path: string): () => boolean {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  const mine = `${path}.${crypto.randomUUID().slice(0, 8)}`;
  // Kept open: the number of a file that is gone could be given to the next.
  const fd = openSync(mine, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  try {
    renameSync(mine, path);
  } catch (error) {
    unlinkSync(mine);
    throw error;
  }
  const { ino } = fstatSync(fd);
  return () => statSync(path, { throwIfNoEntry: false })?.ino === ino;
}
