/** What there is to say of events. */

import { relative } from "node:path";
import type { Event } from "../core/event.ts";
import { eventText } from "../render/human.ts";
import type { ProjectPaths } from "../store/paths.ts";
import { changedDuring, outputOf } from "../supervise/left.ts";

export function leftBy(project: ProjectPaths, { kind, facts }: Event) {
  const changed = kind === "outcome" ? changedDuring(project, facts) : null;
  return { output: outputOf(project, facts), changed };
}

/** Events as a host is told them, with paths from the project's root. */
export function newsText(project: ProjectPaths, events: readonly Event[]): string {
  let last: string | null = null;
  const texts = events.map((event) => {
    const { output, changed } = leftBy(project, event);
    const seen = output === null ? null : relative(project.root, output);
    const list = changed?.join("\n") ?? null;
    // Tasks that ran side by side saw the same files change.
    const isSame = list !== null && list !== "" && list === last;
    last = list;
    return eventText(event, { output: seen, changed: isSame ? null : changed });
  });
  return texts.join("\n");
}
