import { defineCommand } from "citty";
import { parseDuration } from "../core/duration.ts";
import { DispatchError, usageError } from "../core/error.ts";
import { type Event, eventsOf } from "../core/event.ts";
import { derive, isLive } from "../core/task.ts";
import { json } from "../cli/arguments.ts";
import { currentProject, requireTasks } from "../cli/project.ts";
import { leftBy, newsText } from "../cli/news.ts";
import { mostAtOnce, ownTasks, tellNew } from "../cli/telling.ts";
import { ownPart } from "../cli/waking.ts";
import { eventToJson } from "../render/json.ts";
import { print, printJson, talk } from "../render/write.ts";
import { ensureProject } from "../store/tasks.ts";
import { looks } from "../supervise/changes.ts";

const args = {
  ids: { type: "positional", required: false, valueHint: "ID…", description: "these tasks only" },
  all: { type: "boolean", description: "stay until all have ended, telling each event" },
  timeout: {
    type: "string",
    valueHint: "DURATION",
    description: "give up after this long (exit 124)",
  },
  json,
} as const;

export default defineCommand({
  meta: {
    name: "wait",
    description: "block until there is something to tell: a question, an outcome",
  },
  args,
  async run({ args: given }) {
    const timeoutMs = given.timeout === undefined ? Infinity : parseDuration(given.timeout);
    if (timeoutMs === null)
      throw usageError(`--timeout ${given.timeout}: expected a duration like 30s, 3m or 2h`);
    const project = currentProject();
    const ids = requireTasks(project, given._);
    ensureProject(project);

    const tell = (events: readonly Event[]) => {
      if (!given.json) return print(newsText(project, events));
      for (const event of events) printJson(eventToJson(event, leftBy(project, event)));
    };

    const until = Number.isFinite(timeoutMs) ? AbortSignal.timeout(timeoutMs) : undefined;
    const most = given.all ? Infinity : mostAtOnce;
    for await (const all of looks(project, ids, until)) {
      const watched = ids === null ? ownTasks(project, all) : all;
      const news = tellNew(project, watched.flatMap(eventsOf), most, tell);
      if (news === null) continue;
      const isOver = !watched.some((facts) => isLive(derive(facts)));
      if (news.left > 0) talk.info(`${news.left} more: dispatch wait`);
      if (isOver && news.told === 0) talk.info("nothing to wait for: no task is running");
      if (!isOver && (news.told === 0 || given.all)) continue;
      // A host that waits by itself has to do so again, unless all depends on the user now.
      const goesOn = watched.some((facts) => derive(facts).kind === "running");
      const again = goesOn && !given.json ? ownPart() : null;
      if (again !== null) print(again);
      return;
    }
    throw new DispatchError(
      "timedOut",
      "timed_out",
      "nothing to tell in that time",
      "dispatch status",
    );
  },
});
