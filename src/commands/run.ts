import { homedir } from "node:os";
import { defineCommand } from "citty";
import { type Config, settingsFor } from "../core/config.ts";
import { DispatchError, notFound, refused, usageError } from "../core/error.ts";
import { parentsFirst } from "../core/order.ts";
import type { Route } from "../core/route.ts";
import type { Asked } from "../core/task.ts";
import { didYouMean } from "../core/text.ts";
import { branchOf } from "../core/worktree.ts";
import { json, valuesOf } from "../cli/arguments.ts";
import { configured } from "../cli/configured.ts";
import { follow } from "../cli/follow.ts";
import { currentProject, folderInProject } from "../cli/project.ts";
import { readRequests, type TaskRequest } from "../cli/request.ts";
import { keepSupervised, ownEnvironment } from "../cli/supervising.ts";
import { noteSession } from "../cli/telling.ts";
import { withWake } from "../cli/waking.ts";
import { dispatchedText, dryRunText, type Started } from "../render/human.ts";
import { print, printJson, talk } from "../render/write.ts";
import { keepCheck } from "../store/checks.ts";
import { type ProjectPaths, runPaths, taskPaths } from "../store/paths.ts";
import { keepEnvironment } from "../store/environments.ts";
import { ensureProject, taskExists, taskIds } from "../store/tasks.ts";
import { checkCommand, dispatchDepth } from "../supervise/command.ts";
import { checkSandbox, prepare, type Prepared } from "../supervise/launch.ts";
import { observeAll } from "../supervise/observe.ts";
import { findRoute } from "../supervise/routing.ts";
import { idTaken, type NewTask, startTasks } from "../supervise/start.ts";
import { type Ground, groundOf, leftOut } from "../supervise/ground.ts";
import { hostSession } from "../unix/host.ts";
import { askPerson, isInteractive } from "../unix/terminal.ts";

const args = {
  prompt: {
    type: "positional",
    required: false,
    description:
      "the task, in quotes, or several as Markdown (dispatch guide batch); - reads it from stdin",
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
  after: { type: "string", valueHint: "ID…", description: "start when that task is done" },
  worktree: {
    type: "boolean",
    alias: "w",
    description: "in a git worktree of its own, on the branch dispatch/ID",
  },
  verify: {
    type: "string",
    valueHint: "COMMAND",
    description: "what must succeed when the worker is done (npm test); none for nothing",
  },
  "retry-on-verify": {
    type: "string",
    valueHint: "N",
    description: "give it back to the worker that often where that fails",
  },
  "time-limit": { type: "string", valueHint: "DURATION", description: "stop it after this long" },
  "stall-after": {
    type: "string",
    valueHint: "DURATION",
    description: "report it when it has been silent for this long",
  },
  "answer-timeout": {
    type: "string",
    valueHint: "DURATION",
    description: "how long the worker waits for an answer before it ends, to be resumed with it",
  },
  parallel: {
    type: "string",
    valueHint: "N",
    description: "start while fewer than N of your workers run; auto (by memory) or none",
  },
  "per-project": {
    type: "string",
    valueHint: "N",
    description: "start while fewer than N of this project's run; or none",
  },
  "per-backend": {
    type: "string",
    valueHint: "N",
    description: "start while fewer than N of its agent CLI's run; or none",
  },
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
    // Before all that is written: there, the user's own folder cannot be.
    if (!given["dry-run"] && dispatchDepth() === 0) checkSandbox();
    const config = await configuredForDispatch();
    const project = currentProject();
    const requests = await readRequests({
      ...given,
      after: valuesOf(args, rawArgs, "after"),
      items: valuesOf(args, rawArgs, "item"),
      files: valuesOf(args, rawArgs, "file"),
      folder: folderInProject(project),
    });
    if (given.follow && requests.length > 1)
      throw usageError(
        "--follow goes with one task",
        "dispatch wait --all, or: dispatch status -w",
      );

    const { ordered, circle } = parentsFirst(requests);
    if (ordered === null)
      throw usageError(`nothing was started: ${circle.join(" after ")} could never start`);

    let found: Ground | null = null;
    const ground = () => (found ??= groundOf(project));
    const planned: Planned[] = [];
    // An id that was asked for is not given to a task that would take any.
    const wanted = requests.flatMap(({ id }) => id ?? []);
    const refusals: DispatchError[] = [];
    for (const request of ordered) {
      const taken = [...wanted, ...planned.map(({ id }) => id)];
      try {
        checkParents(project, request, wanted);
        planned.push(await planTask(project, config, request, taken, ground));
      } catch (error) {
        if (request.line === null || !(error instanceof DispatchError)) throw error;
        refusals.push(atLine(request.line, error));
      }
    }
    if (refusals.length > 0) throw nothingStarted(refusals);
    if (given["dry-run"]) {
      return print(
        planned
          .map(({ id, route, preview }) => dryRunText(id, route, preview.command, preview.prompt))
          .join("\n\n"),
      );
    }

    ensureProject(project);
    noteSession(project);
    const tasks = await startTasks(project, planned, config);
    const started = tasks.map(({ task, advanced }, index) => ({
      id: task.id,
      asked: planned[index]!.asked,
      route: planned[index]!.route,
      advanced,
    }));
    keepSupervised(
      project,
      observeAll(
        project,
        started.map(({ id }) => id),
      ),
    );
    const missing = found === null ? null : leftOut(project);
    if (missing !== null) talk.info(`not in the worktree, since not committed: ${missing}`);
    const said = dispatchedText(started, hostSession(process.env) === null);
    const text = given.follow ? said : withWake(project, said);
    if (!given.json) print(text);
    else if (requests[0]!.line === null) printJson({ schema: 1, ...startedJson(started[0]!) });
    else printJson({ schema: 1, tasks: started.map(startedJson) });
    if (given.follow) await follow(project, tasks[0]!.task);
  },
});

interface Planned extends NewTask {
  id: string;
  preview: Prepared;
}

/** All that can be refused is found out here, with nothing touched: the model, the id, the CLI. */
async function planTask(
  project: ProjectPaths,
  config: Config,
  request: TaskRequest,
  taken: readonly string[],
  ground: () => Ground,
): Promise<Planned> {
  const { content, model, times } = request;
  const named = await findRoute({ prompt: content.prompt, model }, config);
  const route = await runnable(await confirmed(named, config), config);
  const asked: Asked = {
    ...content,
    model: route.alias ?? route.model,
    alias: route.alias,
    answerTimeoutMs: times.answerTimeoutMs ?? route.answerTimeoutMs,
    after: [...new Set(request.after)],
    limits: request.limits,
    policy: {
      timeLimitMs: times.timeLimitMs ?? route.timeLimitMs,
      stallAfterMs: times.stallAfterMs ?? route.stallAfterMs,
      retry: config.retry,
      fallback: [...route.fallback],
      resumeLost: config.resumeLost,
      verifyRetries: request.verifyRetries ?? config.verifyRetries,
    },
    worktree: request.worktree ? ground().branching : null,
    verify: checkOf(project, config, request, route),
    environment: keepEnvironment(ownEnvironment()),
    host: hostSession(process.env),
    created: new Date().toISOString(),
  };
  const whyNot = (id: string) => (asked.worktree === null ? null : ground().whyNot(id));
  if (request.id !== null && taskExists(project, request.id)) throw idTaken(request.id);
  const isTaken = (id: string) => /^(?:branch|path)_taken$/.test(whyNot(id)?.code ?? "");
  const free = (id: string) => !taken.includes(id) && !taskExists(project, id) && !isTaken(id);
  const id = request.id ?? request.ids().find(free)!;
  const refusal = whyNot(id);
  if (refusal !== null) throw refusal;
  const mark = {
    token: "RANDOM",
    tmp: "TMPDIR",
    promptPath: runPaths(taskPaths(project, id), 1).prompt,
  };
  const task = taskPaths(project, id);
  const preview = prepare(project, task, asked, route, { kind: "fresh" }, null, mark);
  // Somebody else may take the id meanwhile: then the next that is free.
  const ids = request.id === null ? request.ids().filter(free) : [request.id];
  return { id, ids, plan: request.plan, asked, route, preview };
}

/** What must succeed when its worker is done: as it was said for the task, else the alias's, else the project's. */
function checkOf(
  project: ProjectPaths,
  config: Config,
  { verify }: TaskRequest,
  route: Route,
): string | null {
  const command = verify ?? route.verify ?? settingsFor(config, project.root, homedir()).verify;
  if (command === null || command === "none") return null;
  keepCheck(command);
  return command;
}

/** What cannot run here is gone on without, where the config says with what. */
async function runnable(route: Route, config: Config): Promise<Route> {
  for (const [index, name] of [null, ...route.fallback].entries()) {
    const other = name === null ? route : await findRoute({ prompt: "", model: name }, config);
    try {
      checkCommand(other);
    } catch {
      continue;
    }
    if (name === null) return route;
    return { ...other, why: "fallback", fallback: route.fallback.slice(index) };
  }
  return route;
}

/** All that it comes after has to be there: a task of this project, or one of the same batch that has an id. */
function checkParents(
  project: ProjectPaths,
  { after }: TaskRequest,
  mates: readonly string[],
): void {
  const unknown = after.find((id) => !mates.includes(id) && !taskExists(project, id));
  if (unknown === undefined) return;
  const known = [...mates, ...taskIds(project)];
  throw notFound(
    "unknown_task",
    `after ${unknown}: no such task${didYouMean(unknown, known)}`,
    "dispatch status lists them; one of the same text needs a line id: …",
  );
}

const atLine = (line: number, { kind, code, message, hint }: DispatchError) =>
  new DispatchError(kind, code, `line ${line}: ${message}`, hint);

/** All that is wrong with a batch, in one error that is of the first's kind. */
function nothingStarted(refusals: readonly DispatchError[]): DispatchError {
  const { kind, code } = refusals[0]!;
  const messages = refusals.map(({ message }) => message);
  const hints = new Set(refusals.flatMap(({ hint }) => hint ?? []));
  return new DispatchError(
    kind,
    code,
    ["nothing was started", ...messages].join("\n"),
    [...hints].join("; ") || null,
  );
}

const startedJson = ({ id, asked, route: { model, backend, alias, why }, advanced }: Started) => ({
  id,
  run: advanced.kind === "waits" ? null : 1,
  model,
  backend,
  alias,
  why,
  branch: asked.worktree === null ? null : branchOf(id),
  waits: advanced.kind === "waits" ? advanced.reason : null,
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
