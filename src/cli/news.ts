/** What there is to say of events. */

import { relative } from "node:path";
import type { Event } from "../core/event.ts";
import { eventText, type Left } from "../render/human.ts";
import type { ProjectPaths } from "../store/paths.ts";
import { changedDuring, outputOf } from "../supervise/left.ts";

/** For each of the events, what its task has left: the output's path, and what changed while it ran. */
export function leftBy(project: ProjectPaths, events: readonly Event[]): (event: Event) => Left {
  const ended = events.flatMap(({ kind, facts }) => (kind === "outcome" ? facts : []));
  const changed = changedDuring(project, ended);
  return ({ kind, facts }) => ({
    output: outputOf(project, facts),
    changed: kind === "outcome" ? changed(facts) : null,
  });
}

/** Events as a host is told them, with paths from the project's root. */
export function newsText(project: ProjectPaths, events: readonly Event[]): string {
  const left = leftBy(project, events);
  let last = "";
  const texts = events.map((event) => {
    const { output, changed } = left(event);
    const seen = output === null ? null : relative(project.root, output);
    // Tasks that ran side by side saw the same files change.
    const list = changed?.join("\n") ?? "";
    const isSame = list === last;
    last = list;
    return eventText(event, { output: seen, changed: isSame ? null : changed });
  });
  return texts.join("\n");
}
