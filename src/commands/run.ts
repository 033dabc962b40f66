import { defineCommand } from "citty";
import type { Config } from "../core/config.ts";
import { refused } from "../core/error.ts";
import type { Route } from "../core/route.ts";
import type { Asked } from "../core/task.ts";
import { json, valuesOf } from "../cli/arguments.ts";
import { configured } from "../cli/configured.ts";
import { follow } from "../cli/follow.ts";
import { currentProject, folderInProject } from "../cli/project.ts";
import { readRequest } from "../cli/request.ts";
import { dispatchedText, dryRunText } from "../render/human.ts";
import { print, printJson } from "../render/write.ts";
import { type ProjectPaths, type TaskPaths, runPaths, taskPaths } from "../store/paths.ts";
import { taskExists } from "../store/tasks.ts";
import { dispatchDepth } from "../supervise/command.ts";
import { prepare } from "../supervise/launch.ts";
import { findRoute } from "../supervise/routing.ts";
import { startTask } from "../supervise/start.ts";
import { hostSession } from "../unix/host.ts";
import { askPerson, isInteractive } from "../unix/terminal.ts";

const args = {
  prompt: {
    type: "positional",
    required: false,
    description: "the task, in quotes; - reads it from stdin",
  },
  model: {
    type: "string",
    alias: "m",
    valueHint: "NAME",
    description: "a model or alias; wins over names in the prompt",
  },
  id: {
    type: "string",
    valueHint: "ID",
    description: "the task's id (kebab-case); else made from the prompt",
  },
  item: { type: "string", valueHint: "TEXT…", description: "a checklist item" },
  plan: {
    type: "string",
    valueHint: "FILE",
    description: "a Markdown checklist; - reads it from stdin",
  },
  file: {
    type: "string",
    valueHint: "PATH…",
    description: "a file that the worker is told to read",
  },
  context: { type: "string", valueHint: "TEXT", description: "what the worker must know besides" },
  follow: {
    type: "boolean",
    alias: "f",
    description: "stay: show progress, ask you the worker's questions",
  },
  "dry-run": { type: "boolean", description: "print the command instead of running it" },
  json,
} as const;

export default defineCommand({
  meta: { name: "run", description: "hand a task to a background worker and return at once" },
  args,
  async run({ args: given, rawArgs }) {
    const config = await configuredForDispatch();
    const project = currentProject();
    const request = await readRequest({
      ...given,
      items: valuesOf(args, rawArgs, "item"),
      files: valuesOf(args, rawArgs, "file"),
      folder: folderInProject(project),
    });
    const model = given.model ?? null;
    const named = await findRoute({ prompt: request.prompt, model }, config);
    const route = await confirmed(named, config);
    const asked: Asked = {
      ...request.content,
      model: route.alias ?? route.model,
      alias: route.alias,
      answerTimeoutMs: route.answerTimeoutMs,
      host: hostSession(process.env),
      created: new Date().toISOString(),
    };
    // A command that cannot be built (no such CLI) must leave nothing behind.
    const id = request.id ?? request.ids().find((each) => !taskExists(project, each))!;
    const { command, prompt } = preview(project, taskPaths(project, id), asked, route);
    if (given["dry-run"]) return print(dryRunText(id, route, command, prompt));

    const ids = request.id === null ? request.ids() : [request.id];
    const task = await startTask(project, ids, request.plan, asked, route);
    const { alias, backend, why } = route;
    if (given.json)
      printJson({ schema: 1, id: task.id, run: 1, model: route.model, backend, alias, why });
    else print(dispatchedText(task.id, asked, route));
    if (given.follow) await follow(project, task);
  },
});

async function configuredForDispatch(): Promise<Config> {
  const config = await configured();
  const depth = dispatchDepth();
  if (depth > config.depth) {
    throw refused(
      "nested",
      `a worker may not dispatch workers (depth ${depth}, limits.depth is ${config.depth})`,
      'do the work yourself, or ask: dispatch ask "…"',
    );
  }
  return config;
}

/** A person at a terminal confirms the default, as the config says; everybody else is told. */
async function confirmed(route: Route, config: Config): Promise<Route> {
  if (route.why !== "default" || !config.confirmDefault || !isInteractive()) return route;
  const said =
    (
      await askPerson(`use ${route.alias ?? route.model}, your default? [Y, n, or another model] `)
    )?.trim() ?? "n";
  if (/^(?:y|yes|)$/i.test(said)) return route;
  if (/^(?:n|no)$/i.test(said))
    throw refused(
      "not_confirmed",
      "nothing was started",
      "name a model: dispatch run --model NAME …",
    );
  return findRoute({ prompt: "", model: said }, config);
}

/** What would be run, with nothing touched; throws where the command cannot be built. */
function preview(project: ProjectPaths, task: TaskPaths, asked: Asked, route: Route) {
  const mark = { token: "RANDOM", tmp: "TMPDIR", promptPath: runPaths(task, 1).prompt };
  return prepare(project, task, asked, route, { kind: "fresh" }, mark);
}
