/** One storm: its plan is carried out, then everything is brought to rest, then looked at. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aimActs, Driver, type Ran, sessionOf } from "./driver.ts";
import { tasksIn } from "./disk.ts";
import { type Ground, makeGround, writeConfig } from "./ground.ts";
import { aimActsFor, aimSupervisor, fillDisk, kill, moveAway, touch } from "./kill.ts";
import { type Command, type ConfigPlan, type Event, gates, type StormPlan } from "./plan.ts";
import { killAll, killOne, type Process, processesOf } from "./processes.ts";
import { quietGate, scriptOf } from "./script.ts";
import { User } from "./user.ts";

/** Everything must have come to rest within this, once chaos has stopped. */
const restMs = 60_000;
/** What nothing needs any more must have gone within this. */
const goneMs = 10_000;
const pollMs = 50;

export const recordFile = "record.json";
const smallDisk = "1536k";

/** All that is known of a storm, beside the files that it has left. */
export interface Record {
  folder: string;
  plan: StormPlan;
  ran: Ran[];
  /** What chaos did, by time. */
  did: { atMs: number; what: string }[];
  quietMs: number;
  restedMs: number;
  /** What was not at rest when time was up. */
  restless: string[];
  /** The sessions whose hosts live to the end. */
  hosts: string[];
  /** By project: two looks at the end. */
  looks: { [project: string]: [string, string] };
  /** How many runs there were, and processes that chaos itself has ended. */
  runs: number;
  kills: number;
  /** What lives though nothing goes on. */
  left: Omit<Process, "environ">[];
}

export async function runStorm(plan: StormPlan, folder: string, program: string): Promise<Record> {
  const { driver, record } = startStorm(plan, folder, program);
  await rage(driver, record);
  calm(driver, record);
  await endStorm(driver, record);
  return record;
}

/** The ground is there, and nothing has happened on it yet. */
export function startStorm(plan: StormPlan, folder: string, program: string) {
  const ground = makeGround(folder, program, plan.projects);
  if (plan.ground === "small disk") mountSmallDisks(ground, plan);
  writeConfig(ground, configText(plan.config, ground));
  for (const { project, id, script } of plan.tasks)
    writeFileSync(scriptOf(folder, project, id), JSON.stringify(script, null, 1));
  writeFileSync(join(folder, "plan.json"), JSON.stringify(plan, null, 1));
  const driver = new Driver(ground, plan);
  const record: Record = {
    folder,
    plan,
    ran: driver.ran,
    did: [],
    quietMs: 0,
    restedMs: 0,
    restless: [],
    hosts: [],
    looks: {},
    left: [],
    runs: 0,
    kills: 0,
  };
  return { driver, record };
}

/** Everything is brought to rest and looked at, and what is left then ended. */
export async function endStorm(driver: Driver, record: Record): Promise<void> {
  const { ground, plan } = driver;
  await bringToRest(driver, record);
  await lookAtRest(driver, record);
  record.kills = record.did.filter(({ what }) => /^kill \w+ \d/.test(what)).length;
  record.runs = plan.projects
    .flatMap((project) => tasksIn(ground.projectOf(project)))
    .reduce((sum, { runs }) => sum + runs.length, 0);
  driver.endHosts();
  killAll(ground.mark);
  writeFileSync(join(record.folder, recordFile), JSON.stringify(record, null, 1));
}

/** In a mount namespace of the storm's own: they go with it. */
function mountSmallDisks(ground: Ground, { projects }: StormPlan): void {
  for (const project of [...projects, null]) {
    const folder = diskOf(ground, project);
    mkdirSync(folder, { mode: 0o700 });
    const argv = ["mount", "-t", "tmpfs", "-o", `size=${smallDisk},mode=700`, "tmpfs", folder];
    const { exitCode, stderr } = Bun.spawnSync(argv);
    if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr.toString()}`);
  }
}

/** That of a project's files, or of what all projects share. */
const diskOf = (ground: Ground, project: string | null) =>
  project === null ? ground.env["DISPATCH_HOME"]! : join(ground.projectOf(project), ".dispatch");

async function rage(driver: Driver, record: Record): Promise<void> {
  const { plan } = driver;
  const beganMs = performance.now();
  const going: Promise<unknown>[] = [];
  for (const event of plan.events) {
    await Bun.sleep(Math.max(0, event.atMs - (performance.now() - beganMs)));
    going.push(
      happen(driver, event).then((what) => {
        if (what !== "") record.did.push({ atMs: Date.now(), what });
      }),
    );
  }
  await Bun.sleep(Math.max(0, plan.lengthMs - (performance.now() - beganMs)));
  // Some commands last until there is news; the others have ended before the quiet begins.
  const lasting = plan.events.map((event) => event.kind === "command" && isLasting(event.command));
  await Promise.all(going.filter((_, index) => !lasting[index]));
}

const isLasting = (command: Command) =>
  command.verb === "hook" || (command.verb === "logs" && command.follow);

async function happen(driver: Driver, event: Event): Promise<string> {
  const { ground } = driver;
  switch (event.kind) {
    case "command": {
      const words = driver.wordsOf(event.command);
      if (words === null) return "";
      const { argv, stdin } = words;
      await driver.dispatch(event.command.project, argv, { ...event, stdin });
      // What was asked for with a step is not to end at it for ever.
      if (argv[0] === "run" && event.step !== null) await aimActsFor(ground, event.step, 300);
      return "";
    }
    case "kill":
      return `kill ${kill(driver, event.who, event.pick)}`;
    case "aim supervisor":
      await aimSupervisor(driver, event.project, event.step);
      return `aim supervisor ${event.step}`;
    case "aim acts":
      await aimActsFor(ground, event.step, event.forMs);
      return `aim acts ${event.step}`;
    case "touch":
      return `touch ${event.task} ${touch(ground, event)}`;
    case "move away": {
      const { project, forMs } = event;
      return driver.whileAway(project, () => moveAway(ground, project, forMs));
    }
    case "fill the disk":
      await fillDisk(diskOf(ground, event.project), event.forMs);
      return `disk of ${event.project ?? "the home"} was full for ${event.forMs} ms`;
    case "kill host":
      driver.killHost(event.host);
      return `kill host ${event.host}`;
    case "open":
      ground.openGate(event.gate);
      return `open ${event.gate}`;
  }
}

/** Chaos stops: every gate is open, and nobody is left who is to end at a step, but for the very end. */
function calm({ ground }: Driver, record: Record): void {
  aimActs(ground, null);
  for (const gate of [...gates, quietGate]) ground.openGate(gate);
  for (const each of processesOf(ground.mark)) {
    const isAimed = each.environ.includes("\0DISPATCH_STEP=");
    const isEnding = each.environ.includes("\0DISPATCH_STEP=before the supervisor lets go");
    const isOfDispatch = !["worker", "shim", "other"].includes(each.kind);
    if (isOfDispatch && isAimed && !isEnding && killOne(each, ground.mark))
      record.did.push({ atMs: Date.now(), what: `kill ${each.kind} ${each.pid}` });
  }
}

/** The user does what there is to do, until nothing moves. */
async function bringToRest(driver: Driver, record: Record): Promise<void> {
  const { plan } = driver;
  record.quietMs = Date.now();
  const deadline = performance.now() + restMs;
  const user = new User(driver);
  await user.askForWhatIsMissing();
  await user.giveUp();
  for (let round = 0; ; round++) {
    record.restless = [];
    for (const project of plan.projects) record.restless.push(...(await user.goOn(project, round)));
    if (record.restless.length === 0 || performance.now() > deadline) break;
    for (const project of plan.projects)
      await driver.dispatch(project, ["wait", "--json", "--timeout", "1s"]);
  }
  for (const project of plan.projects)
    for (const host of [null, ...driver.livingHosts()])
      await driver.dispatch(project, ["wait", "--all", "--json", "--timeout", "15s"], { host });
  record.hosts = driver.livingHosts().map(sessionOf);
  record.restedMs = Date.now();
}

async function lookAtRest(driver: Driver, record: Record): Promise<void> {
  const { ground, plan } = driver;
  const hosts = driver.hostPids();
  const waiting = new Set<string>();
  for (const project of plan.projects) {
    const { out } = await driver.dispatch(project, ["status", "--json"]);
    const tasks = (out === "" ? [] : JSON.parse(out).tasks) as { state: string }[];
    // Behind a limit that is lifted in an hour, say.
    if (tasks.some(({ state }) => state === "held" || state === "queued"))
      waiting.add(ground.projectOf(project));
  }
  const isLeft = ({ pid, kind, words, cwd }: Process) =>
    !hosts.includes(pid) &&
    !(kind === "other" && words[0] === "sleep") &&
    !(kind === "supervisor" && waiting.has(cwd));
  const deadline = performance.now() + goneMs;
  let left = processesOf(ground.mark).filter(isLeft);
  for (; left.length > 0 && performance.now() < deadline; await Bun.sleep(pollMs))
    left = processesOf(ground.mark).filter(isLeft);
  record.left = left.map(({ pid, kind, words, cwd }) => ({ pid, kind, words, cwd }));
  for (const project of plan.projects) {
    const look = async () => (await driver.dispatch(project, ["status", "--json"])).out;
    record.looks[project] = [await look(), await look()];
  }
}

function configText(config: ConfigPlan, ground: Ground): string {
  const { parallel, perProject, perBackend, hasFallback } = config;
  const limits = [
    `parallel: ${parallel}`,
    "stagger: 0s",
    ...(perProject === null ? [] : [`per_project: ${perProject}`]),
    ...(perBackend === null
      ? []
      : [`per_backend: { worker: ${perBackend}, claude: ${perBackend} }`]),
  ];
  const lines = [
    "default: worker",
    `limits: { ${limits.join(", ")} }`,
    `retry: { attempts: ${config.attempts}, first: ${config.firstMs}ms, longest: 300ms }`,
    `resume_lost: ${config.resumeLost}`,
    "backends: { worker: { command: worker } }",
    `models: { worker: { backend: worker }, opus: { backend: claude${hasFallback ? ", fallback: [worker]" : ""} } }`,
    ...(config.hasNotifier
      ? [
          `notify: { command: 'event=$(cat); printf "%s\\n" "$event" >>"${ground.folder}/notified"' }`,
        ]
      : []),
  ];
  return `${lines.join("\n")}\n`;
}
