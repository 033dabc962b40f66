import { defineCommand } from "citty";
import { notFound } from "../core/error.ts";
import { type Event, eventsOf } from "../core/event.ts";
import { derive, type Facts, isLive } from "../core/task.ts";
import { didYouMean } from "../core/text.ts";
import { currentProject } from "../cli/project.ts";
import { newsText } from "../cli/news.ts";
import {
  mostAtOnce,
  noteSession,
  ownTasks,
  takeOverGone,
  tellNew,
  tellPending,
} from "../cli/telling.ts";
import { print, talk } from "../render/write.ts";
import type { ProjectPaths } from "../store/paths.ts";
import { replace } from "../store/publish.ts";
import { taskIds } from "../store/tasks.ts";
import { ledgerName, waiterPath } from "../store/told.ts";
import { looks } from "../supervise/changes.ts";
import { observeAll } from "../supervise/observe.ts";
import { queueMessage } from "../unix/codex-host.ts";
import { hooksAreOn, hostProcess, hostSession, isAttended } from "../unix/host.ts";
import { takePlace } from "../unix/lock.ts";
import { isAlive, processIdentity } from "../unix/processes.ts";

/** Exit 2 with a text on stderr wakes the session. */
const wakes = 2;

/** By the names that the hosts' settings call them. */
const hooks = { "session-start": sessionStart, prompt: wake, stop: wake, queue };
const names = Object.keys(hooks);

const args = {
  event: { type: "positional", required: true, description: `one of: ${names.join(", ")}` },
} as const;

export default defineCommand({
  meta: {
    name: "hook",
    description: "what a host's hooks run, so that its session hears of its tasks by itself",
  },
  args,
  async run({ args: given }) {
    const { event } = given;
    // No usage error: that one's exit code would wake a session at the end of every turn.
    if (!Object.hasOwn(hooks, event)) {
      const known = `hooks: ${names.join(", ")}`;
      throw notFound("unknown_hook", `no hook ${event}${didYouMean(event, names)}`, known);
    }
    // A headless run would be held up by it, and a worker's news are not its own.
    if (event !== "queue" && !isAttended(process.env)) return;
    if (event === "session-start") sayThatHooksAreOn();
    const project = currentProject();
    if (taskIds(project).length > 0) await hooks[event as keyof typeof hooks](project);
  },
});

/** What waits for the user, told before or not, and what nobody has heard of. */
function sessionStart(project: ProjectPaths): void {
  const all = observeAll(project);
  noteSession(project);
  takeOverGone(project, all);
  tellPending(project, ownEvents(project, all), (events) => print(newsText(project, events)));
}

/**
 * Runs beside the session, idle or not, until there is news. One is started with
 * each prompt (a turn that the user interrupts has no end) and at the end of
 * each turn: the newest of them stays.
 */
async function wake(project: ProjectPaths): Promise<void> {
  const pid = hostProcess(process.env) ?? process.ppid;
  const host = processIdentity(pid);
  // A session that was killed must leave its news to the next one.
  const isHostThere = () => host !== null && isAlive(host);
  const tell = (events: readonly Event[]) => talk.info(newsText(project, events));
  const place = takePlace(waiterPath(project, String(pid)));
  takeOverGone(project, observeAll(project));
  if (await tellWhenNews(project, () => place() && isHostThere(), tell)) process.exitCode = wakes;
}

/** Started by a command of a Codex session: hands each piece of news to its queue. */
async function queue(project: ProjectPaths): Promise<void> {
  const thread = hostSession(process.env) ?? "";
  const isNewest = takePlace(waiterPath(project, ledgerName(thread)));
  const tell = (events: readonly Event[]) => queueMessage(thread, newsText(project, events));
  while (await tellWhenNews(project, isNewest, tell));
}

/** True once something was told; false when nothing is left to wait for, or somebody else does. */
async function tellWhenNews(
  project: ProjectPaths,
  isStillNeeded: () => boolean,
  tell: (events: readonly Event[]) => void,
): Promise<boolean> {
  for await (const all of looks(project, null)) {
    if (!isStillNeeded()) return false;
    const own = ownTasks(project, all);
    const news = tellNew(project, own.flatMap(eventsOf), mostAtOnce, tell);
    if (news === null) continue;
    if (news.told > 0) return true;
    if (!own.some((facts) => isLive(derive(facts)))) return false;
  }
  return false;
}

const ownEvents = (project: ProjectPaths, all: readonly Facts[]) =>
  ownTasks(project, all).flatMap(eventsOf);

/** The session's shells are told that it will be woken, so that `run` need not say how to wait. */
function sayThatHooksAreOn(): void {
  const path = process.env["CLAUDE_ENV_FILE"];
  if (path) replace(path, `export ${hooksAreOn}\n`);
}
