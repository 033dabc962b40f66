/** The way forward: for every state of a task, the one command that goes on from there. */

import { isOpen, isUndelivered } from "./question.ts";
import type { Facts, State } from "./task.ts";

/** Null where there is nothing to do but wait, or nothing at all. */
export function nextCommand(facts: Facts, state: State): string | null {
  const { id } = facts;
  const open = facts.questions.find(isOpen);
  switch (state.kind) {
    case "waiting":
      return open === undefined ? null : answerCommand(id, open.number);
    case "blocked":
      if (open !== undefined) return answerCommand(id, open.number);
      return facts.questions.some(isUndelivered)
        ? `dispatch resume ${id}`
        : `dispatch answer ${id} "…"`;
    case "done":
      return `dispatch result ${id}`;
    case "failed":
      return failedNext(id, state.cause);
    case "queued":
      // Another program's task: its own dispatcher starts it.
      return facts.asked === null ? null : `dispatch resume ${id}`;
    case "incomplete":
    case "lost":
    case "stopped":
      return `dispatch resume ${id}`;
    case "running":
    case "stopping":
      return null;
  }
}

export const answerCommand = (id: string, number: string) => `dispatch answer ${id} ${number} "…"`;

function failedNext(id: string, cause: Extract<State, { kind: "failed" }>["cause"]): string {
  switch (cause) {
    case "auth":
      return `dispatch resume ${id}, once the user has logged in to its CLI; or with --model M`;
    case "billing":
    case "session_limit":
    case "model_unavailable":
    case "cli_missing":
      return `dispatch resume ${id} --model M (dispatch models lists them)`;
    case "start_failed":
    case "crash":
      return `dispatch logs ${id} (why), or dispatch resume ${id} (again)`;
    case "prompt_too_long":
      return `dispatch resume ${id} --fresh`;
    default:
      return `dispatch resume ${id}`;
  }
}
