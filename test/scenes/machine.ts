/** Waiting for files, and finding processes, without sleeping and without a test around. */

import { existsSync, readFileSync, statSync, watch } from "node:fs";
import { dirname } from "node:path";

/** Resolves once the file is there. */
export async function appears(path: string): Promise<void> {
  if (existsSync(path)) return;
  const folder = dirname(path);
  if (!existsSync(folder)) await appears(folder);
  await new Promise<void>((resolve) => {
    const look = () => {
      if (!existsSync(path)) return;
      watcher.close();
      resolve();
    };
    const watcher = watch(folder, look);
    look();
  });
}

/** Processes that carry `NAME=value` in their environment, but for the project's supervisor and its acts, which end in their own time. */
export const processesWith = (mark: string): number[] =>
  allWith(mark).filter((pid) => {
    const words = commandLine(pid);
    // None: it has ended since.
    return words !== "" && !words.includes("\0supervise\0");
  });

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

function allWith(mark: string): number[] {
  const found: number[] = [];
  for (const pid of new Bun.Glob("[0-9]*").scanSync({ cwd: "/proc", onlyFiles: false })) {
    try {
      const isZombie = / Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
      if (
        !isZombie &&
        `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}`.includes(`\0${mark}\0`)
      )
        found.push(Number(pid));
    } catch {
      // Gone already, or not ours.
    }
  }
  return found;
}

/** Ends every process that carries the mark, and what it starts meanwhile, as a crash would. */
export function killMarked(mark: string): void {
  for (let left = allWith(mark); left.length > 0; left = allWith(mark)) {
    for (const pid of left) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Gone already, with its parent.
      }
    }
  }
}

/** The project's supervisor: its end is waited for, or brought about; its number, 0 where there was none. */
export async function supervisorOf(
  project: string,
  what: "wait" | "kill" = "wait",
): Promise<number> {
  const lock = `${project}/.dispatch/supervisor.lock`;
  const pid = lockHolder(lock);
  if (what === "kill" && pid !== 0) process.kill(pid, "SIGKILL");
  // The kernel hands over the lock when its holder has ended.
  await Bun.spawn(["flock", lock, "true"], { stdio: ["ignore", "ignore", "ignore"] }).exited;
  return pid;
}

function lockHolder(path: string): number {
  const { ino } = statSync(path);
  for (const line of readFileSync("/proc/locks", "utf8").split("\n")) {
    const [, , , , pid, file] = line.split(/\s+/);
    if (file?.split(":")[2] === String(ino)) return Number(pid);
  }
  return 0;
}
