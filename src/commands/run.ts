import { defineCommand } from "citty";
import { type Config } from "../core/config.ts";
import { failed, refused, usageError } from "../core/error.ts";
import { formatPlan, parsePlan } from "../core/plan.ts";
import type { Route } from "../core/route.ts";
import type { Asked } from "../core/task.ts";
import { badTaskId, idCandidates, isTaskId, longestTaskId, slug } from "../core/task-id.ts";
import { wantsWorktree } from "../core/model-name.ts";
import { cut, oneLine, shellQuoted } from "../core/text.ts";
import { json, valuesOf } from "../cli/arguments.ts";
import { configured } from "../cli/configured.ts";
import { follow } from "../cli/follow.ts";
import { currentProject, folderInProject } from "../cli/project.ts";
import { print, printJson } from "../render/write.ts";
import { type ProjectPaths, type TaskPaths, runPaths, taskPaths } from "../store/paths.ts";
import { readText } from "../store/read.ts";
import { createTask, ensureProject, taskExists } from "../store/tasks.ts";
import { dispatchDepth } from "../supervise/command.ts";
import { launch, prepare } from "../supervise/launch.ts";
import { findRoute, rememberModel } from "../supervise/routing.ts";
import { hostSession } from "../unix/host.ts";
import { askPerson, isInteractive } from "../unix/terminal.ts";

const longestPrompt = 1024 * 1024;

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
    const request = await readRequest(
      project,
      given,
      valuesOf(args, rawArgs, "item"),
      valuesOf(args, rawArgs, "file"),
    );

    if (wantsWorktree(request.prompt)) {
      throw refused(
        "no_worktree",
        "worktrees are not there yet, and the task would run in your own checkout",
        "to run it there, leave the worktree out of the prompt",
      );
    }

    const model = given.model ?? null;
    const route = await confirmed(
      await findRoute({ prompt: request.prompt, model }, config),
      config,
    );
    const asked: Asked = {
      ...request.content,
      model: route.alias ?? route.model,
      alias: route.alias,
      answerTimeoutMs: route.answerTimeoutMs,
      host: hostSession(process.env),
      created: new Date().toISOString(),
    };
    if (given["dry-run"]) {
      const id = request.id ?? freeId(project, request.idBase);
      return print(dryRunText(project, taskPaths(project, id), asked, route));
    }

    // A command that cannot be built (no such CLI) must leave nothing behind.
    preview(project, taskPaths(project, request.id ?? request.idBase), asked, route);
    ensureProject(project);
    const task = takeTask(project, request.id, request.idBase, asked, request.plan);
    rememberModel(route);
    await launch(project, task, asked, route, { kind: "fresh" }, 1);

    if (given.json)
      printJson({
        schema: 1,
        id: task.id,
        run: 1,
        model: route.model,
        backend: route.backend,
        alias: route.alias,
        why: route.why,
      });
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

interface Request {
  prompt: string;
  /** The id that was asked for, or null. */
  id: string | null;
  /** What ids are made from otherwise. */
  idBase: string;
  plan: string;
  content: Pick<Asked, "title" | "prompt" | "context" | "files" | "items" | "ownPlan" | "folder">;
}

async function readRequest(
  project: ProjectPaths,
  given: {
    prompt?: string | undefined;
    id?: string | undefined;
    plan?: string | undefined;
    context?: string | undefined;
  },
  items: string[],
  files: string[],
): Promise<Request> {
  if (given.plan !== undefined && items.length > 0)
    throw usageError("--plan and --item exclude each other");
  if (given.plan === "-" && given.prompt === "-")
    throw usageError("the prompt and the plan cannot both come from stdin");
  if (items.some((item) => item.trim() === "")) throw usageError("an --item is empty");
  if (given.id !== undefined && !isTaskId(given.id)) throw badTaskId(given.id);

  const planSource = given.plan === undefined ? null : await readPlanSource(given.plan);
  const parsed = planSource === null ? null : parsePlan(planSource).plan;
  const prompt = checkedPrompt(
    given.prompt === "-"
      ? await Bun.stdin.text()
      : (given.prompt ?? parsed?.title ?? (items.length > 0 ? items.join("; ") : "")),
  );
  const title = parsed?.title ?? cut(oneLine(prompt), 80);
  const ownPlan = planSource === null && items.length === 0;
  const firstItems = ownPlan
    ? [cut(oneLine(prompt), 200)]
    : (parsed?.items.map(({ text }) => text) ?? items.map(oneLine));
  return {
    prompt,
    id: given.id ?? null,
    idBase: slug(title) ?? slug(prompt) ?? "task",
    plan: planSource ?? formatPlan(title, firstItems),
    content: {
      title,
      prompt,
      context: given.context ?? null,
      files,
      items: firstItems,
      ownPlan,
      folder: folderInProject(project),
    },
  };
}

function checkedPrompt(prompt: string): string {
  if (prompt.trim() === "")
    throw usageError("the prompt is empty", 'dispatch run "what is to be done"');
  if (prompt.includes("\0")) throw usageError("the prompt holds a NUL byte; expected text");
  const bytes = Buffer.byteLength(prompt);
  if (bytes > longestPrompt) {
    throw usageError(
      `the prompt is ${bytes} bytes long, at most ${longestPrompt} are taken`,
      "put it into a file and name that: --file PATH",
    );
  }
  return prompt;
}

async function readPlanSource(path: string): Promise<string> {
  const file = path === "-" ? { text: await Bun.stdin.text() } : readText(path, longestPrompt);
  if (file === null) throw usageError(`cannot read the plan ${path}; expected a Markdown file`);
  const { plan, problems } = parsePlan(file.text);
  const [problem] = problems.filter(({ line }) => line === 0);
  if (problem !== undefined || plan.items.length === 0)
    throw usageError(`the plan ${path} ${problem?.message ?? "has no items"}`);
  return file.text;
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

function takeTask(
  project: ProjectPaths,
  id: string | null,
  base: string,
  asked: Asked,
  plan: string,
): TaskPaths {
  if (id !== null) {
    const task = createTask(project, id, asked, plan);
    if (task === null) {
      throw refused(
        "id_taken",
        `the id ${id} is taken`,
        `dispatch status ${id}; or another --id, or: dispatch clean ${id}`,
      );
    }
    return task;
  }
  for (const candidate of idCandidates(base.slice(0, longestTaskId - 6))) {
    const task = createTask(project, candidate, asked, plan);
    if (task !== null) return task;
  }
  throw failed("no_id", "no free id");
}

function freeId(project: ProjectPaths, base: string): string {
  for (const candidate of idCandidates(base)) if (!taskExists(project, candidate)) return candidate;
  return base;
}

function preview(project: ProjectPaths, task: TaskPaths, asked: Asked, route: Route) {
  const promptPath = runPaths(task, 1).prompt;
  return prepare(
    project,
    task,
    asked,
    route,
    { kind: "fresh" },
    { token: "RANDOM", tmp: "TMPDIR", promptPath },
  );
}

function dryRunText(project: ProjectPaths, task: TaskPaths, asked: Asked, route: Route): string {
  const { command, prompt } = preview(project, task, asked, route);
  return [
    `task: ${task.id}`,
    `route: ${routeText(route)} on ${route.backend}`,
    `cwd: ${command.cwd}`,
    `set: ${command.setNames.join(" ")}`,
    `stdin: ${command.stdinPath ?? "/dev/null"}`,
    `argv: ${command.argv.map(shellQuoted).join(" ")}`,
    "",
    prompt.trimEnd(),
  ].join("\n");
}

function dispatchedText(id: string, asked: Asked, route: Route): string {
  const plan = asked.ownPlan
    ? ""
    : ` Plan: ${asked.items.map((item, index) => `${index + 1}) ${cut(oneLine(item), 60)}`).join(" ")}`;
  return `dispatched ${id} using ${routeText(route)}.${plan}`;
}

function routeText({ model, alias, why, isNew }: Route): string {
  const name = alias === null ? model : `${alias} (${model})`;
  if (isNew) return `${name} (new: added to the config)`;
  return why === "default" ? `${name} (the default)` : name;
}
