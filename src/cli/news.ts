/** What there is to say of events. */

import { relative } from "node:path";
import type { Event } from "../core/event.ts";
import { eventText, type Left } from "../render/human.ts";
import type { Others } from "./others.ts";
import type { ProjectPaths } from "../store/paths.ts";
import { outputOf } from "../supervise/left.ts";
import { changedBy } from "../supervise/work.ts";

/** For each of the events, what its task has left: the output's path, what changed while it ran, who could go on. */
export function leftBy(
  project: ProjectPaths,
  events: readonly Event[],
  others: Others,
): (event: Event) => Left {
  const ended = events.flatMap(({ kind, facts }) => (kind === "outcome" ? facts : []));
  const changed = changedBy(project, ended);
  return ({ kind, facts }) => ({
    output: outputOf(project, facts),
    changed: kind === "outcome" ? changed(facts) : null,
    others: others(facts),
  });
}

/** Events as a host is told them, with paths from the project's root. */
export function newsText(project: ProjectPaths, events: readonly Event[], others: Others): string {
  const left = leftBy(project, events, others);
  let last = "";
  const texts = events.map((event) => {
    const { output, changed, others: models } = left(event);
    const seen = output === null ? null : relative(project.root, output);
    // Tasks that ran side by side in the checkout saw the same files change.
    const list = event.facts.worktree === null ? (changed?.join("\n") ?? "") : "";
    const isSame = list !== "" && list === last;
    if (list !== "") last = list;
    return eventText(event, { output: seen, changed: isSame ? null : changed, others: models });
  });
  return texts.join("\n");
}
