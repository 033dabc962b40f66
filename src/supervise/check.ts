/** A check of the user's own: what must succeed when a task's worker is done. */

import { openSync } from "node:fs";
import { outcomeOf } from "../core/outcome.ts";
import { isKeptCheck } from "../store/checks.ts";
import { type ProjectPaths, runPaths, type TaskPaths } from "../store/paths.ts";
import { readEnds } from "../store/read.ts";
import { writeCheck } from "../store/runs.ts";
import { runWith } from "../unix/spawn.ts";
import { workFolder } from "./launch.ts";
import { observe } from "./observe.ts";

const tailBytes = 2_000;
const tailLines = 20;

/** In the run whose worker has just ended, and only where all else is well: nothing else is worth a check. */
export function runCheck(project: ProjectPaths, task: TaskPaths): void {
  const facts = observe(task);
  const { asked, run } = facts;
  if (asked === null || run === null || run.record === null || asked.verify === null) return;
  const before = { ...run, live: false, exit: 0, record: { ...run.record, verify: null } };
  if (outcomeOf(facts, before).kind !== "done") return;
  const paths = runPaths(task, run.number);
  if (asked.verify !== run.record.verify || !isKeptCheck(asked.verify)) {
    // 126: as a shell says that it may not run something.
    const tail = "it is not what was asked for any more, so it was not run";
    return writeCheck(paths, { exit: 126, tail });
  }
  const log = openSync(paths.checkLog, "w", 0o600);
  const exit = runWith(asked.verify, workFolder(project, task, asked), log);
  writeCheck(paths, { exit, tail: tailOf(paths.checkLog) });
}

function tailOf(path: string): string {
  const text = readEnds(path, tailBytes)?.text.trimEnd() ?? "";
  return text.slice(-tailBytes).split("\n").slice(-tailLines).join("\n");
}
