/** What tasks are made from: prompt, plan and context of one, or a batch of them, read and checked. */

import { isBatch, misreadBatchLine, parseBatch, type Times } from "../core/batch.ts";
import { parseDuration } from "../core/duration.ts";
import { usageError } from "../core/error.ts";
import { wantsWorktree } from "../core/model-name.ts";
import { formatPlan, parsePlan } from "../core/plan.ts";
import type { Asked, OwnLimits } from "../core/task.ts";
import { badTaskId, idCandidates, isTaskId, slug } from "../core/task-id.ts";
import { cut, oneLine } from "../core/text.ts";
import { checkText, givenText } from "./arguments.ts";
import { stdinText } from "./stdin.ts";
import { readUserText } from "../store/read.ts";

const longestPrompt = 1024 * 1024;

export interface TaskRequest {
  /** The line of a batch that begins it, or null for a task by itself. */
  line: number | null;
  /** As it was named for this task, or null. */
  model: string | null;
  /** The id that was asked for, or null. */
  id: string | null;
  /** The ids to try otherwise, made from the prompt. */
  ids: () => Generator<string>;
  /** It is to run in a worktree of its own. */
  worktree: boolean;
  /** The check that was named for it, or null; "none" for none at all. */
  verify: string | null;
  /** How often its worker is told of a check that has failed; null: as the config says. */
  verifyRetries: number | null;
  /** Ids of the tasks that it comes after. */
  after: string[];
  times: Times;
  limits: OwnLimits;
  /** The first text of plan.md. */
  plan: string;
  content: Pick<Asked, "title" | "prompt" | "context" | "files" | "items" | "ownPlan" | "folder">;
}

interface Given {
  prompt?: string | undefined;
  id?: string | undefined;
  model?: string | undefined;
  plan?: string | undefined;
  context?: string | undefined;
  "time-limit"?: string | undefined;
  "stall-after"?: string | undefined;
  "answer-timeout"?: string | undefined;
  parallel?: string | undefined;
  "per-project"?: string | undefined;
  "per-backend"?: string | undefined;
  worktree?: boolean | undefined;
  verify?: string | undefined;
  "retry-on-verify"?: string | undefined;
  after: string[];
  items: readonly string[];
  files: string[];
  /** Where the person stands, below the project's root. */
  folder: string;
}

/** The task that the flags describe, or all those of a batch; throws usage errors before anything is touched. */
export async function readRequests(given: Given): Promise<TaskRequest[]> {
  if (given.plan === "-" && given.prompt === "-")
    throw usageError("the prompt and the plan cannot both come from stdin");
  const words = given.prompt === undefined ? undefined : await givenText(given.prompt);
  if (words !== undefined && isBatch(words)) return batchRequests(words, given);
  const hasFlags = Object.values(perTask(given)).some((value) => value !== undefined);
  const misread = given.prompt === "-" && !hasFlags ? misreadBatchLine(words!) : null;
  if (misread !== null) {
    throw usageError(
      `nothing was started\nline ${misread}: is this a batch? it has to begin with "# Title" (one #, a blank)`,
      "dispatch guide batch; a text that is one prompt is taken as an argument too",
    );
  }
  return [await singleRequest({ ...given, prompt: words })];
}

/** The flags that describe one task. */
const perTask = ({ id, plan, context, items, files }: Given) => ({
  id,
  plan,
  context,
  item: items[0],
  file: files[0],
});

function batchRequests(text: string, given: Given): TaskRequest[] {
  const { model, folder } = given;
  const [common, limits] = [timesOf(given), limitsOf(given)];
  const flag = Object.entries(perTask(given)).find(([, value]) => value !== undefined)?.[0];
  if (flag !== undefined)
    throw usageError(
      `--${flag} goes with one task, and this text holds its own`,
      "dispatch guide batch",
    );
  checkText(text, "text");
  checkSize(text, "text");
  const { tasks, problems } = parseBatch(text);
  if (problems.length > 0) {
    const lines = problems.slice(0, 10).map(({ line, message }) => `line ${line}: ${message}`);
    throw usageError(`nothing was started\n${lines.join("\n")}`, "dispatch guide batch");
  }
  return tasks.map((task) => ({
    line: task.line,
    model: task.model ?? model ?? null,
    id: task.id,
    ids: () => idCandidates(slug(task.title) ?? "task"),
    worktree: task.worktree || given.worktree === true || wantsWorktree(task.title),
    verify: task.verify ?? verifyOf(given),
    verifyRetries: verifyRetriesOf(given),
    after: [...given.after, ...task.after],
    times: {
      timeLimitMs: task.times.timeLimitMs ?? common.timeLimitMs,
      stallAfterMs: task.times.stallAfterMs ?? common.stallAfterMs,
      answerTimeoutMs: task.times.answerTimeoutMs ?? common.answerTimeoutMs,
    },
    limits,
    plan: task.plan ?? formatPlan(task.title, [task.title]),
    content: {
      title: task.title,
      prompt: task.title,
      context: task.context,
      files: task.files,
      items: task.plan === null ? [task.title] : task.items,
      ownPlan: task.plan === null,
      folder,
    },
  }));
}

async function singleRequest(given: Given): Promise<TaskRequest> {
  const { id, plan, items } = given;
  if (plan !== undefined && items.length > 0)
    throw usageError("--plan and --item exclude each other");
  if (items.some((item) => item.trim() === "")) throw usageError("an --item is empty");
  for (const each of [id ?? [], given.after].flat()) if (!isTaskId(each)) throw badTaskId(each);

  const source = plan === undefined ? null : await readPlanSource(plan);
  const parsed = source === null ? null : parsePlan(source).plan;
  const prompt = checkedPrompt(given.prompt ?? parsed?.title ?? items.join("; "));

  const title = parsed?.title ?? cut(oneLine(prompt), 80);
  const ownPlan = source === null && items.length === 0;
  const asked = parsed?.items.map(({ text }) => text) ?? items.map(oneLine);
  const firstItems = ownPlan ? [cut(oneLine(prompt), 200)] : asked;
  return {
    line: null,
    model: given.model ?? null,
    id: id ?? null,
    ids: () => idCandidates(slug(title) ?? slug(prompt) ?? "task"),
    worktree: given.worktree === true || wantsWorktree(prompt),
    verify: verifyOf(given),
    verifyRetries: verifyRetriesOf(given),
    after: given.after,
    times: timesOf(given),
    limits: limitsOf(given),
    plan: source ?? formatPlan(title, firstItems),
    content: {
      title,
      prompt,
      context: given.context ?? null,
      files: given.files,
      items: firstItems,
      ownPlan,
      folder: given.folder,
    },
  };
}

const timesOf = (given: Given): Times => ({
  timeLimitMs: durationOf(given, "time-limit"),
  stallAfterMs: durationOf(given, "stall-after"),
  answerTimeoutMs: durationOf(given, "answer-timeout"),
});

function durationOf(given: Given, flag: "time-limit" | "stall-after" | "answer-timeout") {
  const said = given[flag];
  if (said === undefined) return null;
  const ms = parseDuration(said);
  if (ms !== null) return ms;
  throw usageError(`--${flag} ${said}: expected a duration like 30s, 3m or 2h, or none`);
}

const limitsOf = (given: Given): OwnLimits => ({
  parallel: given.parallel === "auto" ? "auto" : countOf(given, "parallel", ", auto"),
  perProject: countOf(given, "per-project"),
  perBackend: countOf(given, "per-backend"),
});

function verifyOf({ verify }: Given): string | null {
  if (verify === undefined) return null;
  checkText(verify, "check", 'for example: --verify "npm test", or none');
  return verify.trim();
}

function verifyRetriesOf({ "retry-on-verify": said }: Given): number | null {
  if (said === undefined) return null;
  if (/^\d{1,3}$/.test(said)) return Number(said);
  throw usageError(`--retry-on-verify ${said}: expected a number`);
}

function countOf(given: Given, flag: "parallel" | "per-project" | "per-backend", more = "") {
  const said = given[flag];
  if (said === undefined) return null;
  const count = said === "none" ? Infinity : Number(said);
  if (count === Infinity || (Number.isInteger(count) && count > 0)) return count;
  throw usageError(`--${flag} ${said}: expected a number${more} or none`);
}

function checkedPrompt(prompt: string): string {
  checkText(prompt, "prompt", 'dispatch run "what is to be done"');
  checkSize(prompt, "prompt", "put it into a file and name that: --file PATH");
  return prompt;
}

function checkSize(text: string, what: string, hint = "make several tasks of it"): void {
  const bytes = Buffer.byteLength(text);
  if (bytes <= longestPrompt) return;
  throw usageError(`the ${what} is ${bytes} bytes long, at most ${longestPrompt} are taken`, hint);
}

async function readPlanSource(path: string): Promise<string> {
  const source = path === "-" ? await stdinText() : readUserText(path);
  if (source === null) {
    throw usageError(
      `cannot read the plan ${path}; expected a Markdown file`,
      "--plan - reads it from stdin",
    );
  }
  checkSize(source, "plan");
  const { plan, problems } = parsePlan(source);
  const [problem] = problems.filter(({ line }) => line === 0);
  if (problem !== undefined || plan.items.length === 0)
    throw usageError(
      `the plan ${path} ${problem?.message ?? "has no items"}`,
      "or leave the plan to the worker: no --plan",
    );
  if (plan.items.every(({ marker }) => marker === "x")) {
    throw usageError(
      `every item of the plan ${path} is ticked`,
      "leave open what is to be done: - [ ] item",
    );
  }
  return source;
}
