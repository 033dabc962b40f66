import { defineCommand } from "citty";
import type { Config } from "../core/config.ts";
import { DispatchError, usageError } from "../core/error.ts";
import { derive } from "../core/state.ts";
import type { Wish } from "../core/task.ts";
import { json } from "../cli/arguments.ts";
import { configured } from "../cli/configured.ts";
import { follow } from "../cli/follow.ts";
import { currentProject, requireTask } from "../cli/project.ts";
import { keepSupervised } from "../cli/supervising.ts";
import { adopt } from "../cli/telling.ts";
import { withWake } from "../cli/waking.ts";
import { print, printJson } from "../render/write.ts";
import { type ProjectPaths, taskPaths } from "../store/paths.ts";
import type { Advanced } from "../supervise/advance.ts";
import { saveChoice } from "../supervise/choice.ts";
import { observe, observeAll } from "../supervise/observe.ts";
import { resumeTask } from "../supervise/resume.ts";

const args = {
  ids: { type: "positional", required: false, valueHint: "ID…", description: "the tasks" },
  all: { type: "boolean", description: "all whose worker has vanished (killed, a reboot)" },
  model: { type: "string", alias: "m", valueHint: "NAME", description: "go on with another model" },
  save: {
    type: "boolean",
    description: "with --model: from now on, in place of the one that would not do",
  },
  fresh: {
    type: "boolean",
    description: "not in the old session: a new one that reads plan and context",
  },
  follow: {
    type: "boolean",
    alias: "f",
    description: "stay: show progress, ask you the worker's questions",
  },
  json,
} as const;

export default defineCommand({
  meta: {
    name: "resume",
    description: "go on with a task whose worker has ended, or start it now",
  },
  args,
  async run({ args: given }) {
    const project = currentProject();
    const ids = given.all ? lostIds(project) : given._;
    if (!given.all && ids.length === 0)
      throw usageError("missing the task", "dispatch resume ID, or --all");
    if (given.all && given._.length > 0) throw usageError("--all goes without ids");
    if (given.save && given.model === undefined) throw usageError("--save goes with --model NAME");
    if (given.follow && ids.length !== 1)
      throw usageError("--follow goes with one task", "dispatch wait --all");
    for (const id of ids) requireTask(project, id);

    const wish = { model: given.model ?? null, fresh: given.fresh ?? false };
    const config = await configured();
    const resumed: Resumed[] = [];
    const saved = new Set<string>();
    for (const id of ids) {
      const before = observe(taskPaths(project, id));
      resumed.push(await resumeOne(project, id, config, wish, ids.length > 1));
      if (given.save) saved.add(saveChoice(before, given.model!, config));
    }
    keepSupervised(project, observeAll(project, ids));
    if (given.json) {
      const all = resumed.map(resumedJson);
      printJson(
        given.all || ids.length > 1 ? { schema: 1, tasks: all } : { schema: 1, ...all[0]! },
      );
    } else {
      const lines = [...resumed.map(resumedText), ...saved];
      const said = lines.join("\n") || "nothing to resume: no worker has vanished";
      print(given.follow || ids.length === 0 ? said : withWake(project, said));
    }
    if (given.follow) await follow(project, taskPaths(project, ids[0]!));
    const refusal = resumed.find(({ error }) => error !== null)?.error;
    if (refusal) throw refusal;
  },
});

const lostIds = (project: ProjectPaths) =>
  observeAll(project).flatMap((facts) => (derive(facts).kind === "lost" ? facts.id : []));

interface Resumed {
  id: string;
  advanced: Exclude<Advanced, { kind: "nothing" }> | null;
  error: DispatchError | null;
}

/** Of several, one that cannot go on must not keep the others from it. */
async function resumeOne(
  project: ProjectPaths,
  id: string,
  config: Config,
  wish: Pick<Wish, "model" | "fresh">,
  isOneOfMany: boolean,
): Promise<Resumed> {
  const task = taskPaths(project, id);
  const facts = observe(task);
  try {
    const advanced = await resumeTask(project, task, facts, config, wish);
    adopt(project, facts);
    return { id, advanced, error: null };
  } catch (error) {
    if (!isOneOfMany || !(error instanceof DispatchError)) throw error;
    return { id, advanced: null, error };
  }
}

function resumedText({ id, advanced, error }: Resumed): string {
  if (advanced === null) return `not resumed ${id}: ${error?.message}`;
  if (advanced.kind === "waits") return `queued ${id}: ${advanced.reason}`;
  const where = advanced.inSession ? "in the same session" : "in a fresh session";
  return `resumed ${id} as run ${advanced.number}, ${where}`;
}

const resumedJson = ({ id, advanced, error }: Resumed) => ({
  id,
  run: advanced?.kind === "started" ? advanced.number : null,
  same_session: advanced?.kind === "started" ? advanced.inSession : null,
  waits: advanced?.kind === "waits" ? advanced.reason : null,
  error: error?.message ?? null,
});
