/** The plan of a worktree storm: tasks in worktrees, what their agents do there, and what happens meanwhile. */

import { worktreeSteps } from "../../src/store/step.ts";
import { Chance } from "./chance.ts";

export const project = "repo";

export interface WorktreePlan {
  seed: number;
  hasSubmodule: boolean;
  resumeLost: boolean;
  parallel: number;
  tasks: WorktreeTask[];
  /** In the order of their times. */
  events: (WorktreeEvent & { atMs: number })[];
  /** When chaos stops. */
  lengthMs: number;
}

export interface WorktreeTask {
  id: string;
  after: string[];
  items: WorkItem[];
}

/** What an agent does before it ticks the item. */
export interface WorkItem {
  pauseMs: number;
  acts: WorkAct[];
}

export type WorkAct =
  /** A line of a file that all know is replaced. */
  | { kind: "edit"; path: string; line: number }
  | { kind: "write"; path: string; isExecutable: boolean }
  | { kind: "link"; path: string }
  /** A repository of its own within. */
  | { kind: "repository"; path: string; isCommitted: boolean }
  | { kind: "submodule"; isCommitted: boolean }
  | { kind: "delete" | "rename"; pick: number }
  | { kind: "commit"; all: boolean }
  | { kind: "branch"; name: string }
  | { kind: "detach" }
  | { kind: "back" }
  /** It ends before its time. */
  | { kind: "end"; code: number };

export const ways = ["merge", "squash", "rebase"] as const;

export type WorktreeEvent =
  | {
      kind: "command";
      command: UserCommand;
      killAfterMs: number | null;
      step: string | null;
      aim: Aim | null;
    }
  | { kind: "kill"; who: Role; pick: number }
  /** The next such call of git, whoever makes it. */
  | { kind: "aim"; aim: Aim }
  /** The next acts of the supervisor end at the step. */
  | { kind: "aim acts"; step: string; forMs: number }
  | { kind: "edit"; path: string; line: number; isCommitted: boolean };

export type UserCommand = { verb: "status" } | { verb: "doctor" } | TaskCommand;
export type TaskCommand =
  | { verb: "run"; task: Which }
  | { verb: "diff" | "result" | "stop" | "resume"; task: Which }
  | { verb: "merge"; task: Which; way: (typeof ways)[number]; keep: boolean }
  | { verb: "clean"; task: Which | null; unmerged: boolean };

/** Its id, or a share that chooses among those that are there when it comes to it. */
export type Which = string | number;

export const roles = [
  "worker",
  "shim",
  "steps",
  "ground",
  "git",
  "supervisor",
  "act",
  "command",
] as const;
export type Role = (typeof roles)[number];

/** Which call of git is to go wrong, and how: see git.sh. */
export interface Aim {
  call: (typeof calls)[number];
  when: "before" | "after" | "during";
  whom: "self" | "parent" | "both";
  /** So many such calls go well first. */
  skip: number;
  seconds: number;
}

const calls = [
  "worktree-add",
  "worktree-remove",
  "merge",
  "commit",
  "rebase",
  "commit-tree",
  "update-ref",
  "branch",
  "add",
  "write-tree",
  "merge-tree",
  "submodule",
  "fetch",
] as const;

const taskCount = 10;
const lengthMs = 7_000;
export const sharedFiles = [
  "shared-0.txt",
  "shared-1.txt",
  "deep/shared-2.txt",
  "deep/er/shared-3.txt",
];
export const linesOfAFile = 40;

export function planWorktrees(seed: number): WorktreePlan {
  const chance = new Chance(seed);
  const hasSubmodule = chance.is(0.3);
  const ids = Array.from({ length: taskCount }, (_, index) => `t${index}`);
  const tasks = ids.map((id, index) =>
    planTask(chance.for(id), id, ids.slice(0, index), hasSubmodule),
  );
  const events = [
    ...planRuns(chance.for("runs"), ids),
    ...planUser(chance.for("user")),
    ...planChaos(chance.for("chaos")),
  ].sort((a, b) => a.atMs - b.atMs);
  return {
    seed,
    hasSubmodule,
    resumeLost: chance.is(0.5),
    parallel: chance.whole(3, 8),
    tasks,
    events,
    lengthMs,
  };
}

function planTask(
  chance: Chance,
  id: string,
  before: string[],
  hasSubmodule: boolean,
): WorktreeTask {
  const parents = before.filter(() => chance.is(0.5)).slice(-2);
  const items = Array.from({ length: chance.whole(1, 4) }, () => ({
    pauseMs: chance.whole(0, 250),
    acts: Array.from({ length: chance.whole(2, 7) }, (_, index) =>
      planAct(chance, `${id}-${index}-${chance.whole(0, 99)}`, hasSubmodule),
    ),
  }));
  return { id, after: before.length > 2 && chance.is(0.35) ? parents : [], items };
}

function planAct(chance: Chance, name: string, hasSubmodule: boolean): WorkAct {
  const kind = chance.weighted({
    edit: 5,
    write: 4,
    folder: 3,
    ignored: 3,
    link: 1,
    repository: 1,
    submodule: hasSubmodule ? 2 : 0,
    delete: 1,
    rename: 1,
    commit: 6,
    branch: 0.6,
    detach: 0.6,
    back: 0.6,
    end: 0.5,
  });
  const write = (path: string) => ({ kind: "write" as const, path, isExecutable: chance.is(0.2) });
  switch (kind) {
    case "edit":
      return { kind, path: chance.of(sharedFiles), line: chance.whole(0, linesOfAFile - 1) };
    case "write":
      return write(`new-${name}.txt`);
    case "folder":
      return write(`dir-${name}/in/file-${chance.whole(0, 2)}.txt`);
    case "ignored":
      return write(
        chance.of([`${name}.log`, `logs-${name}/a.log`, ".env", `deep/${name}.log`, "local.conf"]),
      );
    case "link":
      return { kind, path: `link-${name}` };
    case "repository":
      return {
        kind,
        path: chance.of([`inner-${name}`, `deep/inner-${name}`]),
        isCommitted: chance.is(0.5),
      };
    case "submodule":
      return { kind, isCommitted: chance.is(0.5) };
    case "delete":
    case "rename":
      return { kind, pick: chance.share() };
    case "commit":
      return { kind, all: chance.is(0.8) };
    case "branch":
      return { kind, name: `side-${name}` };
    case "detach":
    case "back":
      return { kind };
    case "end":
      return { kind, code: chance.whole(0, 1) };
  }
}

type Timed = WorktreeEvent & { atMs: number };

const planRuns = (chance: Chance, ids: readonly string[]): Timed[] =>
  ids.map((task, index) => ({
    atMs: index * 120,
    ...plannedCommand(chance, { verb: "run", task }, 0.15),
  }));

function planUser(chance: Chance): Timed[] {
  return Array.from({ length: 44 }, () => {
    const atMs = chance.whole(600, lengthMs);
    const task = chance.share();
    const verb = chance.weighted({
      status: 2,
      doctor: 3,
      run: 8,
      diff: 2,
      result: 1,
      stop: 1.5,
      resume: 5,
      merge: 12,
      clean: 2,
      "clean unmerged": 4,
      edit: 4,
    });
    switch (verb) {
      case "edit":
        return {
          atMs,
          kind: verb,
          path: chance.of([...sharedFiles, "mine.txt"]),
          line: chance.whole(0, linesOfAFile - 1),
          isCommitted: chance.is(0.7),
        };
      case "merge":
        return {
          atMs,
          ...plannedCommand(
            chance,
            { verb, task, way: chance.of(ways), keep: chance.is(0.2) },
            0.5,
          ),
        };
      case "clean":
      case "clean unmerged": {
        const which = chance.is(0.93) ? task : null;
        const unmerged = verb === "clean unmerged";
        return { atMs, ...plannedCommand(chance, { verb: "clean", task: which, unmerged }, 0.5) };
      }
      case "status":
      case "doctor":
        return { atMs, ...plannedCommand(chance, { verb }, verb === "doctor" ? 0.5 : 0.1) };
      default:
        return { atMs, ...plannedCommand(chance, { verb, task }, 0.3) };
    }
  });
}

/** @param share of those that come to no good end */
function plannedCommand(chance: Chance, command: UserCommand, share: number) {
  const how = chance.is(share) ? chance.of(["kill", "step", "aim"] as const) : "well";
  return {
    kind: "command" as const,
    command,
    killAfterMs: how === "kill" ? chance.whole(20, 900) : null,
    step: how === "step" ? planStep(chance) : null,
    aim: how === "aim" ? planAim(chance, callsOf(command.verb)) : null,
  };
}

const planStep = (chance: Chance) =>
  chance.is(0.8)
    ? `${chance.of(worktreeSteps)}:${chance.is(0.9) ? 0 : 1}`
    : `${chance.of(["before a file is published", "after a file is published"])}:${chance.whole(0, 2)}`;

/** Those that it makes, and that something hangs on. */
function callsOf(verb: UserCommand["verb"]): readonly Aim["call"][] {
  switch (verb) {
    case "merge":
      return [
        "merge",
        "commit",
        "rebase",
        "worktree-add",
        "worktree-remove",
        "branch",
        "update-ref",
        "commit-tree",
        "merge-tree",
        "add",
      ];
    case "clean":
    case "doctor":
      return [
        "commit-tree",
        "update-ref",
        "add",
        "write-tree",
        "worktree-remove",
        "branch",
        "fetch",
      ];
    default:
      return calls;
  }
}

const planAim = (chance: Chance, some: readonly Aim["call"][]): Aim => ({
  call: chance.of(some),
  when: chance.of(["before", "after", "after", "during"]),
  whom: chance.of(["self", "parent", "both"]),
  skip: chance.is(0.7) ? 0 : chance.whole(1, 3),
  seconds: chance.whole(0, 15) / 1_000,
});

function planChaos(chance: Chance): Timed[] {
  const kills = Array.from({ length: 16 }, () => ({
    atMs: chance.whole(400, lengthMs),
    kind: "kill" as const,
    who: chance.weighted({
      worker: 4,
      shim: 2,
      steps: 2,
      ground: 4,
      git: 4,
      supervisor: 2,
      act: 1,
      command: 4,
    }),
    pick: chance.share(),
  }));
  const aims = Array.from({ length: 8 }, () => ({
    atMs: chance.whole(0, lengthMs),
    kind: "aim" as const,
    aim: planAim(
      chance,
      chance.is(0.5) ? ["worktree-add", "submodule", "commit-tree", "update-ref"] : calls,
    ),
  }));
  const acts = Array.from({ length: 2 }, () => ({
    atMs: chance.whole(0, lengthMs / 2),
    kind: "aim acts" as const,
    step: planStep(chance),
    forMs: chance.whole(200, 800),
  }));
  return [...kills, ...aims, ...acts];
}
