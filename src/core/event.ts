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
  const state = derive(facts);
  // An id can be used again once its task was removed: the new one has nothing told of it.
  const key = `${facts.id} ${facts.asked?.created ?? "-"}`;
  // Nobody waits for an answer to a task that is done, or was stopped.
  const isWaiting = state.kind === "waiting" || state.kind === "blocked";
  const open = isWaiting ? facts.questions.filter(isOpen) : [];
  const events: Event[] = open.map((question) => ({
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
