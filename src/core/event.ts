/**
 * Events: what one look at the tasks finds that a host should be told. Each
 * has a key, and a host session that has been told a key is not told it again.
 */

import { isStalled, silentSinceMs } from "./policy.ts";
import type { Question } from "./question.ts";
import { derive, hasEnded, pendingQuestions, type State } from "./state.ts";
import type { Facts } from "./task.ts";

export type Event =
  | { kind: "question"; key: string; facts: Facts; question: Question }
  /** It is not going on for a while, or until a person does something. */
  | { kind: "held"; key: string; facts: Facts; state: Extract<State, { kind: "held" }> }
  | { kind: "stalled"; key: string; facts: Facts; silentMs: number }
  | { kind: "outcome"; key: string; facts: Facts; state: State };

/** A shorter wait than this is nobody's business. */
const toldHoldMs = 120_000;

/** A task among all that ever had its id: one that comes after it has nothing told of it. */
export const taskKey = ({ id, asked }: Facts) => `${id} ${asked?.created ?? "-"}`;

/** All that there is to tell of one task, in the order in which it is told. */
export function eventsOf(facts: Facts, nowMs: number): Event[] {
  const state = derive(facts);
  const key = taskKey(facts);
  const run = facts.run?.number ?? 0;
  const events: Event[] = pendingQuestions(facts, state).map((question) => ({
    kind: "question",
    key: `${key} question ${question.number}`,
    facts,
    question,
  }));
  if (state.kind === "held" && isLong(facts, state.untilMs))
    events.push({ kind: "held", key: `${key} held ${run}`, facts, state });
  if (isStalled(facts, nowMs)) {
    const silentMs = nowMs - silentSinceMs(facts)!;
    events.push({ kind: "stalled", key: `${key} stalled ${run}`, facts, silentMs });
  }
  if (hasEnded(state) && facts.run !== null) {
    events.push({
      kind: "outcome",
      // The kind is part of the key: an answer can turn "blocked" into something else to tell.
      key: `${key} outcome ${run} ${state.kind}`,
      facts,
      state,
    });
  }
  return events;
}

const isLong = ({ run }: Facts, untilMs: number | null) =>
  untilMs === null || untilMs - (run?.endedMs ?? 0) > toldHoldMs;
