/**
 * The machine goes down: tasks in every state, then all processes gone at once. What
 * `status` says next must be true at the first look, and what a user then does by it
 * must bring every task to its end.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { uptime } from "node:os";
import { join } from "node:path";
import { check, type Violation } from "./check.ts";
import { Driver } from "./driver.ts";
import { makeGround } from "./ground.ts";
import { kill } from "./kill.ts";
import { mayMount, mayTime } from "./namespace.ts";
import type { StormPlan, TaskPlan } from "./plan.ts";
import { killAll, processesOf } from "./processes.ts";
import type { ItemScript, Script } from "./script.ts";
import { endStorm, type Record, recordFile, startStorm } from "./storm.ts";

const patienceMs = 20_000;
const project = "left";

const item: ItemScript = {
  workMs: 0,
  gate: null,
  question: null,
  floodBytes: 0,
  child: null,
  staleMs: 0,
};
const question = (id: string) => ({
  ...item,
  question: { text: `question 1 of ${id}: which way?`, options: [], limitMs: 60_000, step: null },
});

function task(id: string, script: Partial<Script>, more: Partial<TaskPlan> = {}): TaskPlan {
  const whole: Script = {
    ownPlan: false,
    items: [item, item],
    troubles: [],
    hopeless: null,
    asks: "command",
    answerTimeoutMs: 180_000,
    ...script,
  };
  const plain = { model: "worker", parallel: null, answerTimeoutMs: null } as const;
  return {
    id,
    project,
    ...plain,
    after: [],
    timeLimitMs: null,
    script: whole,
    isGivenUp: false,
    ...more,
  };
}

const working = { items: [item, { ...item, gate: "one" }] };

/** What each is when the machine goes down, and what it is when the machine is back. */
const cases: { task: TaskPlan; before: string; after: string; ifResumed: string }[] = [
  {
    task: task("finished", {}),
    before: "done",
    after: "done",
    ifResumed: "done",
  },
  {
    task: task("failing", { troubles: [{ kind: "ends", items: 1, code: 3 }] }),
    before: "failed",
    after: "failed",
    ifResumed: "failed",
  },
  {
    task: task("giving-up", { items: [question("giving-up")] }, { answerTimeoutMs: 200 }),
    before: "blocked",
    after: "blocked",
    ifResumed: "blocked",
  },
  {
    task: task(
      "limited",
      { troubles: [{ kind: "reports", what: "a long limit", items: 1 }] },
      { model: "opus" },
    ),
    before: "held",
    after: "held",
    ifResumed: "held",
  },
  {
    task: task("stopped", working),
    before: "running",
    after: "stopped",
    ifResumed: "stopped",
  },
  {
    // Its answer comes when its worker has gone, and whoever gave it goes down with the machine.
    task: task("answered", { items: [question("answered"), item] }),
    before: "waiting",
    after: "queued",
    ifResumed: "queued",
  },
  {
    task: task("working", working),
    before: "running",
    after: "lost",
    ifResumed: "queued",
  },
  {
    task: task("working-too", { ...working, ownPlan: true }),
    before: "running",
    after: "lost",
    ifResumed: "queued",
  },
  {
    task: task("asking", { items: [question("asking"), item] }),
    before: "waiting",
    after: "blocked",
    ifResumed: "blocked",
  },
  {
    task: task("asking-by-files", { items: [question("asking-by-files")], asks: "files" }),
    before: "waiting",
    after: "blocked",
    ifResumed: "blocked",
  },
  {
    task: task("queued", {}),
    before: "queued",
    after: "queued",
    ifResumed: "queued",
  },
  {
    task: task("queued-too", { items: [question("queued-too")] }),
    before: "queued",
    after: "queued",
    ifResumed: "queued",
  },
  {
    task: task("held", {}, { after: ["failing"] }),
    before: "held",
    after: "held",
    ifResumed: "held",
  },
  {
    task: task("behind", {}, { after: ["working"] }),
    before: "queued",
    after: "held",
    ifResumed: "queued",
  },
];
const liveAtOnce = 4;

function planReboot(resumeLost: boolean): StormPlan {
  return {
    seed: 0,
    focus: "before the supervisor acts",
    ground: "plain",
    projects: [project],
    config: {
      parallel: liveAtOnce,
      perProject: null,
      perBackend: null,
      resumeLost,
      attempts: 1,
      firstMs: 10,
      hasFallback: false,
      hasNotifier: false,
    },
    tasks: cases.map((each) => each.task),
    events: [],
    lengthMs: 0,
  };
}

/** Up to the moment at which nothing lives any more. */
export async function goDown(folder: string, program: string, resumeLost: boolean) {
  const { driver, record } = startStorm(planReboot(resumeLost), folder, program);
  try {
    for (const each of cases) await bringTo(driver, each.task, each.before);
    // Nobody is left to act on the answer that comes now.
    for (const { kind, pid } of processesOf(driver.ground.mark))
      if (kind === "supervisor") process.kill(pid, "SIGKILL");
    const step = "after an answer is posted:0";
    await driver.dispatch(project, ["answer", "answered", "001", "that way"], { step });
  } finally {
    record.did.push({ atMs: Date.now(), what: `kill all ${killAll(driver.ground.mark)}` });
    writeFileSync(join(folder, recordFile), JSON.stringify(record, null, 1));
  }
}

async function bringTo(driver: Driver, { id }: TaskPlan, state: string): Promise<void> {
  await driver.dispatch(project, driver.runWords([id]).argv);
  const deadline = performance.now() + patienceMs;
  for (let now = ""; now !== state; now = await stateOf(driver, id)) {
    if (performance.now() > deadline) throw new Error(`${id} is ${now}, and never was ${state}`);
    await Bun.sleep(20);
  }
  if (id === "stopped") await driver.dispatch(project, ["stop", id, "--grace", "500ms"]);
  if (id !== "answered") return;
  while (kill(driver, "worker", 0).startsWith("worker ")) await Bun.sleep(20);
  for (let now = ""; now !== "blocked"; now = await stateOf(driver, id)) await Bun.sleep(20);
}

async function stateOf(driver: Driver, id: string): Promise<string> {
  const { out } = await driver.dispatch(project, ["status", id, "--json"]);
  return (JSON.parse(out) as { tasks: { state: string }[] }).tasks[0]!.state;
}

/** The command line on a machine that was started anew, as far as this one can be made to look so. */
export function started(folder: string, argv: readonly string[]): { argv: string[]; how: string } {
  const bootId = join(folder, "boot_id");
  writeFileSync(bootId, `${crypto.randomUUID()}\n`);
  const bound = ["sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', bootId];
  const place = "/proc/sys/kernel/random/boot_id";
  if (!mayMount()) return { argv: [...argv], how: "the boot's id stays, for want of mounts" };
  const offset = String(60 - Math.floor(uptime()));
  const since = mayTime(offset) ? ["--time", "--boottime", offset, "--fork"] : [];
  return {
    argv: ["unshare", "--mount", "--propagation", "private", ...since, ...bound, place, ...argv],
    how: `another boot id${since.length > 0 ? ", up for a minute" : ""}`,
  };
}

/** From the first look on. */
export async function comeBack(folder: string, program: string): Promise<Violation[]> {
  const before = JSON.parse(readFileSync(join(folder, recordFile), "utf8")) as Record;
  const driver = new Driver(makeGround(folder, program, before.plan.projects), before.plan);
  const record: Record = { ...before, ran: driver.ran };
  driver.ran.push(...before.ran);
  const look = await driver.dispatch(project, ["status", "--json"]);
  const shown = JSON.parse(look.out) as { tasks: { id: string; state: string }[] };
  const untrue = cases.flatMap(({ task: { id }, after, ifResumed }) => {
    const wanted = before.plan.config.resumeLost ? ifResumed : after;
    const state = shown.tasks.find((each) => each.id === id)?.state;
    return state === wanted ? [] : [`${id} is ${state}, not ${wanted}`];
  });
  driver.ground.openGate("one");
  driver.ground.openGate("quiet");
  await endStorm(driver, record);
  return [...untrue.map((what) => ({ rule: "the first look is true", what })), ...check(record)];
}
