import { defineCommand } from "citty";
import { rmSync } from "node:fs";
import { refused } from "../core/error.ts";
import { derive, type Facts, isLive } from "../core/task.ts";
import { json, positionalsOf } from "../cli/arguments.ts";
import { currentProject, requireTasks } from "../cli/project.ts";
import { print, printJson } from "../render/write.ts";
import { isTmpOf, type ProjectPaths, runPaths, taskPaths } from "../store/paths.ts";
import { latestRun, readRecord } from "../store/runs.ts";
import { removeTask } from "../store/tasks.ts";
import { observeAll } from "../supervise/observe.ts";

const args = {
  ids: {
    type: "positional",
    required: false,
    valueHint: "ID…",
    description: "these tasks; else all that are done",
  },
  all: { type: "boolean", description: "all that have ended, however they ended" },
  "dry-run": { type: "boolean", description: "say what would be removed" },
  json,
} as const;

export default defineCommand({
  meta: { name: "clean", description: "remove the folders of tasks that are done" },
  args,
  run({ args: given, rawArgs }) {
    const project = currentProject();
    const ids = requireTasks(project, positionalsOf(args, rawArgs));
    const all = observeAll(project, ids);
    const live = all.filter((facts) => isLive(derive(facts)));
    if (ids !== null && live.length > 0) {
      throw refused(
        "live",
        `${live.map(({ id }) => id).join(", ")} is still running; nothing was removed`,
        `dispatch stop ${live[0]!.id}`,
      );
    }
    const doomed = all.filter((facts) => {
      const state = derive(facts);
      return !isLive(state) && (ids !== null || given.all || state.kind === "done");
    });
    if (!given["dry-run"]) for (const facts of doomed) remove(project, facts);
    const removed = doomed.map(({ id }) => id);
    if (given.json) return printJson({ schema: 1, removed, dry_run: given["dry-run"] ?? false });
    const verb = given["dry-run"] ? "would remove" : "removed";
    print(removed.length === 0 ? "nothing to remove" : `${verb} ${removed.join(", ")}`);
  },
});

function remove(project: ProjectPaths, { id }: Facts): void {
  const task = taskPaths(project, id);
  for (let number = 1; number <= latestRun(task); number++) {
    const tmp = readRecord(runPaths(task, number))?.tmp;
    // The record is a file that a worker could have changed: only a folder of our making is removed.
    if (tmp !== undefined && isTmpOf(task, tmp)) rmSync(tmp, { recursive: true, force: true });
  }
  removeTask(project, task);
}
