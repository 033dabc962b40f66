import { defineCommand } from "citty";
import type { StatusJson } from "../core/json.ts";
import { derive, isLive, isMoving } from "../core/state.ts";
import type { Facts } from "../core/task.ts";
import { json } from "../cli/arguments.ts";
import { othersFor } from "../cli/others.ts";
import { currentProject, requireTasks } from "../cli/project.ts";
import { keepSupervised } from "../cli/supervising.ts";
import { whyWaiting } from "../cli/waiting.ts";
import { taskToJson } from "../render/json.ts";
import { overlapsText, statusText } from "../render/human.ts";
import { print, printJson } from "../render/write.ts";
import { taskPaths, type ProjectPaths } from "../store/paths.ts";
import { placesOf } from "../supervise/left.ts";
import { keepNotes } from "../supervise/notes.ts";
import { looks } from "../supervise/changes.ts";
import { observeAll } from "../supervise/observe.ts";

const args = {
  ids: {
    type: "positional",
    required: false,
    valueHint: "ID…",
    description: "these tasks only, in full",
  },
  watch: { type: "boolean", alias: "w", description: "stay and show every change" },
  json,
} as const;

export default defineCommand({
  meta: { name: "status", description: "what every task is doing, those that need you first" },
  args,
  async run({ args: given }) {
    const project = currentProject();
    const ids = requireTasks(project, given._);
    const show = async (all: Facts[]) => {
      const waits = await whyWaiting(project, all);
      const overlaps = await overlapsNow(project, all);
      if (given.json) return printJson(statusToJson(project, all, waits, overlaps));
      const text = statusText(all, waits, await othersFor(all), ids !== null, Date.now());
      print([text, ...overlapsText(overlaps)].join("\n"));
    };

    if (!given.watch) {
      const all = observeAll(project, ids);
      for (const { id } of all) keepNotes(taskPaths(project, id));
      keepSupervised(project, all);
      return show(all);
    }
    const isScreen = Bun.enableANSIColors && !given.json;
    let last = "";
    for await (const all of looks(project, ids)) {
      keepSupervised(project, all);
      // The time that runs on is no change worth a line of its own.
      const picture = JSON.stringify(statusToJson(project, all, new Map(), []));
      if (picture !== last) {
        if (isScreen) print("\u001b[H\u001b[2J");
        await show(all);
      }
      last = picture;
      if (all.every((facts) => !isMoving(derive(facts)))) return;
    }
  },
});

const overlapsForMs = 5_000;
let looked = { atMs: -Infinity, overlaps: [] as StatusJson["overlaps"] };

/** Git looks at every worktree for it: whoever watches is told a moment later. */
async function overlapsNow(
  project: ProjectPaths,
  all: readonly Facts[],
): Promise<StatusJson["overlaps"]> {
  const live = all.filter((facts) => facts.worktree !== null && isLive(derive(facts)));
  if (live.length < 2) return [];
  const nowMs = performance.now();
  if (nowMs - looked.atMs < overlapsForMs) return looked.overlaps;
  const { overlapsOf } = await import("../supervise/work.ts");
  looked = { atMs: nowMs, overlaps: overlapsOf(project, live) };
  return looked.overlaps;
}

function statusToJson(
  project: ProjectPaths,
  all: readonly Facts[],
  waits: ReadonlyMap<string, string>,
  overlaps: StatusJson["overlaps"],
): StatusJson {
  const tasks = all.map((facts) =>
    taskToJson(facts, placesOf(project, facts), waits.get(facts.id) ?? null),
  );
  return { schema: 1, project: project.root, tasks, overlaps };
}
