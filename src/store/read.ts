/**
 * Reading what others wrote. Every path may have been put there by a worker: no
 * link is followed, nothing but a regular file is opened, and no more than
 * `limit` bytes are taken. Bytes that are not UTF-8 become U+FFFD.
 */

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
} from "node:fs";
import { isErrno } from "./publish.ts";

export interface FileText {
  text: string;
  /** The file is larger than what was read of it. */
  isCut: boolean;
  modifiedMs: number;
}

const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
export const defaultLimit = 256 * 1024;

/** The start of a file, or null where there is no regular file. */
export function readText(path: string, limit: number = defaultLimit): FileText | null {
  return withFile(path, (fd, size, modifiedMs) => ({
    text: readAt(fd, 0, Math.min(size, limit)),
    isCut: size > limit,
    modifiedMs,
  }));
}

/**
 * Whole lines of a file's start and end, at most `limit` bytes of each; all of
 * it when it is no longer than both. Null where there is no regular file.
 */
export function readEnds(path: string, limit: number): { text: string; modifiedMs: number } | null {
  return withFile(path, (fd, size, modifiedMs) => {
    if (size <= 2 * limit) return { text: readAt(fd, 0, size), modifiedMs };
    const head = readAt(fd, 0, limit);
    const tail = readAt(fd, size - limit, limit);
    const text = head.slice(0, head.lastIndexOf("\n") + 1) + tail.slice(tail.indexOf("\n") + 1);
    return { text, modifiedMs };
  });
}

/** All lines of a file with `mark` in them; null where it is longer than `limit` bytes, or no regular file. */
export function readLinesWith(path: string, mark: string, limit: number): string[] | null {
  const file = readText(path, limit);
  if (file === null || file.isCut) return null;
  const lines: string[] = [];
  for (let at = 0; (at = file.text.indexOf(mark, at)) !== -1;) {
    const end = file.text.indexOf("\n", at);
    lines.push(file.text.slice(file.text.lastIndexOf("\n", at) + 1, end === -1 ? undefined : end));
    if (end === -1) break;
    at = end;
  }
  return lines;
}

/** Whether a regular file is there. */
export function isFile(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch {
    // A file stands where one of its folders should.
    return false;
  }
}

/** A file that the user named, wherever it leads; null where there is none. */
export function readUserText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

/** Names of the folders in a folder, sorted; links and all else are passed over. */
export function readFolders(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() ? entry.name : [])).sort();
  } catch {
    return [];
  }
}

/** Names in a folder, sorted; none where there is no such folder or it is a link. */
export function readNames(folder: string): string[] {
  try {
    const stat = lstatSync(folder, { throwIfNoEntry: false });
    return stat?.isDirectory() ? readdirSync(folder).sort() : [];
  } catch {
    return [];
  }
}

function withFile<T>(
  path: string,
  body: (fd: number, size: number, modifiedMs: number) => T,
): T | null {
  let fd: number;
  try {
    fd = openSync(path, flags);
  } catch {
    return null;
  }
  try {
    const stat = fstatSync(fd);
    return stat.isFile() ? body(fd, stat.size, withinDates(stat.mtimeMs)) : null;
  } finally {
    closeSync(fd);
  }
}

/** Some file systems take times beyond what a date can say, and a worker can set any. */
const withinDates = (ms: number) => Math.max(-latestMs, Math.min(latestMs, ms));
/** Not the last moment of all: times are reckoned from it. */
const latestMs = 8e15;

function readAt(fd: number, position: number, length: number): string {
  const bytes = Buffer.allocUnsafe(length);
  let got = 0;
  while (got < length) {
    const count = readSync(fd, bytes, got, length - got, position + got);
    if (count === 0) break;
    got += count;
  }
  return bytes.toString("utf8", 0, got);
}
