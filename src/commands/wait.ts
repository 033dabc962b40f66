import { defineCommand } from "citty";
import { parseDuration } from "../core/duration.ts";
import { DispatchError, ReaderGone, usageError } from "../core/error.ts";
import { type Event, eventsOf } from "../core/event.ts";
import { derive, isMoving, type State } from "../core/state.ts";
import { json } from "../cli/arguments.ts";
import { currentProject, requireTasks } from "../cli/project.ts";
import { leftBy, newsText } from "../cli/news.ts";
import { type Others, othersFor } from "../cli/others.ts";
import { keepSupervised } from "../cli/supervising.ts";
import { isHostThere, listener, mostAtOnce, tellNew } from "../cli/telling.ts";
import { wakeText } from "../render/human.ts";
import { eventToJson } from "../render/json.ts";
import { print, talk } from "../render/write.ts";
import { ensureProject } from "../store/tasks.ts";
import { looks } from "../supervise/changes.ts";
import { wakeOf } from "../unix/host.ts";

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

/** Without the user. */
const isGoingOn = (state: State) => isMoving(state) && state.kind !== "waiting";

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

    const isThere = isHostThere();
    const tell = (events: readonly Event[], others: Others) => {
      const left = leftBy(project, events, others);
      const lines = given.json
        ? events.map((event) => JSON.stringify(eventToJson(event, left(event))))
        : [newsText(project, events, others)];
      if (!isThere()) throw new ReaderGone();
      print(lines.join("\n"));
    };

    const until = Number.isFinite(timeoutMs) ? AbortSignal.timeout(timeoutMs) : undefined;
    const most = given.all ? Infinity : mostAtOnce;
    for await (const all of looks(project, ids, { until })) {
      if (!isThere()) return;
      keepSupervised(project, all);
      const who = listener(project);
      const watched = ids === null ? all.filter(who.hears) : all;
      const others = await othersFor(watched);
      const events = watched.flatMap((facts) => eventsOf(facts, Date.now()));
      const news = tellNew(project, who, events, (some) => tell(some, others), { most });
      if (news === null) continue;
      const isOver = !watched.some((facts) => isMoving(derive(facts)));
      if (news.left > 0) talk.info(`${news.left} more: dispatch wait`);
      if (isOver && news.told === 0) talk.info("nothing to wait for: no task is running");
      if (!isOver && (news.told === 0 || given.all)) continue;
      // A host that waits by itself has to do so again, unless all depends on the user now.
      const goesOn = watched.some((facts) => isGoingOn(derive(facts)));
      const again = goesOn && !given.json ? wakeText(wakeOf(process.env)) : null;
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
