/** What the journal says of tasks: each change of what they are, with its reason. */

import { taskKey } from "../core/event.ts";
import { derive, isLive, isMoving, type State } from "../core/state.ts";
import type { Facts } from "../core/task.ts";
import { note } from "../store/journal.ts";
import type { ProjectPaths } from "../store/paths.ts";

/** Writes what is new from one look to the next. */
export function diary(project: ProjectPaths): (facts: Facts) => void {
  const last = new Map<string, string>();
  return (facts) => {
    const state = derive(facts);
    const said = isLive(state) ? state.kind : diaryText(facts, state);
    const before = last.get(taskKey(facts));
    last.set(taskKey(facts), said);
    if (before === said || isLive(state)) return;
    // How tasks ended before the supervisor came was for the one before to write down; what they wait for is not.
    if (before !== undefined || (isMoving(state) && facts.run !== null))
      note(project, facts.id, said);
  };
}

function diaryText({ run }: Facts, state: State): string {
  const which = run === null ? "" : `run ${run.number} `;
  switch (state.kind) {
    case "failed":
      return `${which}failed (${state.cause}): ${state.evidence}`;
    case "held":
      return heldText(state);
    case "queued":
    case "blocked":
    case "incomplete":
    case "lost":
      return `${which}${state.kind}: ${state.reason}`;
    default:
      return `${which}${state.kind}`;
  }
}

function heldText({ untilMs, reason, evidence }: Extract<State, { kind: "held" }>): string {
  const until = untilMs === null ? "" : ` until ${new Date(untilMs).toISOString()}`;
  return [`held${until}`, reason, ...(evidence === null ? [] : [evidence])].join(": ");
}
