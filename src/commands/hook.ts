import { defineCommand } from "citty";
import { notFound, ReaderGone } from "../core/error.ts";
import { type Event, eventsOf } from "../core/event.ts";
import { derive, isMoving, pendingQuestions } from "../core/state.ts";
import type { Facts } from "../core/task.ts";
import { didYouMean } from "../core/text.ts";
import { currentProject } from "../cli/project.ts";
import { newsText } from "../cli/news.ts";
import { type Others, othersFor } from "../cli/others.ts";
import { keepSupervised } from "../cli/supervising.ts";
import {
  isHostThere,
  listener,
  mostAtOnce,
  noteSession,
  takeOverGone,
  tellNew,
} from "../cli/telling.ts";
import { countAsPaid, print, talk } from "../render/write.ts";
import { type ProjectPaths, waiterPath } from "../store/paths.ts";
import { append } from "../store/publish.ts";
import { readUserText } from "../store/read.ts";
import { ensureProject, taskIds } from "../store/tasks.ts";
import { ledgerName } from "../store/told.ts";
import { looks } from "../supervise/changes.ts";
import { queueMessage } from "../unix/codex-host.ts";
import { hooksAreOn, hostProcess, hostSession, isAttended, wakeOf } from "../unix/host.ts";
import { takePlace } from "../unix/lock.ts";

/** Exit 2 with a text on stderr wakes the session. */
const wakes = 2;
/** A waiter may be telling just then. */
const startPatienceMs = 3_000;
const queueRetryMs = 30_000;
const queueTries = 20;

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
    if (!Object.hasOwn(hooks, event)) {
      const known = `hooks: ${names.join(", ")}`;
      throw notFound("unknown_hook", `no hook ${event}${didYouMean(event, names)}`, known);
    }
    // A headless run would be held up by it, and a worker's news are not its own.
    const isWanted = event === "queue" ? wakeOf(process.env) === "queue" : isAttended(process.env);
    if (!isWanted) return;
    if (event === "session-start") sayThatHooksAreOn();
    const project = currentProject();
    if (taskIds(project).length === 0) return;
    ensureProject(project);
    await hooks[event as keyof typeof hooks](project);
  },
});

/** What waits for the user, told before or not, and what nobody has heard of. */
async function sessionStart(project: ProjectPaths): Promise<void> {
  noteSession(project);
  for await (const all of looks(project, null))
    return tellPending(project, all, await othersFor(all));
}

function tellPending(project: ProjectPaths, all: readonly Facts[], others: Others): void {
  keepSupervised(project, all);
  takeOverGone(project, all);
  const who = listener(project);
  const own = all.filter(who.hears);
  const asking = new Set(own.filter(isAsking).map(({ id }) => id));
  const isToldAgain = (event: Event) =>
    event.kind === "question" ||
    (event.kind === "outcome" && event.state.kind === "blocked" && !asking.has(event.facts.id));
  const tell = (events: readonly Event[]) => print(newsText(project, events, others));
  const news = tellNew(project, who, own.flatMap(eventsNow), tell, {
    most: mostAtOnce,
    patienceMs: startPatienceMs,
    isToldAgain,
  });
  if (news !== null && news.left > 0) print(`${news.left} more: dispatch status`);
}

const eventsNow = (facts: Facts) => eventsOf(facts, Date.now());

const isAsking = (facts: Facts) => pendingQuestions(facts, derive(facts)).length > 0;

/**
 * Runs beside the session, idle or not, until there is news. One is started with
 * each prompt (a turn that the user interrupts has no end) and at the end of
 * each turn: the newest of them stays.
 */
async function wake(project: ProjectPaths): Promise<void> {
  const pid = hostProcess(process.env);
  if (pid === null) return;
  const isThere = isHostThere();
  noteSession(project);
  const isNewest = takePlace(waiterPath(project, String(pid)));
  const tell = (events: readonly Event[], others: Others) => {
    const text = newsText(project, events, others);
    if (!isThere()) throw new ReaderGone();
    talk.info(text);
  };
  if (await tellWhenNews(project, () => isNewest() && isThere(), tell)) process.exitCode = wakes;
}

/** Started by a command of a Codex session: hands each piece of news to its queue, and again where that fails. */
async function queue(project: ProjectPaths): Promise<void> {
  const thread = hostSession(process.env)!;
  const isNewest = takePlace(waiterPath(project, ledgerName(thread)));
  const tell = (events: readonly Event[], others: Others) => {
    const text = newsText(project, events, others);
    queueMessage(thread, text);
    countAsPaid(text);
  };
  for (let failures = 0; failures < queueTries;) {
    try {
      if (!(await tellWhenNews(project, isNewest, tell))) return;
      failures = 0;
    } catch {
      failures++;
      await Bun.sleep(queueRetryMs);
    }
  }
}

/** True once something was told; false when nothing is left to wait for, or somebody else does. */
async function tellWhenNews(
  project: ProjectPaths,
  isStillNeeded: () => boolean,
  tell: (events: readonly Event[], others: Others) => void,
): Promise<boolean> {
  for await (const all of looks(project, null)) {
    if (!isStillNeeded()) return false;
    keepSupervised(project, all);
    takeOverGone(project, all);
    const who = listener(project);
    const own = all.filter(who.hears);
    const others = await othersFor(own);
    const tellSome = (events: readonly Event[]) => tell(events, others);
    const news = tellNew(project, who, own.flatMap(eventsNow), tellSome, { most: mostAtOnce });
    if (news === null) continue;
    if (news.told > 0) return true;
    if (!own.some((facts) => isMoving(derive(facts)))) return false;
  }
  return false;
}

/** The session's shells are told that it will be woken, so that `run` need not say how to wait. */
function sayThatHooksAreOn(): void {
  const path = process.env["CLAUDE_ENV_FILE"];
  const line = `export ${hooksAreOn}\n`;
  if (path && !(readUserText(path) ?? "").includes(line)) append(path, line);
}
