/**
 * A storm's processes, found by its token in their environment: nothing else of this
 * machine is ever signalled.
 */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";

export const kinds = [
  "supervisor",
  "act",
  "shim",
  "worker",
  "asker",
  "waiter",
  "hook",
  "command",
  "other",
] as const;
export type Kind = (typeof kinds)[number];

export interface Process {
  pid: number;
  kind: Kind;
  words: string[];
  environ: string;
  cwd: string;
}

/** Every living process that carries the mark. */
export function processesOf(mark: string): Process[] {
  return readdirSync("/proc").flatMap((entry) => {
    const found = /^\d+$/.test(entry) ? processAt(Number(entry)) : null;
    return found !== null && carries(found, mark) ? [found] : [];
  });
}

export const carries = ({ environ }: Process, mark: string) => environ.includes(`\0${mark}\0`);

/** Null where it has ended, or is not ours to see. */
function processAt(pid: number): Process | null {
  try {
    // What has ended and was not waited for yet has an empty environment.
    const environ = `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}`;
    const words = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").slice(0, -1);
    return { pid, kind: kindOf(words), words, environ, cwd: readlinkSync(`/proc/${pid}/cwd`) };
  } catch {
    return null;
  }
}

function kindOf(words: readonly string[]): Kind {
  if (words.includes("dispatch-shim")) return "shim";
  if (/\/(?:worktree-)?agent\.ts$/.test(words[1] ?? "")) return "worker";
  if (basename(words[0] ?? "") !== "dispatch") return "other";
  switch (words[1]) {
    case "supervise":
      return words.length === 2 ? "supervisor" : "act";
    case "ask":
      return "asker";
    case "wait":
      return "waiter";
    case "hook":
      return "hook";
    default:
      return "command";
  }
}

/** As `kill -9` does; false where it was not there any more, or its number is somebody else's now. */
export function killOne({ pid }: Process, mark: string): boolean {
  const now = processAt(pid);
  if (now === null || !carries(now, mark)) return false;
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false;
  }
}

/** All at once, and what they start meanwhile; as a machine that goes down does. */
export function killAll(mark: string): number {
  let count = 0;
  for (let left = processesOf(mark); left.length > 0; left = processesOf(mark))
    for (const each of left) if (killOne(each, mark)) count++;
  return count;
}
