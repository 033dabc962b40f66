/**
 * Writing. Nothing is written in place: a file appears whole or not at all, and
 * what happens once (a question, an answer, a stop request) is created, which
 * fails where it is there already.
 */

import {
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { step } from "./step.ts";

function writeTemporary(path: string, content: string | Uint8Array): string {
  const temporary = join(
    dirname(path),
    `.${basename(path)}.${crypto.randomUUID().slice(0, 8)}.tmp`,
  );
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const fd = openSync(temporary, "wx", 0o600);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  } finally {
    closeSync(fd);
  }
  return temporary;
}

/** Puts the file in the place of whatever stands there. */
export function replace(path: string, content: string | Uint8Array): void {
  const temporary = writeTemporary(path, content);
  step("before a file is published");
  try {
    renameSync(temporary, path);
    step("after a file is published");
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** True when this call made the file; false when somebody had made it before. */
export function create(path: string, content: string | Uint8Array): boolean {
  const temporary = writeTemporary(path, content);
  step("before a file is published");
  try {
    linkSync(temporary, path);
    step("after a file is published");
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Adds to the end of a file of ours, which is created where it is missing; never through a link, nor waiting at a FIFO. */
export function append(path: string, text: string): void {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}

export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? "");
}
