import { defineCommand } from "citty";
import { DispatchError, failed, refused } from "../core/error.ts";
import { derive, isLive, isMoving } from "../core/state.ts";
import type { Facts } from "../core/task.ts";
import { json } from "../cli/arguments.ts";
import { currentProject, requireTasks } from "../cli/project.ts";
import { rescuedText } from "../render/result.ts";
import { print, printJson } from "../render/write.ts";
import { type ProjectPaths, taskPaths } from "../store/paths.ts";
import { cleanTask, sweep, whyKeep } from "../supervise/clean.ts";
import { oneRemover, type Rescued } from "../supervise/rescue.ts";
import { observeAll } from "../supervise/observe.ts";

const args = {
  ids: {
    type: "positional",
    required: false,
    valueHint: "ID…",
    description: "these tasks; else all that are done",
  },
  all: { type: "boolean", description: "all that have ended, however they ended" },
  unmerged: {
    type: "boolean",
    description:
      "also what is in no branch but the task's own; it is kept under refs/dispatch/rescue",
  },
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
  meta: { name: "clean", description: "remove tasks that are done, with their worktrees" },
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
    const kept = given.unmerged ? [] : keptOf(project, doomed);
    if (ids !== null && kept.length > 0) {
      const { id, why } = kept[0]!;
      throw refused(
        "unmerged",
        `${id} holds ${why}; nothing was removed`,
        `dispatch merge ${id}; or dispatch clean ${id} --unmerged, which keeps it under refs/dispatch/rescue`,
      );
    }
    const isReal = !given["dry-run"];
    const removed: { id: string; rescued: Rescued }[] = [];
    let refusal: DispatchError | null = null;
    for (const { id } of doomed.filter((facts) => !kept.some((each) => each.id === facts.id))) {
      const cleaned = isReal ? clean(project, id) : nothingRescued;
      if (cleaned instanceof DispatchError) {
        refusal ??= cleaned;
        kept.push({ id, why: cleaned.message });
      } else if (cleaned !== null) removed.push({ id, rescued: cleaned });
    }
    if (ids !== null && refusal !== null) {
      if (removed.length === 0) throw refusal;
      process.exitCode = refusal.exitCode;
    }
    if (isReal) sweep(project);
    if (given.json) {
      return printJson({
        schema: 1,
        removed: removed.map(({ id }) => id),
        kept,
        rescued: removed.flatMap(({ id, rescued }) => rescued.refs.map((ref) => ({ id, ref }))),
        dry_run: given["dry-run"] ?? false,
      });
    }
    const verb = given["dry-run"] ? "would remove" : "removed";
    print(
      [
        removed.length === 0
          ? "nothing to remove"
          : `${verb} ${removed.map(({ id }) => id).join(", ")}`,
        ...removed.flatMap(({ rescued }) => rescuedText(rescued)),
        ...kept.map(({ id, why }) => `${given["dry-run"] ? "would keep" : "kept"} ${id}: ${why}`),
      ].join("\n"),
    );
  },
});

interface Kept {
  id: string;
  why: string;
}

const nothingRescued: Rescued = { refs: [], folder: null };

const keptOf = (project: ProjectPaths, all: readonly Facts[]): Kept[] =>
  all.flatMap((facts) => {
    const why = whyKeep(project, facts);
    return why === null ? [] : { id: facts.id, why };
  });

/** Why one cannot be removed does not keep the others from it; null of one that has come to life. */
function clean(project: ProjectPaths, id: string): Rescued | DispatchError | null {
  try {
    const cleaned = oneRemover(project, () => cleanTask(project, taskPaths(project, id)));
    return cleaned.kind === "removed" ? cleaned.rescued : null;
  } catch (error) {
    if (error instanceof DispatchError) return error;
    return failed("not_removed", `${id} could not be removed: ${errorText(error)}`);
  }
}

const errorText = (error: unknown) => (error instanceof Error ? error.message : String(error));
