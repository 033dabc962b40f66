/** The state of a task: derived from its facts at every look, and stored nowhere. */

import { itemBlocked, itemFailed, type Outcome, outcomeOf } from "./outcome.ts";
import { progress } from "./plan.ts";
import { type Due, dueAfter, plainDue } from "./policy.ts";
import { isOpen, type Question } from "./question.ts";
import type { Cause } from "./stream.ts";
import { type Facts, type Parent, shownPlan, type Stop } from "./task.ts";
import { shownName } from "./text.ts";

export type State =
  /** To be started as soon as there is a place; not by us where another program made it. */
  | { kind: "queued"; reason: string }
  /** Not before a time, or, where that is null, before a person has done something. */
  | {
      kind: "held";
      reason: string;
      cause: Cause | null;
      evidence: string | null;
      untilMs: number | null;
    }
  | { kind: "running" }
  | { kind: "waiting" }
  | { kind: "stopping" }
  | Outcome;

export const isLive = (state: State) =>
  state.kind === "running" || state.kind === "waiting" || state.kind === "stopping";

/** It will be something else by itself. */
export const isMoving = (state: State) =>
  isLive(state) || state.kind === "queued" || (state.kind === "held" && state.untilMs !== null);

/** Nothing goes on by itself any more. */
export const hasEnded = (state: State) => !isMoving(state) && state.kind !== "held";

/** The open questions that somebody waits for: none of a task that is done, or was stopped. */
export const pendingQuestions = ({ questions }: Facts, { kind }: State): Question[] =>
  kind === "waiting" || kind === "blocked" ? questions.filter(isOpen) : [];

/** Facts are never changed, and some are looked at many times. */
const known = new WeakMap<Facts, State>();

export function derive(facts: Facts): State {
  const state = known.get(facts) ?? stateOf(facts);
  known.set(facts, state);
  return state;
}

/** The state table of ARCHITECTURE.md, top to bottom; the first row that fits. */
function stateOf(facts: Facts): State {
  const { run } = facts;
  if (run === null && facts.asked === null) return elsewhere(facts);
  if (run !== null && run.exit === null && run.live) {
    if (facts.stop !== null) return { kind: "stopping" };
    return { kind: facts.questions.some(isOpen) ? "waiting" : "running" };
  }
  const outcome = run === null ? null : outcomeOf(facts, run);
  const due = dueRun(facts);
  if (due !== null) return waiting(due, outcome);
  if (outcome !== null) return outcome;
  return facts.stop === null ? behind(facts.parents) : keptBack(facts.stop);
}

/** The run that the task is to have next; null where it has one, needs none, or waits for somebody. */
export function dueRun(facts: Facts): Due | null {
  const { run, asked, resume } = facts;
  if (asked === null || (run !== null && run.exit === null && run.live)) return null;
  const tried = run?.record?.streak.tried ?? [];
  if (resume !== null) {
    const { token, ...how } = resume;
    const why = run === null ? "it was to start at once" : "it was resumed";
    return { ...plainDue, ...how, why, wish: token, tried: how.model === null ? tried : [] };
  }
  if (run !== null) return dueAfter(facts, run, outcomeOf(facts, run));
  if (facts.stop !== null || facts.parents.some(({ kind }) => kind !== "done")) return null;
  return { ...plainDue, why: "it is new" };
}

function waiting(due: Due, outcome: Outcome | null): State {
  const { why, atMs, model } = due;
  if (atMs === 0) {
    const how = model === null ? "" : `; it goes on with ${shownName(model)}`;
    return { kind: "queued", reason: `${why}${how}` };
  }
  const { cause, evidence } =
    outcome?.kind === "failed" ? outcome : { cause: null, evidence: null };
  return { kind: "held", reason: why, cause, evidence, untilMs: atMs };
}

/** A task that has not started, and is not to. */
function keptBack(stop: Stop): State {
  if (stop.by === "person") return { kind: "stopped" };
  const { cause, evidence } = stop;
  return { kind: "held", reason: "it could not begin", cause, evidence, untilMs: null };
}

/** A task whose parents are not all done. */
function behind(parents: readonly Parent[]): State {
  const left = parents.filter(({ kind }) => kind !== "done");
  const broken = left.filter(({ isMoving }) => !isMoving);
  const names = (some: readonly Parent[]) => some.map(({ id }) => id).join(", ");
  if (broken.length === 0) return { kind: "queued", reason: `after ${names(left)}` };
  const which = ({ id, kind }: Parent) =>
    `${id}, which ${kind.startsWith("failed") ? kind : `is ${kind}`}`;
  const reason = `after ${broken.map(which).join(", ")}`;
  return { kind: "held", reason, cause: null, evidence: null, untilMs: null };
}

/** Another program's task: only its files speak. */
function elsewhere(facts: Facts): State {
  const { items } = shownPlan(facts);
  const { done, total } = progress({ title: null, items });
  if (total > 0 && done === total) return { kind: "done" };
  if (facts.questions.some(isOpen)) return { kind: "waiting" };
  const blocked = items.find(({ marker }) => marker === "?");
  if (blocked) return itemBlocked(blocked, null);
  const broken = items.find(({ marker }) => marker === "!");
  if (broken) return itemFailed(broken, null);
  return { kind: "queued", reason: "its worker was not started by dispatch" };
}
