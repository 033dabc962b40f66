/** A check of the user's own: what must succeed when a task's worker is done. */

import { openSync, rmSync } from "node:fs";
import { outcomeOf } from "../core/outcome.ts";
import { readCheckLine } from "../store/checks.ts";
import { type ProjectPaths, runPaths, type TaskPaths } from "../store/paths.ts";
import { readEnds } from "../store/read.ts";
import { writeCheck } from "../store/runs.ts";
import { runWith } from "../unix/spawn.ts";
import { workFolder } from "./launch.ts";
import { observe } from "./observe.ts";

const tailBytes = 2_000;
const tailLines = 20;

/**
 * In the run whose worker has just ended, and only where all else is well: nothing
 * else is worth a check.
 *
 * @param name its own: what the task's files say of it, its worker may have changed
 */
export function runCheck(project: ProjectPaths, task: TaskPaths, name: string): void {
  const facts = observe(task);
  const { asked, run } = facts;
  if (asked === null || run === null || run.record === null) return;
  const paths = runPaths(task, run.number);
  rmSync(paths.check, { force: true });
  const record = { ...run.record, verify: null };
  if (outcomeOf(facts, { ...run, live: false, exit: 0, check: null, record }).kind !== "done")
    return;
  const line = readCheckLine(name);
  // 127: as a shell says that there is no such thing.
  if (line === null) return writeCheck(paths, { exit: 127, tail: "it is not known any more" });
  const log = openSync(paths.checkLog, "w", 0o600);
  const exit = runWith(line, workFolder(project, task, asked), log);
  writeCheck(paths, { exit, tail: tailOf(paths.checkLog) });
}

function tailOf(path: string): string {
  const text = readEnds(path, tailBytes)?.text.trimEnd() ?? "";
  return text.slice(-tailBytes).split("\n").slice(-tailLines).join("\n");
}
