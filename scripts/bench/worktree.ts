/** What a worktree costs beyond git's own. */

import { closeSync, constants, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { byteFrom, inTurns, msSince } from "./measure.ts";
import { run, type Scratch } from "./scratch.ts";
import type { Row, Section } from "./table.ts";

const filesEach = 100;

export async function worktreeRows(scratch: Scratch, rounds: number): Promise<Section> {
  return {
    // The small one tells what is added to git's own time, whatever the disk is at.
    rows: [await worktreeRow(scratch, rounds, 1), await worktreeRow(scratch, rounds, 200)],
    how: "Worktrees: until the first act of the worker in its worktree, as above; beside it plain `git worktree add -b` in the same repository, in turns. None is removed before the end: a file system that has just let go of many files is slow to make new ones.",
  };
}

async function worktreeRow(scratch: Scratch, rounds: number, folders: number): Promise<Row> {
  const files = (folders * filesEach).toLocaleString("en");
  const project = makeRepository(scratch, folders);
  const notes = openSync(scratch.notes, constants.O_RDWR);
  let count = 0;
  const end = async (child: ReturnType<Scratch["start"]>) => {
    const exit = await child.exited;
    if (exit !== 0) throw new Error(`it ended with exit code ${exit}`);
  };
  const { plain, dispatched } = await inTurns(rounds, {
    plain: async () => {
      const name = `plain-${count++}`;
      // Beside those of tasks: where a folder lies counts on a disk.
      const path = join(project, ".dispatch/worktrees", name);
      const startNs = Bun.nanoseconds();
      await end(scratch.start(["git", "worktree", "add", "--quiet", "-b", name, path], project));
      return msSince(startNs);
    },
    dispatched: async () => {
      const noted = byteFrom(notes);
      const argv = ["run", "-m", "noting", "--worktree", "--id", `task-${count++}`, "look around"];
      const startNs = Bun.nanoseconds();
      const child = scratch.start([scratch.dispatch, ...argv], project);
      await noted;
      const ms = msSince(startNs);
      await end(child);
      return ms;
    },
  });
  closeSync(notes);
  return {
    what: `\`dispatch run --worktree\` until the worker runs, ${files} files`,
    unit: "ms",
    dispatch: dispatched,
    reference: { name: "`git worktree add`", figures: plain },
    ...(folders > 1 && { aim: "≤ 50 ms more" }),
  };
}

function makeRepository(scratch: Scratch, folders: number): string {
  const project = join(scratch.folder, `projects/worktree-${folders}`);
  mkdirSync(project);
  for (let folder = 0; folder < folders; folder++) {
    mkdirSync(join(project, `src/${folder}`), { recursive: true });
    for (let file = 0; file < filesEach; file++)
      writeFileSync(join(project, `src/${folder}/${file}.txt`), `${folder}/${file}\n`.repeat(20));
  }
  const identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
  for (const args of [
    ["init", "--quiet"],
    ["add", "--all"],
    ["commit", "--quiet", "-m", "files"],
  ])
    run(scratch, project, ["git", ...identity, ...args]);
  return project;
}
