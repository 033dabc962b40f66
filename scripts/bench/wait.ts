/** How soon whoever waits knows of a question. */

import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectPaths } from "../../src/store/paths.ts";
import { anyMomentOf, inTurns, msSince, type Probe, type Sample, sample } from "./measure.ts";
import { childrenOf, inotifyWatches, settled } from "./process.ts";
import type { Scratch } from "./scratch.ts";
import type { Row, Section } from "./table.ts";
import { addEndedTasks, addLiveTask, processesOf } from "./tasks.ts";

/** `dispatch wait` looks by itself this often: questions come at any moment of that. */
const heartbeatMs = 1_000;
/** The original's loop sleeps this long. */
const pollMs = 3_000;

export async function waitRows(
  scratch: Scratch,
  samples: { few: number; many: number; loops: number },
): Promise<Section> {
  const beside10 = await questions(scratch, 10, samples.many);
  const beside1000 = await questions(scratch, 1_000, samples.few);
  const loops = Array.from({ length: samples.loops }, () => loopMs(scratch));
  const loop = { name: "a loop like the original's", figures: sample(await Promise.all(loops)) };
  const row = (what: string, dispatch: Sample, reference: Row["reference"]): Row => ({
    what,
    unit: "ms",
    dispatch,
    reference,
    aim: "≤ 20 ms, p99 ≤ 100 ms",
    isLatency: true,
  });
  const what = "a question is there → `dispatch wait` has exited";
  return {
    rows: [
      row(what, beside10.wait, loop),
      row("the same", beside10.wait, beside10.inotifywait),
      row("the same, 1,000 ended tasks", beside1000.wait, beside1000.inotifywait),
    ],
    how: `Questions: from the rename of \`001.question\` to the exit of a waiter that was asleep, at a random moment of its period, with ten (or 1,000) ended tasks beside the live one; the ${samples.loops} loops of the original (\`sleep 3\`) ran side by side, each on a mailbox of its own.`,
  };
}

/** From a question to the waiter's exit, for both waiters that are told by the kernel. */
async function questions(scratch: Scratch, ended: number, rounds: number) {
  const project = scratch.project(`wait-${ended}`);
  addEndedTasks(project, ended);
  const live = addLiveTask(scratch, project, ended);
  const ledger = join(projectPaths(project).told, "person");
  const inotifywait = Bun.which("inotifywait");

  const waitMs = async () => {
    const waiter = scratch.start([scratch.dispatch, "wait"], project);
    await settled(waiter.pid, (pid) => inotifyWatches(pid) > ended);
    await anyMomentOf(heartbeatMs);
    const ms = await untilExit(waiter, live.ipc);
    // Forgotten, so that it is told as new the next time.
    const lines = (await Bun.file(ledger).text()).split("\n");
    writeFileSync(ledger, lines.filter((line) => !line.startsWith(`${live.id} `)).join("\n"));
    processesOf(live);
    return ms;
  };
  const inotifyMs = async (program: string) => {
    const argv = [program, "-q", "-e", "moved_to,create", live.ipc];
    const waiter = scratch.start(argv, project);
    await settled(waiter.pid, (pid) => inotifyWatches(pid) > 0);
    // It ends with the first file that is created: that must not be the temporary one.
    return untilExit(waiter, live.ipc, scratch.folder);
  };

  const probes: Record<string, Probe> = { wait: waitMs };
  if (inotifywait !== null) probes["inotifywait"] = () => inotifyMs(inotifywait);
  const figures = await inTurns(rounds, probes);
  const reference: Row["reference"] =
    inotifywait === null
      ? { missing: "inotifywait is not installed" }
      : { name: "`inotifywait`", figures: figures["inotifywait"]! };
  return { wait: figures["wait"]!, inotifywait: reference };
}

async function loopMs(scratch: Scratch): Promise<number> {
  const ipc = join(scratch.folder, crypto.randomUUID());
  mkdirSync(ipc);
  const loop = scratch.start(["bash", scratch.monitor, ipc], ipc);
  await settled(loop.pid, (pid) => childrenOf(pid).length > 0);
  await anyMomentOf(pollMs);
  return untilExit(loop, ipc);
}

/** Publishes a question and resolves to the milliseconds until the waiter has exited. */
async function untilExit(
  waiter: { exited: Promise<number> },
  ipc: string,
  temporaryIn = ipc,
): Promise<number> {
  const temporary = join(temporaryIn, "001.question.tmp");
  const question = join(ipc, "001.question");
  writeFileSync(temporary, "Which of the two?\n");
  const start = Bun.nanoseconds();
  renameSync(temporary, question);
  const exit = await waiter.exited;
  const ms = msSince(start);
  rmSync(question);
  if (exit !== 0) throw new Error(`a waiter ended with exit code ${exit}`);
  return ms;
}
