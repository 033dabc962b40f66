/** Telling a user who is not looking: by a command of theirs, a URL, or the desktop. Each event once. */

import type { Notify } from "../core/config.ts";
import { type Event, eventsOf } from "../core/event.ts";
import type { Facts } from "../core/task.ts";
import { eventText } from "../render/human.ts";
import { eventToJson } from "../render/json.ts";
import { note } from "../store/journal.ts";
import type { ProjectPaths } from "../store/paths.ts";
import { addTold, notifyLedger, notifyName, readLedger } from "../store/told.ts";
import { holdLock } from "../unix/lock.ts";
import { feed } from "../unix/spawn.ts";
import { leftBy } from "./news.ts";
import { othersFor } from "./others.ts";

const timeoutMs = 15_000;

/** What each of the user's switches stands for. */
const noticeOf = {
  question: "question",
  outcome: "outcome",
  held: "outcome",
  stalled: "stall",
} as const;

/** Hands over what is new and notes that it was; what fails is written in the journal, and not tried again. */
export async function notifyUser(
  project: ProjectPaths,
  all: readonly Facts[],
  notify: Notify,
): Promise<void> {
  // One that its supervisor has left behind may still be at it.
  const lock = holdLock(notifyLedger(project));
  if (lock === null) return;
  const told = readLedger(project, notifyName);
  const events = all.flatMap((facts) => eventsOf(facts, Date.now()));
  const news = events.filter(({ key }) => !told.has(key));
  const isHeard = notify.command !== null || notify.url !== null || notify.desktop;
  const wanted = news.filter(({ kind }) => isHeard && notify.on.includes(noticeOf[kind]));
  const left = leftBy(project, wanted, await othersFor(all));
  for (const event of wanted) {
    const body = JSON.stringify(eventToJson(event, left(event)));
    const ways = [byCommand(notify, body), byUrl(notify, body), byDesktop(notify, event)];
    for (const result of await Promise.allSettled(ways)) {
      if (result.status === "rejected")
        note(project, event.facts.id, `notify failed: ${String(result.reason)}`);
    }
    addTold(project, notifyName, [event.key]);
  }
  addTold(
    project,
    notifyName,
    news.filter((event) => !wanted.includes(event)).map(({ key }) => key),
  );
  lock.release();
}

async function byCommand({ command }: Notify, body: string): Promise<void> {
  if (command !== null) await feed(["/bin/sh", "-c", command], body, timeoutMs);
}

async function byUrl({ url }: Notify, body: string): Promise<void> {
  if (url === null) return;
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(timeoutMs);
  const { ok, status } = await fetch(url, { method: "POST", headers, body, signal });
  if (!ok) throw new Error(`${new URL(url).host} answered ${status}`);
}

async function byDesktop({ desktop }: Notify, event: Event): Promise<void> {
  if (!desktop) return;
  const text = eventText(event, { output: null, changed: null, others: [] });
  const isMac = process.platform === "darwin";
  const program = isMac ? "osascript" : "notify-send";
  // No desktop is nothing that went wrong.
  if (Bun.which(program) === null) return;
  const script = `display notification ${JSON.stringify(text)} with title "dispatch"`;
  await feed(isMac ? [program, "-e", script] : [program, "dispatch", text], "", timeoutMs);
}
