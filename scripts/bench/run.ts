/** How soon a worker runs. */

import { closeSync, constants, openSync } from "node:fs";
import { byteFrom, inTurns, msSince, sample } from "./measure.ts";
import type { Scratch } from "./scratch.ts";
import type { Section } from "./table.ts";

export async function runRows(scratch: Scratch, rounds: number): Promise<Section> {
  const project = scratch.project("run");
  // Open at both ends, so that neither a reader nor a writer ever waits for the other.
  const notes = openSync(scratch.notes, constants.O_RDWR);
  const returned = { run: [] as number[], sh: [] as number[] };
  let count = 0;

  const start = async (argv: string[], ends: number[]) => {
    const noted = byteFrom(notes);
    const startNs = Bun.nanoseconds();
    const child = scratch.start(argv, project);
    const exited = child.exited.then((exit) => {
      ends.push(msSince(startNs));
      if (exit !== 0) throw new Error(`${argv.join(" ")} ended with exit code ${exit}`);
    });
    await Promise.race([noted, exited.then(() => noted)]);
    const notedMs = msSince(startNs);
    await exited;
    return notedMs;
  };
  const { run, sh } = await inTurns(rounds, {
    sh: () => start(["/bin/sh", "-c", `${scratch.notingWorker} "look around"`], returned.sh),
    run: () => {
      const id = `task-${count++}`;
      return start(
        [scratch.dispatch, "run", "-m", "noting", "--id", id, "look around"],
        returned.run,
      );
    },
  });
  closeSync(notes);
  // The round that warms up is the first of each.
  const counted = (all: number[]) => sample(all.slice(1));
  return {
    rows: [
      {
        what: "`dispatch run` until the worker runs",
        unit: "ms",
        dispatch: run,
        reference: { name: "bare `sh -c`", figures: sh },
        aim: "≤ 60 ms",
      },
      {
        what: "`dispatch run` until it returns",
        unit: "ms",
        dispatch: counted(returned.run),
        reference: { name: "bare `sh -c`", figures: counted(returned.sh) },
        aim: "≤ 60 ms",
      },
    ],
    how: "`run`: from the spawn of `dispatch run` until its worker, a shell script, has put a byte into a FIFO as its first act, and until `run` has exited; beside it the same script under `sh -c`.",
  };
}
