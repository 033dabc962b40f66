/** Chaos itself: ends processes of the storm, and does to its files what a machine may. */

import {
  closeSync,
  existsSync,
  openSync,
  renameSync,
  rmSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { aimActs, type Driver, namesIn } from "./driver.ts";
import type { Ground } from "./ground.ts";
import type { Event, Touched } from "./plan.ts";
import { killOne, type Kind, processesOf } from "./processes.ts";

/** Ends one of that kind, or everything but the hosts. */
export function kill(driver: Driver, who: Kind | "all", pick: number): string {
  const { mark } = driver.ground;
  const hosts = driver.hostPids();
  const all = processesOf(mark).filter(({ pid }) => !hosts.includes(pid));
  if (who === "all") {
    const count = all.filter((each) => killOne(each, mark)).length;
    return `all ${count}`;
  }
  const some = all.filter(({ kind }) => kind === who);
  const chosen = some[Math.floor(pick * some.length)];
  if (chosen === undefined) return `no ${who}`;
  return killOne(chosen, mark) ? `${who} ${chosen.pid}` : `${who} had gone`;
}

/** The project's supervisor is ended, and the one that comes instead ends at the step. */
export async function aimSupervisor(driver: Driver, project: string, step: string): Promise<void> {
  const { mark } = driver.ground;
  const cwd = driver.ground.projectOf(project);
  for (const each of processesOf(mark))
    if (each.kind === "supervisor" && each.cwd === cwd) killOne(each, mark);
  await driver.dispatch(project, ["status"], { step });
}

export async function aimActsFor(ground: Ground, step: string, forMs: number): Promise<void> {
  aimActs(ground, step);
  await Bun.sleep(forMs);
  aimActs(ground, null);
}

/** As a clock that was set, or a restored backup, leaves them. */
export function touch(ground: Ground, event: Extract<Event, { kind: "touch" }>): string {
  const { project, task, what, shiftMs } = event;
  const folder = join(ground.projectOf(project), ".dispatch/tasks", task);
  const at = new Date(Date.now() + shiftMs);
  const paths = touchedPaths(folder, what).filter((path) => existsSync(path));
  for (const path of paths) {
    try {
      utimesSync(path, at, at);
    } catch {
      // It has been replaced just then.
    }
  }
  return `${paths.length} of ${what}`;
}

function touchedPaths(folder: string, what: Touched): string[] {
  switch (what) {
    case "plan":
      return [join(folder, "plan.md")];
    case "log":
    case "exit":
      return namesIn(join(folder, "runs")).map((run) => join(folder, "runs", run, what));
    case "question":
    case "answer":
      return namesIn(join(folder, "ipc"))
        .filter((name) => name.endsWith(`.${what}`))
        .map((name) => join(folder, "ipc", name));
  }
}

/** Somebody moves the folder, and puts it back. What was made in its place meanwhile is kept beside it. */
export async function moveAway(ground: Ground, project: string, forMs: number): Promise<string> {
  const root = ground.projectOf(project);
  const [here, there] = [join(root, ".dispatch"), join(root, ".dispatch-away")];
  if (!existsSync(here) || existsSync(there)) return "";
  renameSync(here, there);
  await Bun.sleep(forMs);
  for (let made = 1; ; made++) {
    // Somebody may make it anew at this very moment.
    try {
      renameSync(there, here);
      return `${project} was away for ${forMs} ms`;
    } catch {
      renameSync(here, join(root, `.dispatch-made-${made}-${Date.now()}`));
    }
  }
}

/** Until there is no room for a byte. */
export async function fillDisk(folder: string, forMs: number): Promise<void> {
  const ballast = join(folder, ballastFile);
  const fd = openSync(ballast, "w");
  const block = Buffer.alloc(4_096);
  try {
    for (let blocks = 0; blocks < 100_000; blocks++) writeSync(fd, block);
  } catch {
    // Full.
  } finally {
    closeSync(fd);
  }
  await Bun.sleep(forMs);
  rmSync(ballast, { force: true });
}
const ballastFile = "ballast";
