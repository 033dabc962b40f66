/** Tasks as weeks of use leave them, written by the functions that dispatch itself writes them with. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { uptime } from "node:os";
import { join } from "node:path";
import { formatPlan } from "../../src/core/plan.ts";
import { noLimits } from "../../src/core/policy.ts";
import { formatQuestion } from "../../src/core/question.ts";
import { acknowledge, postAnswer, postQuestion } from "../../src/store/mailbox.ts";
import { projectPaths, runPaths, taskPaths, type TaskPaths } from "../../src/store/paths.ts";
import { replace } from "../../src/store/publish.ts";
import { placeRun, stageRun, writeExit } from "../../src/store/runs.ts";
import { createTask, ensureProject, stage } from "../../src/store/tasks.ts";
import { childrenOf, parentOf } from "./process.ts";
import { run, type Scratch } from "./scratch.ts";

const logBytes = 20_000;
const items = [
  "Read the handlers under src/api and list their inputs",
  "Check every query for unescaped values",
  "Check the session cookies' flags and lifetimes",
  "Run the dependency audit and sort its findings",
  "Write the findings into output.md, worst first",
];

/** Tasks that are done; every third has asked something and was answered. */
export function addEndedTasks(root: string, count: number): void {
  const project = projectPaths(root);
  ensureProject(project);
  for (let index = 0; index < count; index++) {
    const id = `security-review-${String(index).padStart(4, "0")}`;
    const title = "Security review of the API";
    const prompt = `do a security review of the API, part ${index}; report what can be exploited`;
    const asked = {
      title,
      prompt,
      context: null,
      files: ["docs/threats.md"],
      items,
      ownPlan: false,
      model: "opus",
      alias: null,
      answerTimeoutMs: 180_000,
      after: [],
      limits: noLimits,
      policy: {
        timeLimitMs: Infinity,
        stallAfterMs: 900_000,
        retry: { attempts: 5, firstMs: 5_000, longestMs: 600_000 },
        fallback: [],
        resumeLost: false,
        verifyRetries: 0,
      },
      worktree: null,
      verify: null,
      host: null,
      folder: "",
      environment: null,
      created: new Date().toISOString(),
    };
    const task = createTask(project, id, asked, formatPlan(title, items));
    if (task === null) throw new Error(`${id} is taken`);
    addEndedRun(task, stage(project), root, prompt);
    replace(task.plan, formatPlan(title, items).replaceAll("[ ]", "[x]"));
    replace(task.output, "# Findings\n\nNone that can be exploited.\n");
    if (index % 3 === 0) {
      const text = "Which of the two gateways is in use?";
      const number = postQuestion(
        task,
        formatQuestion({ text, options: ["the old", "the new"], default: "the new" }),
      );
      postAnswer(task, number, "the new");
      acknowledge(task, number);
    }
    replace(task.completionMark, "");
  }
}

function addEndedRun(task: TaskPaths, staged: string, cwd: string, prompt: string): void {
  const session = crypto.randomUUID();
  const record = {
    model: "opus",
    backend: "claude",
    argv: ["/usr/local/bin/claude", "-p", "--output-format", "stream-json", "--model", "opus"],
    cwd,
    env: ["DISPATCH_TASK", "DISPATCH_TASK_DIR", "DISPATCH_RUN", "TMPDIR", "PATH"],
    session,
    resumes: null,
    token: crypto.randomUUID().replaceAll("-", ""),
    tmp: join("/tmp", `dispatch-${task.id}`),
    started: new Date().toISOString(),
    uptime: uptime(),
    said: "opus",
    why: "it is new",
    wish: null,
    verify: null,
    streak: { attempt: 0, tried: [], done: 0, answers: [], checks: 0 },
  };
  stageRun(staged, { prompt, record });
  placeRun(task, 1, staged);
  const made = runPaths(task, 1);
  writeFileSync(made.log, claudeLog);
  writeFileSync(made.pid, "1\n");
  writeExit(made, 0);
}

/** A real session's log, its tool calls repeated until it has the length of a usual one. */
const claudeLog = (() => {
  const path = join(import.meta.dir, "../../test/real/samples/claude.jsonl");
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  const calls = lines.filter((line) => /^\{"type":"(?:assistant|user)"/.test(line)).slice(0, -1);
  const [first, last] = [lines[0]!, lines.slice(-2)];
  const body: string[] = [];
  let length = [first, ...last].join("\n").length;
  while (length < logBytes) {
    body.push(...calls);
    length += calls.join("\n").length;
  }
  return `${[first, ...body, ...last].join("\n")}\n`;
})();

/** A task whose worker blocks until the benchmark ends; all that has ended is told already. */
export function addLiveTask(scratch: Scratch, root: string, endedCount: number): TaskPaths {
  if (endedCount > 0) run(scratch, root, [scratch.dispatch, "wait", "--all"]);
  const flags = items.flatMap((item) => ["--item", item]);
  run(scratch, root, [scratch.dispatch, "run", "-m", "waiting", "--id", "live", ...flags]);
  return taskPaths(projectPaths(root), "live");
}

/** The processes of a live task's only run. */
export function processesOf(task: TaskPaths): { worker: number; shim: number } {
  const pid = join(task.runs, "001/pid");
  if (!existsSync(pid)) throw new Error(`${task.id} has no worker`);
  const worker = Number(readFileSync(pid, "utf8"));
  const shim = parentOf(worker);
  if (!childrenOf(shim).includes(worker)) throw new Error(`${task.id}'s worker has ended`);
  return { worker, shim };
}
