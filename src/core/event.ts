/**
 * Events: what one look at the tasks finds that a host should be told. Each
 * has a key, and a host session that has been told a key is not told it again.
 */

import { isOpen, type Question } from "./question.ts";
import { derive, type Facts, hasEnded, type State } from "./task.ts";

export type Event =
  | { kind: "question"; key: string; facts: Facts; question: Question }
  | { kind: "outcome"; key: string; facts: Facts; state: State };

/** All that there is to tell of one task, in the order in which it is told. */
export function eventsOf(facts: Facts): Event[] {
  const events: Event[] = facts.questions.filter(isOpen).map((question) => ({
    kind: "question",
    key: `${facts.id} question ${question.number}`,
    facts,
    question,
  }));
  const state = derive(facts);
  if (hasEnded(state) && facts.run !== null) {
    events.push({
      kind: "outcome",
      // The kind is part of the key: an answer can turn "blocked" into something else to tell.
      key: `${facts.id} outcome ${facts.run.number} ${state.kind}`,
      facts,
      state,
    });
  }
  return events;
}
