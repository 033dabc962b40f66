/**
 * Events: what one look at the tasks finds that a host should be told. Each
 * has a key, and a host session that has been told a key is not told it again.
 */

import type { Question } from "./question.ts";
import { derive, type Facts, hasEnded, pendingQuestions, type State } from "./task.ts";

export type Event =
  | { kind: "question"; key: string; facts: Facts; question: Question }
  | { kind: "outcome"; key: string; facts: Facts; state: State };

/** A task among all that ever had its id: one that comes after it has nothing told of it. */
export const taskKey = ({ id, asked }: Facts) => `${id} ${asked?.created ?? "-"}`;

/** All that there is to tell of one task, in the order in which it is told. */
export function eventsOf(facts: Facts): Event[] {
  const state = derive(facts);
  const key = taskKey(facts);
  const events: Event[] = pendingQuestions(facts, state).map((question) => ({
    kind: "question",
    key: `${key} question ${question.number}`,
    facts,
    question,
  }));
  if (hasEnded(state) && facts.run !== null) {
    events.push({
      kind: "outcome",
      // The kind is part of the key: an answer can turn "blocked" into something else to tell.
      key: `${key} outcome ${facts.run.number} ${state.kind}`,
      facts,
      state,
    });
  }
  return events;
}
