/** Memory: what there is of it, and what processes take. */

import { readdirSync, readFileSync } from "node:fs";
import { freemem, totalmem } from "node:os";

/** What could be had without swapping, and how short it has been. */
export function machineMemory(): { availableBytes: number; pressure: number } {
  // Elsewhere "free" leaves out what the system would give back.
  const free = process.platform === "linux" ? freemem() : totalmem() / 2;
  return { availableBytes: Math.min(free, leftInGroup()), pressure: pressure() };
}

function pressure(): number {
  const text = textOf("/proc/pressure/memory");
  return Number(/some avg10=([\d.]+)/.exec(text)?.[1] ?? 0);
}

/** A container's own limit, less what it has taken and cannot give back. */
function leftInGroup(): number {
  const limit = Number.parseInt(textOf("/sys/fs/cgroup/memory.max"), 10);
  if (Number.isNaN(limit)) return Infinity;
  const taken = Number.parseInt(textOf("/sys/fs/cgroup/memory.current"), 10) || 0;
  const cached = /^inactive_file (\d+)$/m.exec(textOf("/sys/fs/cgroup/memory.stat"))?.[1];
  return Math.max(0, limit - taken + Number(cached ?? 0));
}

/**
 * By the value of an environment's variable, the bytes that all processes with
 * it take together; what they share is counted once. Linux only: elsewhere empty.
 */
export function bytesBy(variable: string): Map<string, number> {
  const own = new Map<string, number>();
  const shared = new Map<string, number>();
  for (const pid of process.platform === "linux" ? readdirSync("/proc") : []) {
    if (!/^\d+$/.test(pid)) continue;
    const environment = `\0${textOf(`/proc/${pid}/environ`)}`;
    const start = environment.indexOf(`\0${variable}=`);
    if (start === -1) continue;
    const from = start + variable.length + 2;
    const value = environment.slice(from, environment.indexOf("\0", from));
    const [, resident = 0, common = 0] = textOf(`/proc/${pid}/statm`).split(" ").map(Number);
    own.set(value, (own.get(value) ?? 0) + (resident - common) * pageBytes);
    shared.set(value, Math.max(shared.get(value) ?? 0, common * pageBytes));
  }
  for (const [value, bytes] of own) own.set(value, bytes + shared.get(value)!);
  return own;
}

const pageBytes = 4096;

/** Nothing where there is no such file, or it is not ours to read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
