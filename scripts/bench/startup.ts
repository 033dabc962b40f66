/** Commands that answer and end, beside a compiled hello: the floor of what a command can take. */

import { anyMomentOf, inTurns, msSince } from "./measure.ts";
import { run, type Scratch } from "./scratch.ts";
import type { Row, Section } from "./table.ts";
import { addEndedTasks, addLiveTask } from "./tasks.ts";

export async function versionRow(scratch: Scratch, rounds: number): Promise<Section> {
  const { version, hello } = await inTurns(rounds, {
    hello: () => wallMs(scratch, scratch.folder, [scratch.hello]),
    version: () => wallMs(scratch, scratch.folder, [scratch.dispatch, "--version"]),
  });
  return {
    rows: [
      {
        what: "`dispatch --version`",
        unit: "ms",
        dispatch: version,
        reference: { name: "compiled hello", figures: hello },
        aim: "≤ 1.5×",
      },
    ],
    how: 'Commands that end at once: from the spawn to the exit, output to /dev/null; the hello is `console.log("hello")` compiled with the flags of scripts/build.ts.',
  };
}

export async function statusRow(scratch: Scratch, rounds: number): Promise<Section> {
  const project = scratch.project("status");
  addEndedTasks(project, 9);
  addLiveTask(scratch, project, 9);
  const { status, hello } = await inTurns(rounds, {
    hello: () => wallMs(scratch, project, [scratch.hello]),
    status: () => wallMs(scratch, project, [scratch.dispatch, "status"]),
  });
  return {
    rows: [
      {
        what: "`dispatch status`, 10 tasks",
        unit: "ms",
        dispatch: status,
        reference: { name: "compiled hello", figures: hello },
        aim: "≤ 2.5×",
      },
    ],
    how: "`status`: the same, in a project with nine tasks that are done and one whose worker runs.",
  };
}

export async function statusJsonRows(scratch: Scratch, rounds: number): Promise<Section> {
  const rows: Row[] = [];
  for (const count of [10, 100, 1_000]) {
    const project = scratch.project(`status-${count}`);
    addEndedTasks(project, count);
    // What its making has left to be written to the disk is not measured with it.
    Bun.spawnSync(["sync"]);
    const { status, hello } = await inTurns(rounds, {
      hello: () => wallMs(scratch, project, [scratch.hello]),
      status: () => wallMs(scratch, project, [scratch.dispatch, "status", "--json"]),
    });
    rows.push({
      what: `\`dispatch status --json\`, ${count.toLocaleString("en")} tasks`,
      unit: "ms",
      dispatch: status,
      reference: { name: "compiled hello", figures: hello },
      ...(count === 1_000 ? { aim: "≤ 100 ms" } : {}),
    });
  }
  return {
    rows,
    how: "`status --json`: the same, with tasks that are done, each with a plan of five items and a 20 KB log of Claude Code, a third of them with a question and its answer; all of it in the page cache.",
  };
}

/** From the spawn to the exit. */
async function wallMs(scratch: Scratch, cwd: string, argv: string[]): Promise<number> {
  // A command that begins always at the same moment of a timer's period meets always the same noise.
  await anyMomentOf(2);
  const start = Bun.nanoseconds();
  run(scratch, cwd, argv);
  return msSince(start);
}
