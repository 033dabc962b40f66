/**
 * Which process is which: by its number and its start, since numbers are used
 * again; and all that belong to a run. Agents start their tools in sessions of their
 * own, so a process group is not enough: a run's processes are those that carry
 * its random token in their environment, and all that descend from them.
 */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface Process {
  pid: number;
  parent: number;
  /** Already dead, only not yet reaped. */
  zombie: boolean;
  command: string;
}

/**
 * Every process that carries all of `marks` (`NAME=value`) in its environment, or
 * descends from one that does; not this one.
 */
export function findMarked(marks: readonly string[]): Process[] {
  const all = process.platform === "linux" ? listByProc() : listByPs();
  const carries = process.platform === "linux" ? environHas : psEnvironHas(marks);
  const found = new Set<number>();
  for (const { pid } of all) if (carries(pid, marks)) found.add(pid);
  for (let grown = true; grown;) {
    grown = false;
    for (const { pid, parent } of all) {
      if (found.has(parent) && !found.has(pid)) {
        found.add(pid);
        grown = true;
      }
    }
  }
  return all.filter(({ pid, zombie }) => found.has(pid) && pid !== process.pid && !zombie);
}

/** Who works in a folder: numbers of the processes that stand in it, or below. */
export function processesIn(folder: string): number[] {
  if (process.platform !== "linux") {
    const { stdout } = Bun.spawnSync(["lsof", "-a", "-d", "cwd", "-Fpn"], {
      stderr: "ignore",
      stdin: "ignore",
    });
    let pid = 0;
    return stdout
      .toString()
      .split("\n")
      .flatMap((line) => {
        if (line.startsWith("p")) pid = Number(line.slice(1));
        return line.startsWith("n") && isBelow(line.slice(1), folder) ? [pid] : [];
      });
  }
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) return [];
    try {
      return isBelow(readlinkSync(`/proc/${entry}/cwd`), folder) ? [Number(entry)] : [];
    } catch {
      return [];
    }
  });
}

const isBelow = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);

/** False where the process has gone already. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/**
 * A process by its number, its start, the name space that numbers are of, and the
 * machine's own start, from which starts are counted; null where there is none.
 */
export function processIdentity(pid: number): string | null {
  const started = process.platform === "linux" ? startByProc(pid) : startByPs(pid);
  return started === null ? null : `${pid} ${started} ${numbersOf()} ${boot()}`;
}

/** Whether it lives, as far as can be told: who is in a container of its own, or says nothing readable, may. */
export function isAlive(identity: string): boolean {
  const [pid, ...rest] = identity.split(" ");
  if (rest.length < 3 || !/^\d+$/.test(pid!)) return true;
  // Containers share it; what ran before it runs no more.
  if (rest.at(-1) !== boot()) return false;
  return rest.at(-2) !== numbersOf() || processIdentity(Number(pid)) === identity;
}

function boot(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "boot";
  }
}

/** The name space that process numbers are of: in another one the same number is another process. */
export function numbersOf(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "pid";
  }
}

const startByProc = (pid: number): string | null => {
  const process = readStat(String(pid));
  return process === null || process.zombie ? null : process.started;
};

function startByPs(pid: number): string | null {
  const { stdout } = Bun.spawnSync(["ps", "-o", "lstart=", "-p", String(pid)], {
    // The same words whoever asks.
    env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
    stdin: "ignore",
    stderr: "ignore",
  });
  return stdout.toString().trim() || null;
}

function listByProc(): Process[] {
  return readdirSync("/proc").flatMap((entry) =>
    /^\d+$/.test(entry) ? (readStat(entry) ?? []) : [],
  );
}

/** Null where it has ended, perhaps while we looked. `started` counts clock ticks since the machine was started. */
function readStat(pid: string): (Process & { started: string }) | null {
  try {
    // pid (command) state parent …; the command may hold spaces and parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const close = stat.lastIndexOf(")");
    const [state, parent, ...rest] = stat.slice(close + 2).split(" ");
    return {
      pid: Number(pid),
      parent: Number(parent),
      zombie: state === "Z" || state === "X",
      command: stat.slice(stat.indexOf("(") + 1, close),
      started: rest[17]!,
    };
  } catch {
    return null;
  }
}

function environHas(pid: number, marks: readonly string[]): boolean {
  try {
    const environ = `\0${readFileSync(`/proc/${pid}/environ`, "utf8")}`;
    return marks.every((mark) => environ.includes(`\0${mark}\0`));
  } catch {
    return false;
  }
}

// Elsewhere ps(1) has to do: `e` appends the environment to the command.
function ps(...columns: string[]): string[] {
  const { stdout } = Bun.spawnSync(["ps", "-axww", ...columns], {
    stdin: "ignore",
    stderr: "ignore",
  });
  return stdout.toString().split("\n");
}

function listByPs(): Process[] {
  return ps("-o", "pid=,ppid=,stat=,comm=").flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (pid === undefined) return [];
    return [
      {
        pid: Number(pid),
        parent: Number(parent),
        zombie: state!.startsWith("Z"),
        command: command!,
      },
    ];
  });
}

function psEnvironHas(marks: readonly string[]): (pid: number) => boolean {
  const marked = new Set<number>();
  for (const line of ps("-E", "-o", "pid=,command=")) {
    if (marks.every((mark) => line.includes(mark))) marked.add(Number.parseInt(line, 10));
  }
  return (pid) => marked.has(pid);
}
