/** What it costs to keep a worker, and to wait: memory and CPU of processes that do nothing. */

import { join } from "node:path";
import { mkdirSync } from "node:fs";
import { type Sample, sample } from "./measure.ts";
import { childrenOf, cpuMsOf, inotifyWatches, type Memory, memoryOf, settled } from "./process.ts";
import type { Scratch, Started } from "./scratch.ts";
import type { Row, Section } from "./table.ts";
import { addEndedTasks, addLiveTask, processesOf } from "./tasks.ts";

/** Long enough for a waiter's first heartbeats to have come and gone. */
const warmUpMs = 2_500;

export async function memoryRows(scratch: Scratch): Promise<Section> {
  const project = scratch.project("memory");
  addEndedTasks(project, 10);
  const live = addLiveTask(scratch, project, 10);
  const one = await memoryOfSome(scratch, project, 1);
  const ten = await memoryOfSome(scratch, project, 10);
  const shim = [memoryOf(processesOf(live).shim)];
  return {
    rows: [
      ...rowsOf("a worker's shim", shim, one.loops),
      ...rowsOf("one waiting `dispatch wait`", one.waiters, one.loops),
      ...rowsOf("each of ten `dispatch wait`", ten.waiters, ten.loops),
    ],
    how: "Memory: /proc/PID/smaps_rollup of processes at rest, beside ten ended tasks; PSS counts what they share by parts, “own” (anonymous) leaves it out; the shim is the `/bin/sh` above each worker, the loop is bash with its `sleep 3`.",
  };
}

async function memoryOfSome(scratch: Scratch, project: string, count: number) {
  const waiters = await startAll(count, () => startWaiter(scratch, project, 10));
  const loops = await startAll(count, () => startLoop(scratch));
  await Bun.sleep(warmUpMs);
  const figures = {
    waiters: waiters.map(({ pid }) => memoryOf(pid)),
    loops: loops.map(({ pid }) => memoryOfLoop(pid)),
  };
  await endAll([...waiters, ...loops]);
  return figures;
}

const kinds = { rss: "RSS", pss: "PSS", own: "own" } as const;
type Kind = keyof typeof kinds;

function rowsOf(what: string, ours: readonly Memory[], loops: readonly Memory[]): Row[] {
  const only = (all: readonly Memory[], kind: Kind) => sample(all.map((figure) => figure[kind]));
  return (Object.keys(kinds) as Kind[]).map((kind) => ({
    what: `${what}, ${kinds[kind]}`,
    unit: "MB",
    dispatch: only(ours, kind),
    reference: { name: "a loop like the original's", figures: only(loops, kind) },
  }));
}

export async function cpuRows(scratch: Scratch, seconds: number): Promise<Section> {
  const counts = [10, 1_000] as const;
  const waiters: Started[] = [];
  for (const count of counts) {
    const project = scratch.project(`idle-${count}`);
    addEndedTasks(project, count);
    addLiveTask(scratch, project, count);
    waiters.push(await startWaiter(scratch, project, count));
  }
  const loops = await startAll(10, () => startLoop(scratch));
  await Bun.sleep(warmUpMs);

  const looped = loops.map(({ pid }) => cpuMsOf(pid));
  const figures = await eachSecond(seconds, waiters);
  const perLoop = loops.map(({ pid }, index) => (cpuMsOf(pid) - looped[index]!) / seconds);
  await endAll([...waiters, ...loops]);
  const reference = {
    name: "a loop like the original's",
    figures: [perLoop.reduce((sum, ms) => sum + ms, 0) / perLoop.length],
  };
  return {
    rows: counts.map((count, index) => ({
      what: `\`dispatch wait\` at rest, ${count.toLocaleString("en")} ended tasks and a live one`,
      unit: "ms CPU/s",
      dispatch: figures[index]!,
      reference,
      aim: "≤ 10 ms CPU/s",
    })),
    how: `CPU at rest: time on a CPU in each of ${seconds} seconds (/proc/PID/task/*/schedstat), while nothing happens; beside it the mean of ten loops like the original's with their children (10 ms ticks), each of which looks into one mailbox every 3 s.`,
  };
}

/** CPU milliseconds of each process in each of some seconds. */
async function eachSecond(seconds: number, processes: readonly Started[]): Promise<Sample[]> {
  const figures = processes.map((): number[] => []);
  let before = processes.map(({ pid }) => cpuMsOf(pid));
  for (let second = 0; second < seconds; second++) {
    await Bun.sleep(1_000);
    const now = processes.map(({ pid }) => cpuMsOf(pid));
    for (const [index, ms] of now.entries()) figures[index]!.push(ms - before[index]!);
    before = now;
  }
  return figures.map(sample);
}

async function startAll<T>(count: number, start: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, start));
}

async function startWaiter(scratch: Scratch, project: string, tasks: number): Promise<Started> {
  const waiter = scratch.start([scratch.dispatch, "wait"], project);
  await settled(waiter.pid, (pid) => inotifyWatches(pid) > tasks);
  return waiter;
}

async function startLoop(scratch: Scratch): Promise<Started> {
  const ipc = join(scratch.folder, crypto.randomUUID());
  mkdirSync(ipc);
  const loop = scratch.start(["bash", scratch.monitor, ipc], ipc);
  await settled(loop.pid, (pid) => childrenOf(pid).length > 0);
  return loop;
}

async function endAll(processes: readonly Started[]): Promise<void> {
  for (const process of processes) process.kill("SIGKILL");
  await Promise.all(processes.map(({ exited }) => exited));
}

/** Of bash and the `sleep` that it waits for. */
function memoryOfLoop(pid: number): Memory {
  const all = [pid, ...childrenOf(pid)].map(memoryOf);
  const sum = (kind: Kind) => all.reduce((total, figure) => total + figure[kind], 0);
  return { rss: sum("rss"), pss: sum("pss"), own: sum("own") };
}
