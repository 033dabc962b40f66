/** What a task is made from: the prompt, its plan and its context, read and checked. */

import { refused, usageError } from "../core/error.ts";
import { wantsWorktree } from "../core/model-name.ts";
import { formatPlan, parsePlan } from "../core/plan.ts";
import type { Asked } from "../core/task.ts";
import { badTaskId, idCandidates, isTaskId, slug } from "../core/task-id.ts";
import { cut, oneLine } from "../core/text.ts";
import { checkText, givenText } from "./arguments.ts";
import { readUserText } from "../store/read.ts";

const longestPrompt = 1024 * 1024;

export interface TaskRequest {
  prompt: string;
  /** The id that was asked for, or null. */
  id: string | null;
  /** The ids to try otherwise, made from the prompt. */
  ids: () => Generator<string>;
  /** The first text of plan.md. */
  plan: string;
  content: Pick<Asked, "title" | "prompt" | "context" | "files" | "items" | "ownPlan" | "folder">;
}

interface Given {
  prompt?: string | undefined;
  id?: string | undefined;
  plan?: string | undefined;
  context?: string | undefined;
  items: readonly string[];
  files: string[];
  /** Where the person stands, below the project's root. */
  folder: string;
}

/** Reads and checks everything before anything is touched; throws usage errors. */
export async function readRequest({
  prompt: words,
  id,
  plan,
  context,
  items,
  files,
  folder,
}: Given): Promise<TaskRequest> {
  if (plan !== undefined && items.length > 0)
    throw usageError("--plan and --item exclude each other");
  if (plan === "-" && words === "-")
    throw usageError("the prompt and the plan cannot both come from stdin");
  if (items.some((item) => item.trim() === "")) throw usageError("an --item is empty");
  if (id !== undefined && !isTaskId(id)) throw badTaskId(id);

  const source = plan === undefined ? null : await readPlanSource(plan);
  const parsed = source === null ? null : parsePlan(source).plan;
  const said = words === undefined ? (parsed?.title ?? items.join("; ")) : await givenText(words);
  const prompt = checkedPrompt(said);
  if (wantsWorktree(prompt)) {
    throw refused(
      "no_worktree",
      "worktrees are not there yet, and the task would run in your own checkout",
      "to run it there, leave the worktree out of the prompt",
    );
  }

  const title = parsed?.title ?? cut(oneLine(prompt), 80);
  const ownPlan = source === null && items.length === 0;
  const asked = parsed?.items.map(({ text }) => text) ?? items.map(oneLine);
  const firstItems = ownPlan ? [cut(oneLine(prompt), 200)] : asked;
  return {
    prompt,
    id: id ?? null,
    ids: () => idCandidates(slug(title) ?? slug(prompt) ?? "task"),
    plan: source ?? formatPlan(title, firstItems),
    content: { title, prompt, context: context ?? null, files, items: firstItems, ownPlan, folder },
  };
}

function checkedPrompt(prompt: string): string {
  checkText(prompt, "prompt", 'dispatch run "what is to be done"');
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
  const source = path === "-" ? await Bun.stdin.text() : readUserText(path);
  if (source === null) {
    throw usageError(
      `cannot read the plan ${path}; expected a Markdown file`,
      "--plan - reads it from stdin",
    );
  }
  const bytes = Buffer.byteLength(source);
  if (bytes > longestPrompt) {
    throw usageError(
      `the plan is ${bytes} bytes long, at most ${longestPrompt} are taken`,
      "make several tasks of it",
    );
  }
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
