/** The plan of a storm: all that will happen in it and when, made of its seed alone. */

import { type Step, steps } from "../../src/store/step.ts";
import { Chance } from "./chance.ts";
import type { Kind } from "./processes.ts";
import { type ItemScript, itemText, type Reported, type Script, type Trouble } from "./script.ts";

export const grounds = ["plain", "moved away", "small disk", "few watches"] as const;

export interface StormPlan {
  seed: number;
  /** The step that is aimed at above all, so that none is left to luck. */
  focus: Step;
  /** What is wrong with the place where it happens. */
  ground: (typeof grounds)[number];
  projects: string[];
  config: ConfigPlan;
  tasks: TaskPlan[];
  /** In the order of their times. */
  events: Event[];
  /** When chaos stops. */
  lengthMs: number;
}

export interface ConfigPlan {
  parallel: number;
  perProject: number | null;
  perBackend: number | null;
  resumeLost: boolean;
  attempts: number;
  firstMs: number;
  hasFallback: boolean;
  hasNotifier: boolean;
}

export interface TaskPlan {
  id: string;
  project: string;
  model: "worker" | "opus";
  after: string[];
  /** Its own limit, by flag. */
  parallel: number | null;
  answerTimeoutMs: number | null;
  timeLimitMs: number | null;
  script: Script;
  /** The user gives it up when the storm is over. */
  isGivenUp: boolean;
}

export type Command = { project: string } & (
  | { verb: "run"; tasks: string[] }
  | { verb: "status"; json: boolean }
  | { verb: "wait"; timeoutMs: number; all: boolean }
  | { verb: "answer"; pick: number; text: string }
  | { verb: "note"; task: string; text: string }
  | { verb: "stop"; task: string; graceMs: number }
  | { verb: "resume"; task: string; fresh: boolean; model: TaskPlan["model"] | null }
  | { verb: "resume all" }
  | { verb: "logs"; task: string; follow: boolean }
  | { verb: "hook"; hook: "stop" | "prompt" | "session-start" }
  | { verb: "home" }
);

export type Event = { atMs: number } & (
  | {
      kind: "command";
      command: Command;
      /** The host session that it is run by, or a person. */
      host: number | null;
      step: string | null;
      /** It is killed so long after its start. */
      killAfterMs: number | null;
    }
  | { kind: "kill"; who: Kind | "all"; pick: number }
  /** The next supervisor is one that ends at the step. */
  | { kind: "aim supervisor"; step: string; project: string }
  /** So do the acts of supervisors, for a while. */
  | { kind: "aim acts"; step: string; forMs: number }
  | { kind: "touch"; project: string; task: string; what: Touched; shiftMs: number }
  | { kind: "move away"; project: string; forMs: number }
  /** That of a project's `.dispatch`, or that of the home's: null. */
  | { kind: "fill the disk"; project: string | null; forMs: number }
  | { kind: "kill host"; host: number }
  | { kind: "open"; gate: string }
);
export type Touched = "plan" | "log" | "exit" | "question" | "answer";

export const hostCount = 2;
export const gates = ["one", "two", "three"];

export function planStorm(seed: number): StormPlan {
  const chance = new Chance(seed);
  const projects = chance.is(0.35) ? ["left", "right"] : ["left"];
  const ground = chance.weighted({
    plain: 5,
    "moved away": 2,
    "small disk": 2,
    "few watches": 1,
  });
  const config: ConfigPlan = {
    parallel: chance.whole(2, 5),
    perProject: chance.is(0.2) ? chance.whole(1, 3) : null,
    perBackend: chance.is(0.2) ? chance.whole(1, 3) : null,
    resumeLost: chance.is(0.5),
    attempts: chance.whole(1, 4),
    firstMs: chance.whole(5, 60),
    hasFallback: chance.is(0.3),
    hasNotifier: chance.is(0.3),
  };
  const focus = steps[Math.abs(seed) % steps.length]!;
  const tasks = planTasks(chance.for("tasks"), projects, ground, focus);
  const lengthMs = chance.whole(2_500, 4_500);
  const plan = { seed, focus, ground, projects, config, tasks, lengthMs };
  const events = [
    ...runs(chance.for("runs"), plan),
    ...commands(chance.for("commands"), plan),
    ...bursts(chance.for("bursts"), plan),
    ...kills(chance.for("kills"), plan),
    ...disorder(chance.for("disorder"), plan),
    ...focused(chance.for("focus"), plan),
  ];
  return { ...plan, events: events.sort((a, b) => a.atMs - b.atMs) };
}

type Frame = Omit<StormPlan, "events">;

function planTasks(
  chance: Chance,
  projects: readonly string[],
  ground: StormPlan["ground"],
  focus: Step,
): TaskPlan[] {
  const tasks: TaskPlan[] = [];
  const count = chance.whole(3, 10);
  for (let index = 1; index <= count; index++) {
    const id = `t${index}`;
    const project = chance.of(projects);
    const model = chance.is(0.35) ? "opus" : "worker";
    const mates = tasks.filter((task) => task.project === project).map((task) => task.id);
    const answerTimeoutMs = chance.is(0.25) ? chance.whole(200, 1_500) : null;
    tasks.push({
      id,
      project,
      model,
      after: mates.length > 0 && chance.is(0.25) ? [chance.of(mates)] : [],
      parallel: chance.is(0.1) ? chance.whole(1, 6) : null,
      answerTimeoutMs,
      timeLimitMs: chance.is(0.08) ? chance.whole(500, 2_000) : null,
      script: planScript(chance, id, model === "opus", answerTimeoutMs ?? 180_000, ground, focus),
      isGivenUp: chance.is(0.1),
    });
  }
  return tasks;
}

function planScript(
  chance: Chance,
  id: string,
  isParsed: boolean,
  answerTimeoutMs: number,
  ground: StormPlan["ground"],
  focus: Step,
): Script {
  const count = chance.whole(1, 5);
  const isAskedFor = passed["ask"]!.includes(focus) || passed["answer"]!.includes(focus);
  const askChance = chance.is(0.5) ? 0.35 : isAskedFor ? 0.2 : 0;
  const items = Array.from({ length: count }, (_, index) =>
    planItem(chance, id, index + 1, askChance, ground, focus),
  );
  const troubles = Array.from({ length: chance.is(0.5) ? chance.whole(1, 3) : 0 }, () =>
    planTrouble(chance, count, isParsed),
  );
  return {
    ownPlan: chance.is(0.2),
    items,
    troubles,
    hopeless: chance.is(0.12) ? planHopeless(chance, isParsed) : null,
    asks: chance.is(0.25) ? "files" : "command",
    answerTimeoutMs,
  };
}

function planItem(
  chance: Chance,
  id: string,
  number: number,
  askChance: number,
  ground: StormPlan["ground"],
  focus: Step,
): ItemScript {
  const isAsking = chance.is(askChance);
  const isFocus = passed["ask"]!.includes(focus) && chance.is(0.6);
  const isFlooding = ground !== "small disk" && chance.is(0.06);
  return {
    workMs: chance.is(0.5) ? chance.whole(0, 40) : chance.whole(40, 400),
    gate: chance.is(0.15) ? chance.of(gates) : null,
    question: isAsking
      ? {
          text: `question ${number} of ${id}: which way?`,
          options: chance.is(0.4) ? ["this way", "that way"] : [],
          limitMs: chance.whole(100, 1_500),
          step: isFocus ? aimed(chance, focus) : chance.is(0.3) ? stepFor(chance, "ask") : null,
        }
      : null,
    floodBytes: isFlooding ? chance.whole(100_000, 4_000_000) : 0,
    child: chance.is(0.07) ? { log: chance.is(0.5), seconds: chance.whole(1, 4) } : null,
    staleMs: chance.is(0.2) ? chance.whole(20, 300) : 0,
  };
}

function planTrouble(chance: Chance, count: number, isParsed: boolean): Trouble {
  const items = chance.whole(0, count);
  const kind = chance.weighted({
    none: 1,
    ends: 3,
    marks: 1.5,
    "kills its parent": 3,
    "is killed": 2,
    reports: isParsed ? 6 : 0,
  });
  switch (kind) {
    case "ends":
      return { kind, items, code: chance.of([0, 0, 1, 3, 143]) };
    case "marks":
      return { kind, items, marker: chance.of(["!", "?"]) };
    case "kills its parent":
      return { kind, when: chance.of(["at its start", "at its end"]) };
    case "is killed":
      return { kind, items };
    case "reports": {
      const what: Reported = chance.weighted({
        "an overload": 3,
        "a limit": 3,
        "a long limit": 0.5,
        "a denied login": 1,
        "tries without end": 1,
      });
      return { kind, what, items };
    }
    case "none":
      return { kind };
  }
}

function planHopeless(chance: Chance, isParsed: boolean): Trouble {
  if (isParsed) return { kind: "reports", what: "a denied login", items: 0 };
  return chance.is(0.5)
    ? { kind: "ends", items: 0, code: chance.of([0, 3]) }
    : { kind: "marks", items: 0, marker: "!" };
}

/** Where a command of that verb passes; what its name leads to is for it to find out. */
const passed: Record<string, readonly Step[]> = {
  run: [
    "before a file is published",
    "after a file is published",
    "after a task is made",
    "before a run is placed",
    "after a run is placed",
    "after a place is taken",
    "before the shim is started",
    "after the shim is started",
  ],
  answer: [
    "before a file is published",
    "after a file is published",
    "after an answer is posted",
    "after a resume is asked for",
    "after a note is stored",
    "before a run is placed",
    "after a run is placed",
  ],
  note: ["before a file is published", "after a file is published", "after a note is stored"],
  stop: ["before a file is published", "after a file is published", "after a stop is asked for"],
  resume: [
    "before a file is published",
    "after a file is published",
    "after a resume is asked for",
    "after a stop is asked for",
    "before a run is placed",
    "after a run is placed",
    "after a place is taken",
    "before the shim is started",
    "after the shim is started",
  ],
  wait: ["before it is noted what was told"],
  hook: ["before it is noted what was told", "before a file is published"],
  ask: [
    "before a file is published",
    "after a file is published",
    "before an answer is acknowledged",
  ],
  supervise: [
    "after the supervisor has its lock",
    "before the supervisor acts",
    "before the supervisor lets go",
    "before a file is published",
    "after a stop is asked for",
  ],
  advance: [
    "before a file is published",
    "after a file is published",
    "before a run is placed",
    "after a run is placed",
    "after a place is taken",
    "before the shim is started",
    "after the shim is started",
    "after a stop is asked for",
  ],
};

function stepFor(chance: Chance, verb: string): string | null {
  const all = passed[verb.split(" ")[0]!];
  return all === undefined ? null : aimed(chance, chance.of(all));
}

/** With how often it may be passed before. */
function aimed(chance: Chance, step: Step): string {
  const isOften = step.includes("file") || step === "before the supervisor acts";
  return `${step}:${isOften ? chance.whole(0, 6) : chance.is(0.85) ? 0 : 1}`;
}

/** Each task is asked for once; some together. */
function runs(chance: Chance, { tasks, lengthMs, focus }: Frame): Event[] {
  const left = [...tasks];
  const events: CommandEvent[] = [];
  while (left.length > 0) {
    const [first] = left;
    const isBatch = chance.is(0.25);
    // A flag would be for all of them.
    const isAlike = ({ project, parallel }: TaskPlan) =>
      project === first!.project && parallel === null;
    const mates = left.filter(isAlike);
    const together = isBatch && mates[0] === first ? mates.slice(0, chance.whole(2, 4)) : [first!];
    for (const task of together) left.splice(left.indexOf(task), 1);
    const atMs = chance.whole(0, lengthMs * 0.5);
    const command: Command = {
      verb: "run",
      project: first!.project,
      tasks: together.map(({ id }) => id),
    };
    const event = commandEvent(chance, atMs, command);
    const isFocus = passed["run"]!.includes(focus) && chance.is(0.4);
    events.push(isFocus ? { ...event, step: aimed(chance, focus), killAfterMs: null } : event);
    // The same once more at about the same time: one of them is refused.
    if (chance.is(0.12))
      events.push(commandEvent(chance, Math.max(0, atMs + chance.whole(-15, 15)), command));
  }
  // A parent that is not there yet is refused: such a task is asked for again.
  return events;
}

type CommandEvent = Extract<Event, { kind: "command" }>;

function commandEvent(chance: Chance, atMs: number, command: Command): CommandEvent {
  return {
    kind: "command",
    atMs: Math.round(atMs),
    command,
    host: chance.is(0.35) || command.verb === "hook" ? chance.whole(0, hostCount - 1) : null,
    step: chance.is(0.35) ? stepFor(chance, command.verb) : null,
    killAfterMs: chance.is(0.15) ? chance.whole(1, chance.is(0.7) ? 35 : 200) : null,
  };
}

function commands(chance: Chance, plan: Frame): Event[] {
  const { lengthMs } = plan;
  const count = chance.whole(20, 50);
  return Array.from({ length: count }, (_, index) => {
    const atMs = chance.share() * lengthMs;
    return commandEvent(chance, atMs, planCommand(chance, plan, index));
  });
}

/** Several who want something of one task at the same moment. */
function bursts(chance: Chance, plan: Frame): Event[] {
  const { tasks, lengthMs } = plan;
  return Array.from({ length: chance.whole(0, 4) }, (_, burst) => {
    const { id, project } = chance.of(tasks);
    const atMs = (0.2 + 0.8 * chance.share()) * lengthMs;
    return Array.from({ length: chance.whole(2, 5) }, (__, index) => {
      const verb = chance.weighted({ resume: 4, stop: 2, answer: 3, note: 2 });
      const nth = 100_000 + 100 * burst + index;
      const command = { ...commandOf(chance, plan, verb, nth), task: id, project } as Command;
      return commandEvent(chance, atMs + chance.whole(0, 25), command);
    });
  }).flat();
}

function commandOf(chance: Chance, plan: Frame, verb: string, index: number): Command {
  for (;;) {
    const command = planCommand(chance, plan, index);
    if (command.verb === verb) return command;
  }
}

function planCommand(chance: Chance, { tasks, projects, seed }: Frame, index: number): Command {
  const verb = chance.weighted({
    status: 4,
    wait: 5,
    answer: 9,
    note: 4,
    stop: 2,
    resume: 4,
    "resume all": 2,
    logs: 1.5,
    hook: 3,
    home: 0.5,
  });
  const { id: task, project } = chance.of(tasks);
  const odd = chance.of(["", " — 50 % “sure”", "\n\nand a second line", " $(true) `x` 'y'"]);
  const text = `${verb} ${index} of storm ${seed}${odd}`;
  switch (verb) {
    case "status":
      return { verb, project, json: chance.is(0.5) };
    case "wait":
      return { verb, project, timeoutMs: chance.whole(50, 2_000), all: chance.is(0.4) };
    case "answer":
      return { verb, project: chance.of(projects), pick: chance.share(), text };
    case "note":
      return { verb, project, task, text };
    case "stop":
      return { verb, project, task, graceMs: chance.of([100, 400, 1_000]) };
    case "resume":
      return {
        verb,
        project,
        task,
        fresh: chance.is(0.2),
        model: chance.is(0.2) ? chance.of(["worker", "opus"]) : null,
      };
    case "resume all":
      return { verb, project };
    case "logs":
      return { verb, project, task, follow: chance.is(0.3) };
    case "hook":
      return { verb, project, hook: chance.of(["stop", "prompt", "session-start"]) };
    case "home":
      return { verb, project };
  }
}

function kills(chance: Chance, { lengthMs }: Frame): Event[] {
  const isWild = chance.is(0.3);
  return Array.from({ length: isWild ? chance.whole(10, 20) : chance.whole(0, 8) }, () => ({
    kind: "kill",
    atMs: Math.round(chance.share() * lengthMs),
    who: chance.weighted({
      supervisor: 4,
      act: 2,
      shim: 3,
      worker: 4,
      asker: 3,
      waiter: 2,
      hook: 1,
      command: 3,
      all: 0.4,
      other: 0,
    }),
    pick: chance.share(),
  }));
}

function disorder(chance: Chance, { ground, projects, tasks, lengthMs }: Frame): Event[] {
  const events: Event[] = gates.map((gate) => ({
    kind: "open",
    gate,
    atMs: Math.round(chance.whole(300, lengthMs * 1.2)),
  }));
  const day = 86_400_000;
  for (let left = chance.is(0.3) ? chance.whole(1, 8) : 0; left > 0; left--) {
    const { id: task, project } = chance.of(tasks);
    events.push({
      kind: "touch",
      atMs: Math.round(chance.share() * lengthMs),
      project,
      task,
      what: chance.of(["plan", "log", "exit", "question", "answer"]),
      shiftMs: chance.of([-400 * day, -day, -3_600_000, -5_000, 5_000, 3_600_000, day, 400 * day]),
    });
  }
  const at = () => Math.round((0.2 + 0.7 * chance.share()) * lengthMs);
  const isGround = ground === "moved away" || ground === "small disk";
  for (let left = isGround ? chance.whole(1, 3) : 0; left > 0; left--)
    events.push(
      ground === "moved away"
        ? {
            kind: "move away",
            atMs: at(),
            project: chance.of(projects),
            forMs: chance.whole(50, 900),
          }
        : {
            kind: "fill the disk",
            atMs: at(),
            project: chance.is(0.3) ? null : chance.of(projects),
            forMs: chance.whole(50, 900),
          },
    );
  if (chance.is(0.3))
    events.push({
      kind: "kill host",
      atMs: Math.round(chance.share() * lengthMs),
      host: chance.whole(0, hostCount - 1),
    });
  return events;
}

/** Commands, supervisors and their acts that are to end at the storm's own step; and some at any. */
function focused(chance: Chance, plan: Frame): Event[] {
  const { lengthMs, focus } = plan;
  const verbs = Object.keys(passed).filter((verb) => passed[verb]!.includes(focus));
  const at = (from: number) => Math.round((from + (0.95 - from) * chance.share()) * lengthMs);
  const events: Event[] = [];
  for (let left = 6; left > 0; left--)
    events.push(...aimedEvents(chance, plan, chance.of(verbs), aimed(chance, focus), at(0.15)));
  for (const verb of ["supervise", "supervise", "advance"])
    if (chance.is(0.4))
      events.push(...aimedEvents(chance, plan, verb, stepFor(chance, verb)!, at(0.1)));
  return events;
}

function aimedEvents(
  chance: Chance,
  plan: Frame,
  verb: string,
  step: string,
  atMs: number,
): Event[] {
  switch (verb) {
    case "supervise":
      return [{ kind: "aim supervisor", atMs, step, project: chance.of(plan.projects) }];
    case "advance":
      return [{ kind: "aim acts", atMs, step, forMs: chance.whole(200, 900) }];
    // They are where the tasks are asked for, and with the agents.
    case "run":
    case "ask":
      return [];
    default: {
      const command = commandOf(chance, plan, verb, chance.whole(1_000, 90_000));
      return [{ ...commandEvent(chance, atMs, command), step, killAfterMs: null }];
    }
  }
}

export const itemTexts = ({ id, script }: TaskPlan) =>
  script.items.map((_, index) => itemText(id, index + 1));
