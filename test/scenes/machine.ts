/** Waiting for files, and finding processes, without sleeping and without a test around. */

import { existsSync, readFileSync, watch } from "node:fs";
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

/** Processes that carry `NAME=value` in their environment. */
export function processesWith(mark: string): number[] {
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
  for (let left = processesWith(mark); left.length > 0; left = processesWith(mark)) {
    for (const pid of left) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Gone already, with its parent.
      }
    }
  }
}
