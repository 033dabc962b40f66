/** What Linux tells of a process: its memory, its CPU time, whether it has come to rest. */

import { readdirSync, readFileSync } from "node:fs";

const restMs = 10;
const unsettledMs = 10_000;
/** The unit of utime and stime, the same on every Linux. */
const msPerTick = 10;

/** Megabytes. RSS counts what is shared with others in full, PSS its share of it, `own` none of it. */
export interface Memory {
  rss: number;
  pss: number;
  /** Anonymous: no file's pages, which the kernel can drop and others can share. */
  own: number;
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const field = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) / 1024;
  return { rss: field("Rss"), pss: field("Pss"), own: field("Anonymous") };
}

/** Milliseconds that the process has spent on a CPU, and its children that have ended. */
export function cpuMsOf(pid: number): number {
  // Of its own threads the kernel tells nanoseconds, of ended children only ticks.
  const ownNs = readdirSync(`/proc/${pid}/task`)
    .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8"))
    .reduce((sum, line) => sum + Number.parseInt(line, 10), 0);
  const [, childUser, childSystem] = statFields(pid).slice(12, 15).map(Number);
  return ownNs / 1e6 + (childUser! + childSystem!) * msPerTick;
}

export const parentOf = (pid: number) => Number(statFields(pid)[1]);

export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter((child) => child !== "")
    .map(Number);
}

/** From the third field on: the second, the command, may hold anything. */
function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** How many files and folders it watches through inotify. */
export function inotifyWatches(pid: number): number {
  return readdirSync(`/proc/${pid}/fdinfo`)
    .map((fd) => readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"))
    .reduce((sum, text) => sum + (text.match(/^inotify /gm)?.length ?? 0), 0);
}

/** Resolves once `isReady` holds and the process has used no CPU between two looks. */
export async function settled(pid: number, isReady: (pid: number) => boolean): Promise<void> {
  let lastCpuMs = -1;
  for (const start = Bun.nanoseconds(); Bun.nanoseconds() - start < unsettledMs * 1e6;) {
    const cpuMs = cpuMsOf(pid);
    if (cpuMs === lastCpuMs && isReady(pid)) return;
    lastCpuMs = cpuMs;
    await Bun.sleep(restMs);
  }
  throw new Error(`process ${pid} did not come to rest`);
}
