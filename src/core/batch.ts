/**
 * A batch: several tasks in one Markdown text, so that an agent hands all of
 * them over in one call.
 *
 *     # Security review
 *     id: review
 *     model: opus
 *     file: docs/threats.md
 *
 *     - [ ] Scan for hardcoded secrets
 *     - [ ] Write the findings to output.md
 *
 *     What the worker must know besides, as prose.
 *
 *     # API tests
 *     …
 *
 * A `# ` heading outside fenced blocks begins a task, keys stand right under
 * it, then its checklist (without one the worker writes its own), then prose.
 * Reading never throws: every problem is returned with its line.
 */

import {
  closesFence,
  fencedLines,
  fenceLine,
  headingText,
  parsePlan,
  type PlanProblem,
} from "./plan.ts";
import { parseDuration } from "./duration.ts";
import { badTaskId, isTaskId } from "./task-id.ts";
import { didYouMean } from "./text.ts";

/** How long a task may take for what, in milliseconds; null: as the config says. */
export interface Times {
  timeLimitMs: number | null;
  stallAfterMs: number | null;
  answerTimeoutMs: number | null;
}
const timeKeys = ["time_limit", "stall_after", "answer_timeout"] as const;
const timeFields = {
  time_limit: "timeLimitMs",
  stall_after: "stallAfterMs",
  answer_timeout: "answerTimeoutMs",
} as const;

export interface BatchTask {
  /** The line of its title, 1-based. */
  line: number;
  title: string;
  id: string | null;
  /** As it was named; null for the default. */
  model: string | null;
  files: string[];
  worktree: boolean;
  /** Its check, or null. */
  verify: string | null;
  /** Ids of the tasks that it comes after. */
  after: string[];
  times: Times;
  /** The checklist as it was written, title included; null when the worker is to write its own. */
  plan: string | null;
  items: string[];
  /** The prose, or null. */
  context: string | null;
}

const titleLine = /^#(?:\s|$)/;
const keys = ["id", "model", "file", "worktree", "after", "verify", ...timeKeys];
/** Of these a line in the prose is a mistake; "file: …" can be prose. */
const strict = keys.filter((key) => !["file", "after", "verify"].includes(key)).join("|");
/** A known key is one without a blank behind it too: it must not become prose. */
const keyLine = new RegExp(`^(?:([a-z][\\w-]*):(?=\\s|$)|(${keys.join("|")}):)(.*)$`, "is");
const keyWithoutColon = new RegExp(`^(${strict})\\s+\\S+\\s*$`, "i");
const strictKey = new RegExp(`^(${strict}):(?:\\s|$)`, "i");

/** The line (1-based) that shows that a text was meant as a batch though it does not begin as one, or null. */
export function misreadBatchLine(text: string): number | null {
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  const first = lines.findIndex((line) => line.trim() !== "");
  if (/^\s*#/.test(lines[first] ?? "")) return first + 1;
  const isFenced = fencedLines(lines);
  const key = lines.findIndex((line, at) => !isFenced[at] && strictKey.test(line));
  return key === -1 ? null : key + 1;
}

/** A text that begins with a title holds tasks; any other is a single prompt. */
export const isBatch = (text: string) => /^\ufeff?(?:[^\S\n]*\n)*# /.test(text);

export function parseBatch(text: string): { tasks: BatchTask[]; problems: PlanProblem[] } {
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  const isFenced = fencedLines(lines);
  const starts = lines.flatMap((line, at) => (!isFenced[at] && titleLine.test(line) ? [at] : []));
  const problems: PlanProblem[] = [];
  const tasks = starts.map((start, index) => readTask(lines, start, starts[index + 1], problems));
  const lineOf = new Map<string, number>();
  for (const { id, line } of tasks) {
    if (id === null) continue;
    const first = lineOf.get(id);
    if (first === undefined) lineOf.set(id, line);
    else problems.push({ line, message: `the id ${id} is that of line ${first} too` });
  }
  checkFences(lines, isFenced, problems);
  return { tasks, problems: problems.sort((a, b) => a.line - b.line) };
}

/** The task whose title stands at `start` (0-based) and that ends before `end`. */
function readTask(
  lines: readonly string[],
  start: number,
  end: number | undefined,
  problems: PlanProblem[],
): BatchTask {
  const task: BatchTask = {
    line: start + 1,
    title: headingText(lines[start]!),
    id: null,
    model: null,
    files: [],
    worktree: false,
    verify: null,
    after: [],
    times: { timeLimitMs: null, stallAfterMs: null, answerTimeoutMs: null },
    plan: null,
    items: [],
    context: null,
  };
  if (task.title === "") problems.push({ line: task.line, message: "the title is empty" });

  let at = start + 1;
  const until = end ?? lines.length;
  while (at < until && lines[at]!.trim() === "") at++;
  const isApart = at > start + 1;
  for (let key; at < until && (key = keyLine.exec(lines[at]!)) !== null; at++) {
    const name = (key[1] ?? key[2]!).toLowerCase();
    // Behind a blank line what is not even like a key is prose: "Note: …".
    if (isApart && !keys.includes(name) && didYouMean(name, keys) === "") break;
    // In quotes of any kind, as in YAML.
    const value = key[3]!.trim().replace(/^(["'`])(.*)\1$/s, "$2");
    const message = setKey(task, name, value);
    if (message !== null) problems.push({ line: at + 1, message });
  }
  const forgotten = at < until ? keyWithoutColon.exec(lines[at]!)?.[1] : undefined;
  if (forgotten !== undefined)
    problems.push({ line: at + 1, message: `${lines[at]!.trim()}; expected "${forgotten}: …"` });
  readBody(task, lines.slice(at, end), at, problems);
  return task;
}

/** A fence that was forgotten must not take what is below it along: none may stay open, none begin within another. */
function checkFences(
  lines: readonly string[],
  isFenced: readonly boolean[],
  problems: PlanProblem[],
) {
  let opening: string | null = null;
  for (const [at, line] of lines.entries()) {
    const mark = fenceLine.exec(line)?.[1];
    if (mark === undefined) continue;
    if (!isFenced[at]) {
      problems.push({ line: at + 1, message: "the fenced block is never closed" });
      return;
    }
    if (opening === null) opening = mark;
    else if (closesFence(line, opening)) opening = null;
    else if (mark.startsWith(opening))
      problems.push({ line: at + 1, message: "a fenced block begins within another" });
  }
}

/** `- [] x`, `-[ ] x`, `- [ ]x` */
const nearlyAnItem = /^\s*(?:[-*+]\s*\[\](?:\s|$)|[-*+]\[[ xX]\]|[-*+]\s+\[[ xX]\](?=[^\s(]))/;

/** Null, or what is wrong with the key. */
function setKey(task: BatchTask, key: string, value: string): string | null {
  if (!keys.includes(key)) {
    const hint =
      didYouMean(key, keys) || `; keys are ${keys.join(", ")}, prose goes behind a blank line`;
    return `unknown key ${key}${hint}`;
  }
  if (value === "") return `${key}: has no value`;
  switch (key) {
    case "id":
      if (task.id !== null) return "a second id";
      task.id = value;
      return isTaskId(value) ? null : badTaskId(value).message;
    case "model":
      if (task.model !== null) return "a second model";
      task.model = value;
      return null;
    case "worktree":
      if (!/^(?:yes|true|no|false)$/i.test(value)) return `worktree: ${value}; expected yes or no`;
      task.worktree = /^[yt]/i.test(value);
      return null;
    case "verify":
      if (task.verify !== null) return "a second verify";
      task.verify = value;
      return null;
    case "after": {
      const ids = value.split(/[\s,]+/).filter((id) => id !== "");
      if (ids.length === 0) return "after: has no value";
      task.after.push(...ids);
      const bad = ids.find((id) => !isTaskId(id));
      return bad === undefined ? null : badTaskId(bad).message;
    }
    case "file":
      task.files.push(value);
      return null;
    default: {
      const ms = parseDuration(value);
      if (ms === null) return `${key}: ${value}; expected a duration like 30s, 3m or 2h`;
      const field = timeFields[key as keyof typeof timeFields];
      if (task.times[field] !== null) return `a second ${key}`;
      task.times[field] = ms;
      return null;
    }
  }
}

/** Checklist and prose; `offset` is how many lines stand above. */
function readBody(
  task: BatchTask,
  lines: readonly string[],
  offset: number,
  problems: PlanProblem[],
): void {
  const parsed = parsePlan(lines.join("\n"));
  const { items } = parsed.plan;
  const report = (line: number, message: string) => problems.push({ line: offset + line, message });
  for (const { line, message } of parsed.problems) if (line > 0) report(line, message);
  for (const { line, text } of items) if (text === "") report(line, "the item is empty");
  if (items.length > 0 && items.every(({ marker }) => marker === "x"))
    report(items[0]!.line, "every item is ticked");

  const isFenced = fencedLines(lines);
  for (const [index, line] of lines.entries()) {
    const key = isFenced[index] ? undefined : strictKey.exec(line)?.[1];
    if (!isFenced[index] && nearlyAnItem.test(line))
      report(index + 1, 'expected "- [ ] text", with its blanks');
    if (key !== undefined)
      report(index + 1, `${key}: stands too low; keys go right under the title`);
  }

  task.items = items.map(({ text }) => text);
  const [firstItem, lastItem] = [items[0], items.at(-1)];
  if (firstItem === undefined || lastItem === undefined) {
    task.context = lines.join("\n").trim() || null;
    return;
  }
  const first = firstItem.line - 1;
  let last = lastItem.line;
  for (let at = first; at < last; at++)
    if (!isFenced[at] && /^(?:[-*+]|\d{1,9}[.)])\s+(?!\[.\])/u.test(lines[at]!))
      report(at + 1, "an item without its [ ]");
  // What is indented below the last item belongs to it.
  const goesOn = (at: number) =>
    /^\s+\S/.test(lines[at] ?? "") || (isFenced[at] && isFenced[at - 1]);
  while (goesOn(last)) last++;
  const prose = [lines.slice(0, first), lines.slice(last)].map((part) => part.join("\n").trim());
  task.context = prose.filter((part) => part !== "").join("\n\n") || null;
  task.plan = `# ${task.title}\n\n${lines.slice(first, last).join("\n").trimEnd()}\n`;
}
