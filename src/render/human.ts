/**
 * Values → text, for people and for agents that read it. Each line must earn
 * its tokens; texts that a worker wrote are stripped of control characters and cut.
 */

import { formatDuration } from "../core/duration.ts";
import type { Event } from "../core/event.ts";
import { answerCommand, isAway, isInConflict, nextCommand } from "../core/next.ts";
import { type Item, progress } from "../core/plan.ts";
import { isStalled, silentSinceMs, troubleKind } from "../core/policy.ts";
import type { Question } from "../core/question.ts";
import type { Route } from "../core/route.ts";
import type { StreamEvent, Tokens } from "../core/stream.ts";
import { derive, hasEnded, isLive, isMoving, pendingQuestions, type State } from "../core/state.ts";
import { type Asked, elapsed, elapsedMs, type Facts, shownPlan } from "../core/task.ts";
import {
  cut,
  cutMiddle,
  foreign,
  foreignLine,
  quoted,
  shellQuoted,
  shownName,
} from "../core/text.ts";
import { branchOf } from "../core/worktree.ts";

const itemLength = 120;
/** A host is woken with it. */
const questionLength = 400;
const wordsLength = 200;
const changesShown = 3;
const doneShown = 3;
/** Where somebody asked for all of it. */
export const wholeLength = 100_000;

type Colour = "red" | "green" | "yellow" | "cyan" | "dim" | "bold";
const codes: Record<Colour, [number, number]> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
  dim: [2, 22],
  bold: [1, 22],
};

/** In colour only where stdout shows it (a terminal, and no NO_COLOR). */
export function paint(colour: Colour, text: string): string {
  if (!Bun.enableANSIColors) return text;
  const [on, off] = codes[colour];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

export function modelName({ asked, run }: Facts): string {
  const { said, model } = run?.record ?? { said: asked?.model, model: asked?.model };
  // What an alias fell back to is not the alias any more.
  return shownName((said === asked?.alias ? said : model) ?? "unknown model");
}

const title = (facts: Facts) =>
  `${paint("bold", facts.id)} (${modelName(facts)}${facts.asked?.worktree == null ? "" : ", worktree"})`;

/** The first `most` of a list, and how many are left out: nobody's context is for thousands of lines. */
export function firstOf<T>(
  list: readonly T[],
  most: number,
  show: (entry: T, index: number) => string,
): string[] {
  const shown = list.slice(0, most).map(show);
  if (list.length > most) shown.push(`  … ${list.length - most} more`);
  return shown;
}

export interface Started {
  id: string;
  asked: Asked;
  route: Route;
  advanced: { kind: "started" | "nothing" } | { kind: "waits"; reason: string; isBrief: boolean };
}

/** One line for all that was handed over; a person is shown the plan, an agent has just written it. */
export function dispatchedText(started: readonly Started[], isPerson: boolean): string {
  const [first, ...others] = started;
  const isShown = isPerson && others.length === 0 && first?.asked.ownPlan === false;
  const items = isShown ? firstOf(first.asked.items, 10, numbered) : [];
  const plan = isShown ? `. Plan: ${items.join(" ")}` : "";
  const parts = started.map(
    ({ id, asked, route, advanced }) =>
      `${id} using ${routeText(route)}${asked.worktree === null ? "" : ` on ${branchOf(id)}`}${advanced.kind === "waits" && !advanced.isBrief ? ` (queued: ${advanced.reason})` : ""}`,
  );
  return `dispatched ${parts.join(", ")}${plan}`;
}

/** What a host has to do to hear of its tasks; null where that needs nothing. */
export function wakeText(wake: string | null): string | null {
  switch (wake) {
    case "background":
      return "then, in the background: dispatch wait";
    case "foreground":
      return "then: dispatch wait";
    case "look":
      return "then, now and again: dispatch status";
    default:
      return null;
  }
}

const numbered = (item: string, index: number) => `${index + 1}) ${cut(foreignLine(item), 60)}`;

function routeText({ model, alias, why, isNew }: Route): string {
  const name = alias === null ? model : `${alias} (${model})`;
  if (isNew) return `${name} (new: added to the config)`;
  if (why === "fallback") return `${name} (what was wanted cannot run here)`;
  return why === "default" ? `${name} (the default)` : name;
}

/** What would be run: all that a person needs to run it by hand, then the prompt. */
export function dryRunText(
  id: string,
  route: Route,
  command: { argv: string[]; cwd: string; setNames: string[]; stdinPath: string | null },
  prompt: string,
): string {
  return [
    `task: ${id}`,
    `route: ${routeText(route)} on ${route.backend}`,
    `cwd: ${command.cwd}`,
    `set: ${command.setNames.join(" ")}`,
    `stdin: ${command.stdinPath ?? "/dev/null"}`,
    `argv: ${command.argv.map((word) => (word === prompt ? "'<the prompt below>'" : shellQuoted(word))).join(" ")}`,
    "",
    prompt.trimEnd(),
  ].join("\n");
}

/**
 * Tasks that need a person first, then what runs, then what ended; of many that are done only their ids.
 *
 * @param waits why tasks wait that could start by themselves, by id
 */
export function statusText(
  all: readonly Facts[],
  waits: ReadonlyMap<string, string>,
  others: (facts: Facts) => readonly string[],
  inFull: boolean,
  nowMs: number,
): string {
  if (all.length === 0) return 'no tasks; start one: dispatch run "…"';
  const byRank = Map.groupBy(all, (facts) => rankOf(derive(facts)));
  const ranked = (...ranks: number[]) => ranks.flatMap((rank) => byRank.get(rank) ?? []);
  const done = ranked(3);
  const isListed = !inFull && done.length > doneShown;
  const shown = isListed ? ranked(0, 1, 2) : ranked(0, 1, 2, 3);
  const texts = shown.map((facts) =>
    taskText(facts, waits.get(facts.id) ?? null, others(facts), inFull, nowMs),
  );
  if (isListed) {
    const ids = done.slice(0, 10).map(({ id }) => id);
    const more = done.length > 10 ? ", …" : "";
    const away = done.filter(isAway).map(({ id }) => id);
    const rest =
      away.length === 0 ? "dispatch clean removes them" : `not merged: ${cut(away.join(", "))}`;
    texts.push(`${paint("green", "✓")} ${done.length} done: ${ids.join(", ")}${more} (${rest})`);
  }
  return texts.join("\n");
}

function rankOf(state: State): number {
  if (state.kind === "waiting" || state.kind === "blocked") return 0;
  if (isMoving(state)) return 1;
  return state.kind === "done" ? 3 : 2;
}

function taskText(
  facts: Facts,
  waits: string | null,
  others: readonly string[],
  inFull: boolean,
  nowMs: number,
): string {
  const state = derive(facts);
  const plan = shownPlan(facts);
  const { done, total } = progress(plan);
  const took = isLive(state) || hasEnded(state) ? elapsed(facts, nowMs) : null;
  const head = `${bullet(state)} ${title(facts)} — ${headline(state, done, total, nowMs)}${took === null ? "" : `, ${took}`}`;
  const lines = [head];
  if (isLive(state) || inFull || state.kind === "blocked") {
    const current = isLive(state) ? plan.items.find((item) => item.marker === " ") : undefined;
    lines.push(...firstOf(plan.items, 40, (item) => itemText(item, item === current)));
  }
  const open = pendingQuestions(facts, state);
  lines.push(
    ...firstOf(open, 10, (question) => {
      const text = questionText(question, inFull ? wholeLength : questionLength);
      return `  question ${question.number}: ${text}`;
    }),
  );
  // An item that is blocked or has failed has been shown with what the worker says of it.
  const isShown =
    (state.kind === "blocked" && state.said !== null) ||
    (state.kind === "failed" && state.cause === "item_failed" && inFull);
  const detail = isShown ? null : (waits ?? stateDetail(state));
  if (detail !== null) lines.push(`  ${detail}`);
  if (isStalled(facts, nowMs)) lines.push(`  ${silence(nowMs - silentSinceMs(facts)!)}`);
  const trouble = isLive(state) ? troubleText(facts, nowMs) : null;
  if (trouble !== null) lines.push(`  ${trouble}`);
  const next = state.kind === "done" && !inFull ? null : nextCommand(facts, state, others);
  if (next !== null) lines.push(`  next: ${next}`);
  return lines.join("\n");
}

function bullet(state: State): string {
  switch (state.kind) {
    case "done":
      return paint("green", "✓");
    case "waiting":
    case "blocked":
      return paint("yellow", "?");
    case "failed":
    case "lost":
      return paint("red", "!");
    case "incomplete":
    case "stopped":
      return paint("yellow", "○");
    default:
      return paint("cyan", "●");
  }
}

/** Null where there is none, or its CLI has got past it. */
function troubleText({ run }: Facts, nowMs: number): string | null {
  const trouble = run?.report.trouble ?? null;
  if (trouble === null || troubleKind(trouble, nowMs - (run?.saidMs ?? nowMs)) === null)
    return null;
  return `trouble (${trouble.cause}), try ${trouble.tries}: ${quoted(trouble.evidence)}`;
}

const silence = (ms: number) => `silent for ${formatDuration(ms)}`;

/** A time of day; of another day, with its date. */
function timeText(ms: number, nowMs: number): string {
  const date = new Date(ms);
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === new Date(nowMs).toDateString()) return time;
  return `${date.toLocaleDateString("en-GB", { month: "short", day: "numeric" })} ${time}`;
}

function heldText({ untilMs, cause }: Extract<State, { kind: "held" }>, nowMs: number): string {
  const until = untilMs === null ? "" : ` until ${timeText(untilMs, nowMs)}`;
  return `held${until}${cause === null ? "" : ` (${cause})`}`;
}

function headline(state: State, done: number, total: number, nowMs: number): string {
  const count = `${done}/${total} items complete`;
  switch (state.kind) {
    case "running":
      return count;
    case "held":
      return `${count}, ${heldText(state, nowMs)}`;
    case "done":
      return `COMPLETE (${done}/${total})`;
    case "failed":
      return `FAILED (${state.cause}), ${count}`;
    case "lost":
    case "incomplete":
    case "blocked":
    case "stopped":
      return `${state.kind.toUpperCase()}, ${count}`;
    default:
      return `${count}, ${state.kind}`;
  }
}

/** Why, in our words, or in the worker's and then in quotes. */
function stateDetail(state: State, limit?: number): string | null {
  switch (state.kind) {
    case "failed":
      return quoted(state.evidence, limit);
    case "blocked":
      return state.said === null ? state.reason : quoted(state.said, limit);
    case "held":
      return state.evidence === null ? state.reason : quoted(state.evidence, limit);
    case "queued":
    case "incomplete":
    case "lost":
      return state.reason;
    default:
      return null;
  }
}

const itemMarks = { x: "✓", "?": "?", "!": "!", " ": "○" } as const;

export function itemText(item: Item, isCurrent: boolean): string {
  const text = cut(foreignLine(item.text), itemLength);
  if (isCurrent) return `  ⋯ ${text} (in progress)`;
  const note = item.note !== null && item.marker !== "x" ? `: ${cut(foreignLine(item.note))}` : "";
  return `  ${itemMarks[item.marker]} ${text}${note}`;
}

/** A question with its choices, as a worker wrote them; a long one is cut before its choices are. */
export function questionText(question: Question, limit: number = questionLength): string {
  const choices = [
    ...(question.options.length > 0 ? [`[${question.options.join(" | ")}]`] : []),
    ...(question.default === null ? [] : [`(default: ${question.default})`]),
  ].map((part) => ` ${cut(foreignLine(part), limit / 2)}`);
  const room = Math.max(limit / 4, limit - choices.join("").length);
  return quoted(cutMiddle(foreignLine(question.text), room) + choices.join(""), limit);
}

/** What an outcome tells besides; the path as the reader sees it. */
export interface Left {
  output: string | null;
  /** Files that changed while it ran; null where nobody can tell, or it has been told. */
  changed: readonly string[] | null;
  /** Models that can be named instead of one that will not do. */
  others: readonly string[];
}

/** What a host is told: what happened, in a line or two, and the next command. */
export function eventText(event: Event, left: Left): string {
  const { facts } = event;
  switch (event.kind) {
    case "outcome":
      return outcomeText(facts, event.state, left);
    case "held": {
      const next = nextCommand(facts, event.state);
      const after = next === null ? "it goes on by itself" : `next: ${next}`;
      const detail = stateDetail(event.state, wordsLength);
      return `${facts.id} ${heldText(event.state, Date.now())}: ${detail}\n${after}`;
    }
    case "stalled":
      return `${facts.id} ${silence(event.silentMs)}, still running\nif that is wrong: dispatch logs ${facts.id}, dispatch stop ${facts.id}`;
    case "question":
      return questionEventText(facts.id, event.question);
  }
}

function questionEventText(id: string, question: Question): string {
  const text = questionText(question);
  const isWhole = text === questionText(question, wholeLength);
  const rest = isWhole ? "" : ` (whole: dispatch status ${id})`;
  return `${id} asks: ${text}${rest}\nthe user replies: ${answerCommand(id, question.number)}`;
}

/** Two lines: what came of it; where its output is, what changed, what is next. */
export function outcomeText(facts: Facts, state: State, left: Left): string {
  // Of a task that is done, its words and where its output is are all there is to say.
  const isToldAll =
    state.kind === "done" &&
    !isAway(facts) &&
    (left.output !== null || lastWords(facts, wordsLength) !== null);
  const next = isToldAll ? null : nextCommand(facts, state, left.others);
  const how = facts.worktree === null ? "changed meanwhile" : "changed in its worktree";
  const isToTake = state.kind === "done" && isAway(facts);
  const isNothing = isToTake && left.changed?.length === 0;
  const when = isToTake && !isInConflict(facts) ? "once the user agrees" : "next";
  const second = afterwards(left, how, isNothing ? null : next, when);
  return [outcomeLine(facts, state), ...second].join("\n");
}

/** A line, or none. */
function afterwards(
  { output, changed }: Omit<Left, "others">,
  howChanged: string,
  next: string | null,
  when: string,
): string[] {
  const parts = [
    ...(output === null ? [] : [`output: ${output}`]),
    ...changedText(changed, howChanged),
    ...(next === null ? [] : [`${when}: ${next}`]),
  ];
  return parts.length === 0 ? [] : [parts.join("; ")];
}

/** That something changed is news; that nothing did is none. */
function changedText(changed: Left["changed"], how: string): string[] {
  if (changed === null || changed.length === 0) return [];
  const shown = changed.slice(0, changesShown).map(pathText);
  const more = changed.length > changesShown ? ` and ${changed.length - changesShown} more` : "";
  return [`${how}: ${shown.join(", ")}${more}`];
}

/** Its worker chose the name: one that could be read as more than a name stands in quotes. */
export const pathText = (path: string) =>
  /^[\w@%+=./-]+$/.test(path) ? cut(path, 60) : quoted(path, 60);

export function outcomeLine(facts: Facts, state: State): string {
  const { done, total } = progress(shownPlan(facts));
  const ms = elapsedMs(facts, Date.now());
  const took = ms === null ? "" : ` in ${formatDuration(ms)}`;
  const kind = state.kind === "failed" ? `failed (${state.cause})` : state.kind;
  // Every item of a task that is done is ticked.
  const count = state.kind === "done" ? "" : `, ${done}/${total} items`;
  const detail = stateDetail(state, wordsLength) ?? lastWords(facts, wordsLength);
  return `${facts.id} ${kind}${count}${took}${detail === null ? "" : `: ${detail}`}`;
}

const lastWords = (facts: Facts, limit: number) =>
  facts.run?.report.text ? quoted(facts.run.report.text, limit) : null;

export function tokensText({ input, cached, output }: Tokens, unit = " tokens"): string {
  const cachedPart = cached > 0 ? ` (${count(cached)} cached)` : "";
  return `${count(input)}${unit} in${cachedPart}, ${count(output)} out`;
}

/** Two figures, or three: each digit is paid for. */
export function count(value: number): string {
  if (value < 1_000) return String(value);
  const [scaled, unit] = value < 999_500 ? [value / 1e3, "k"] : [value / 1e6, "M"];
  return `${scaled.toFixed(scaled < 9.95 ? 1 : 0)}${unit}`;
}

/** A line for each file that more than one task is changing. */
export const overlapsText = (overlaps: readonly { path: string; ids: string[] }[]): string[] =>
  firstOf(
    overlaps,
    5,
    ({ path, ids }) => `both ${ids.join(" and ")} are changing ${pathText(path)}`,
  );

/** One event of a worker's log, or null for what is not worth a line. */
export function logText(event: StreamEvent): string | null {
  switch (event.kind) {
    case "session":
      return paint(
        "dim",
        foreignLine(`session ${event.id}${event.model === null ? "" : ` (${event.model})`}`),
      );
    case "model":
      return paint("dim", foreignLine(`model ${event.name}`));
    case "said":
    case "piece":
      return foreign(event.text).trimEnd();
    case "tool":
      return paint("cyan", `→ ${cut(foreignLine(event.text))}`);
    case "output": {
      const lines = foreign(event.text).trimEnd().split("\n");
      const shown = lines.slice(0, 5).map((line) => `  ${cut(line, 200)}`);
      if (lines.length > 5) shown.push(`  … ${lines.length - 5} more lines`);
      return paint("dim", shown.join("\n"));
    }
    case "retry":
      return paint("yellow", foreignLine(event.text));
    case "error":
      return paint("red", `error: ${cut(foreignLine(event.text))}`);
    case "result":
      return event.ok ? null : paint("red", `failed: ${cut(foreignLine(event.text))}`);
    case "limit":
      return paint("yellow", foreignLine(event.text));
    case "usage":
      return null;
  }
}
