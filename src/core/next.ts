/** The way forward: for every state of a task, the one command that goes on from there. */

import { isOpen, isUndelivered } from "./question.ts";
import type { State } from "./state.ts";
import type { Cause } from "./stream.ts";
import type { Facts } from "./task.ts";

/**
 * Null where there is nothing to do but wait, or nothing at all.
 *
 * @param others models that can be named instead of one that will not do
 */
export function nextCommand(
  facts: Facts,
  state: State,
  others: readonly string[] = [],
): string | null {
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
      if (!isAway(facts)) return `dispatch result ${id}`;
      return isInConflict(facts) ? `dispatch resume ${id}` : `dispatch merge ${id}`;
    case "failed":
      return failedNext(id, state.cause, others);
    case "held":
      if (state.untilMs !== null) return null;
      // Held without an end, it is its parents that need somebody.
      return state.cause === "conflict"
        ? `dispatch resume ${id}, once they go together`
        : `dispatch resume ${id} (without them)`;
    case "incomplete":
    case "lost":
    case "stopped":
      return `dispatch resume ${id}`;
    case "queued":
    case "running":
    case "stopping":
      return null;
  }
}

/** Its work is in its worktree, and nowhere else yet. */
export const isAway = ({ worktree, run }: Facts) =>
  worktree !== null && (worktree.merged === null || (run?.number ?? 0) > worktree.merged.run);

/** It could not be brought home, and nobody has been at it since. */
export const isInConflict = ({ worktree, run }: Facts) =>
  worktree !== null && worktree.conflict !== null && (run?.number ?? 0) <= worktree.conflict.run;

export const answerCommand = (id: string, number: string) => `dispatch answer ${id} ${number} "…"`;

function failedNext(id: string, cause: Cause, others: readonly string[]): string {
  const [first = "M", ...rest] = others;
  const which =
    others.length === 0
      ? " (dispatch models lists them)"
      : ` (${rest.length === 0 ? "" : `or ${rest.join(", ")}; `}--save keeps it so)`;
  switch (cause) {
    case "auth":
      return `dispatch resume ${id}, once the user has logged in to its CLI; or with --model ${first}${others.length === 0 ? "" : which}`;
    case "billing":
    case "session_limit":
    case "rate_limit":
    case "overloaded":
    case "model_unavailable":
    case "cli_missing":
      return `dispatch resume ${id} --model ${first}${which}`;
    case "verify":
      return `dispatch resume ${id} (its worker is told), or dispatch logs ${id} --check (all of it)`;
    case "start_failed":
    case "crash":
      return `dispatch logs ${id} (why), or dispatch resume ${id} (again)`;
    case "prompt_too_long":
      return `dispatch resume ${id} --fresh`;
    default:
      return `dispatch resume ${id}`;
  }
}
