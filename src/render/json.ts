/** Values → the shapes of `--json`. */

import type { DispatchError } from "../core/error.ts";
import type { Event } from "../core/event.ts";
import type { ErrorJson, EventJson, StatsJson, TaskJson, WorkJson } from "../core/json.ts";
import { answerCommand, nextCommand } from "../core/next.ts";
import { progress } from "../core/plan.ts";
import type { Question } from "../core/question.ts";
import {
  type By,
  groupsOf,
  type Paid,
  type Spending,
  type Sum,
  sumOf,
  wonBy,
} from "../core/spending.ts";
import type { StreamEvent } from "../core/stream.ts";
import { derive, type State } from "../core/state.ts";
import { type Facts, shownPlan } from "../core/task.ts";
import { foreign, foreignLine, shownName } from "../core/text.ts";
import { branchOf, type Work } from "../core/worktree.ts";

const iso = (ms: number | null | undefined) =>
  // A file's time can lie beyond what a date can say.
  ms === null || ms === undefined || !(Math.abs(ms) <= 8.64e15) ? null : new Date(ms).toISOString();
const safe = (text: string | null) => (text === null ? null : foreign(text));

/** Where what a task has left is to be found; null: nowhere. */
export interface Places {
  output: string | null;
  worktree: string | null;
}

/**
 * @param waits why it does not start though it could, or null
 */
export function taskToJson(facts: Facts, places: Places, waits: string | null = null): TaskJson {
  const state = derive(facts);
  const plan = shownPlan(facts);
  const { run, asked } = facts;
  return {
    id: facts.id,
    title: foreignLine(asked?.title ?? plan.title ?? facts.id),
    state: state.kind,
    ...why(state),
    ...(waits === null ? {} : { reason: foreign(waits) }),
    model: safe(run?.record?.model ?? asked?.model ?? null),
    answered_by: safe(run?.report.model ?? null),
    backend: safe(run?.record?.backend ?? null),
    alias: safe(asked?.alias ?? null),
    run: run?.number ?? null,
    session: safe(run?.report.session ?? run?.record?.session ?? null),
    items: plan.items.map(({ marker, text, note }) => ({
      marker,
      text: foreign(text),
      note: safe(note),
    })),
    progress: progress(plan),
    questions: facts.questions.map(questionToJson),
    after: asked?.after ?? [],
    worktree: places.worktree,
    branch: asked?.worktree == null ? null : branchOf(facts.id),
    verify: safe(asked?.verify ?? null),
    output: places.output,
    exit: run?.exit ?? null,
    tokens: run?.report.tokens ?? null,
    cost_usd: run?.report.costUsd ?? null,
    started: safe(run?.record?.started ?? null),
    ended: iso(run?.endedMs),
    next: nextCommand(facts, state),
  };
}

function questionToJson(question: Question): TaskJson["questions"][number] {
  return {
    n: question.number,
    text: foreign(question.text),
    options: question.options.map(foreign),
    default: safe(question.default),
    asked: iso(question.askedMs) ?? "",
    answered: question.answer !== null,
    acknowledged: question.acknowledged,
  };
}

export const workToJson = ({ files, branch }: Work): WorkJson => ({
  files: files.map(({ path, added, removed }) => ({ path: foreign(path), added, removed })),
  branch: branch?.name ?? null,
  commits: branch?.commits ?? null,
  uncommitted_files: branch?.uncommitted ?? null,
});

function why(state: State): {
  cause: string | null;
  evidence: string | null;
  reason: string | null;
  until: string | null;
} {
  const none = { cause: null, evidence: null, reason: null, until: null };
  if (state.kind === "failed")
    return { ...none, cause: state.cause, evidence: foreign(state.evidence) };
  if (state.kind === "held") {
    const { cause, evidence, reason, untilMs } = state;
    return { cause, evidence: safe(evidence), reason: foreign(reason), until: iso(untilMs) };
  }
  if (state.kind === "blocked") return { ...none, reason: foreign(state.said ?? state.reason) };
  return "reason" in state ? { ...none, reason: foreign(state.reason) } : none;
}

export function eventToJson(
  event: Event,
  left: { output: string | null; changed: readonly string[] | null; others: readonly string[] },
): EventJson {
  const { facts } = event;
  const { id } = facts;
  switch (event.kind) {
    case "outcome":
      return {
        schema: 1,
        event: "outcome",
        id,
        state: event.state.kind,
        ...why(event.state),
        progress: progress(shownPlan(facts)),
        output: left.output,
        changed: left.changed?.map(foreign) ?? null,
        next: nextCommand(facts, event.state, left.others),
      };
    case "held":
      return {
        schema: 1,
        event: "held",
        id,
        ...why(event.state),
        next: nextCommand(facts, event.state),
      };
    case "stalled": {
      const silent_seconds = Math.round(event.silentMs / 1_000);
      return { schema: 1, event: "stalled", id, silent_seconds, next: `dispatch logs ${id}` };
    }
    case "question": {
      const { n, text, options, default: fallback } = questionToJson(event.question);
      const next = answerCommand(id, n);
      return { schema: 1, event: "question", id, n, text, options, default: fallback, next };
    }
  }
}

export function statsToJson(
  project: string,
  all: readonly Spending[],
  by: By,
  paid: Paid | null,
): StatsJson {
  const won = wonBy(all, paid);
  return {
    schema: 1,
    project,
    by,
    total: sumToJson(sumOf(all)),
    groups: groupsOf(all, by).map((group) => ({
      name: shownName(group.name),
      ...sumToJson(group),
    })),
    paid_tokens: paid?.tokens ?? null,
    won: won && { tokens: won.spent, multiple: rounded(won.multiple, 1), at_least: won.isMore },
  };
}

const rounded = (value: number, digits: number) => Number(value.toFixed(digits));

export const sumToJson = ({ tasks, runs, tokens, unknownTokens, costUsd, unknownCosts }: Sum) => ({
  tasks,
  runs,
  tokens,
  tokens_unknown_runs: unknownTokens,
  cost_usd: costUsd === null ? null : rounded(costUsd, 6),
  cost_unknown_runs: unknownCosts,
});

const cleaned = (value: unknown): unknown => {
  if (typeof value === "string") return foreign(value);
  return Array.isArray(value) ? value.map(cleaned) : value;
};

/** One event of a worker's log. */
export function logToJson(event: StreamEvent): object {
  const entries = Object.entries(event).map(([key, value]) => [key, cleaned(value)]);
  return { schema: 1, ...Object.fromEntries(entries) };
}

export const errorToJson = ({ code, message, hint }: DispatchError): ErrorJson => ({
  schema: 1,
  error: { code, message: foreign(message), hint: safe(hint) },
});
