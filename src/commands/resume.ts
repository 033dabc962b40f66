import { defineCommand } from "citty";
import { json } from "../cli/arguments.ts";
import { configured } from "../cli/configured.ts";
import { follow } from "../cli/follow.ts";
import { currentProject, requireTask } from "../cli/project.ts";
import { adopt } from "../cli/telling.ts";
import { withWake } from "../cli/waking.ts";
import { print, printJson } from "../render/write.ts";
import { observe } from "../supervise/observe.ts";
import { resumeTask } from "../supervise/resume.ts";

const args = {
  id: { type: "positional", required: true, description: "the task" },
  model: { type: "string", alias: "m", valueHint: "NAME", description: "go on with another model" },
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
  meta: { name: "resume", description: "go on with a task whose worker has ended" },
  args,
  async run({ args: given }) {
    const project = currentProject();
    const task = requireTask(project, given.id);
    const wish = { model: given.model ?? null, fresh: given.fresh ?? false };
    const facts = observe(task);
    const config = await configured();
    const { number, inSession } = await resumeTask(project, task, facts, config, wish);
    adopt(project, facts);
    const where = inSession ? "in the same session" : "in a fresh session";
    const said = `resumed ${task.id} as run ${number}, ${where}`;
    const text = given.follow ? said : withWake(project, said);
    if (given.json) printJson({ schema: 1, id: task.id, run: number, same_session: inSession });
    else print(text);
    if (given.follow) await follow(project, task);
  },
});
