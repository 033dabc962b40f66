import { defineCommand } from "citty";
import { refused } from "../core/error.ts";
import { derive, isLive, isMoving } from "../core/state.ts";
import type { Facts } from "../core/task.ts";
import { json } from "../cli/arguments.ts";
import { currentProject, requireTasks } from "../cli/project.ts";
import { print, printJson } from "../render/write.ts";
import { taskPaths } from "../store/paths.ts";
import { cleanTask, sweep } from "../supervise/clean.ts";
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

/** Of those that are to go, each that a task which stays has still to wait for, and that task. */
function idsAwaited(all: readonly Facts[], wanted: readonly Facts[]): Map<string, string> {
  const staying = all.filter(({ id }) => !wanted.some((facts) => facts.id === id));
  const pairs = staying.flatMap(({ id, parents }) =>
    parents.map((parent) => [parent.id, id] as const),
  );
  return new Map(pairs.filter(([parent]) => wanted.some(({ id }) => id === parent)));
}

export default defineCommand({
  meta: { name: "clean", description: "remove the folders of tasks that are done" },
  args,
  run({ args: given }) {
    const project = currentProject();
    const ids = requireTasks(project, given._);
    const all = observeAll(project, ids);
    const live = all.filter((facts) => isLive(derive(facts)));
    if (ids !== null && live.length > 0) {
      throw refused(
        "live",
        `${live.map(({ id }) => id).join(", ")} is still running; nothing was removed`,
        `dispatch stop ${live[0]!.id}`,
      );
    }
    const wanted = all.filter((facts) => {
      const state = derive(facts);
      if (ids !== null) return !isLive(state);
      return given.all ? !isMoving(state) : state.kind === "done";
    });
    const awaited = idsAwaited(ids === null ? all : observeAll(project), wanted);
    if (ids !== null && awaited.size > 0) {
      const [[parent, child]] = [...awaited] as [[string, string]];
      throw refused(
        "awaited",
        `${child} waits for ${parent}; nothing was removed`,
        `dispatch clean ${parent} ${child}`,
      );
    }
    const doomed = wanted.filter(({ id }) => !awaited.has(id));
    const isReal = !given["dry-run"];
    const removed = doomed
      .map(({ id }) => id)
      .filter((id) => !isReal || cleanTask(project, taskPaths(project, id)));
    if (isReal) sweep(project);
    if (given.json) return printJson({ schema: 1, removed, dry_run: given["dry-run"] ?? false });
    const verb = given["dry-run"] ? "would remove" : "removed";
    print(removed.length === 0 ? "nothing to remove" : `${verb} ${removed.join(", ")}`);
  },
});
