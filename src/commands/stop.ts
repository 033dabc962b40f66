import { defineCommand } from "citty";
import { parseDuration } from "../core/duration.ts";
import { failed, refused, usageError } from "../core/error.ts";
import { derive, isLive } from "../core/state.ts";
import { json } from "../cli/arguments.ts";
import { currentProject, requireTask } from "../cli/project.ts";
import { markTold } from "../cli/telling.ts";
import { print, printJson } from "../render/write.ts";
import type { ProjectPaths, TaskPaths } from "../store/paths.ts";
import { note } from "../store/journal.ts";
import { runNumbers } from "../store/runs.ts";
import { observe } from "../supervise/observe.ts";
import { giveUpTask, stopRuns } from "../supervise/stop.ts";

const args = {
  ids: { type: "positional", required: true, valueHint: "ID…", description: "the tasks" },
  grace: {
    type: "string",
    valueHint: "DURATION",
    description: "how long a worker may take to end by itself (5s)",
  },
  json,
} as const;

export default defineCommand({
  meta: { name: "stop", description: "end a task's worker and all that it started" },
  args,
  async run({ args: given }) {
    const graceMs = parseDuration(given.grace ?? "5s");
    if (graceMs === null || graceMs === Infinity)
      throw usageError(`--grace ${given.grace}: expected a duration like 5s`);
    const project = currentProject();
    const tasks = given._.map((id) => requireTask(project, id));
    if (tasks.some(({ id }) => id === process.env["DISPATCH_TASK"])) {
      throw refused("own_task", "a worker cannot stop itself", "mark the item [!] and end");
    }
    const results = await Promise.all(tasks.map((task) => stop(project, task, graceMs)));
    if (given.json) return printJson({ schema: 1, tasks: results });
    for (const { id, wasLive } of results)
      print(
        wasLive ? `stopped ${id}` : `${id} was not running; to give it up: dispatch clean ${id}`,
      );
  },
});

async function stop(project: ProjectPaths, task: TaskPaths, graceMs: number) {
  const { id } = task;
  // In this order: what has just been started is there to be stopped.
  const wasWaiting = giveUpTask(task);
  const wasLive = wasWaiting || isLive(derive(observe(task)));
  const isGone = await stopRuns(task, runNumbers(task), graceMs);
  const after = observe(task);
  if (!isGone || isLive(derive(after))) {
    throw failed("not_stopped", `something of ${id} would not end`, `dispatch stop ${id}`);
  }
  // Whoever stopped it need not be told that it was.
  markTold(project, after);
  note(project, id, "stopped by dispatch stop");
  return { id, wasLive };
}
