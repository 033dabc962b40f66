/** Places that only a namespace of the kernel's can offer: a disk that is full, watches that have run out. */

import type { StormPlan } from "./plan.ts";

/** The command line in such a place; null where this machine does not let us have it. */
export function placed(plan: StormPlan, argv: readonly string[]): string[] | null {
  switch (plan.ground) {
    case "small disk":
      return mayMount() ? ["unshare", "--mount", "--propagation", "private", ...argv] : null;
    case "few watches":
      return mayLimitWatches() ? inFewWatches(plan.seed, argv) : null;
    case "plain":
    case "moved away":
      return [...argv];
  }
}

/** By the seed: no watcher at all, or some of them, or folders that are too many for one. */
function inFewWatches(seed: number, argv: readonly string[]): string[] {
  const limits = ["instances 0", "instances 2", "watches 4", "watches 12"];
  const [what, count] = limits[Math.floor(seed / 7) % limits.length]!.split(" ");
  return [
    "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-c",
    limiting,
    "sh",
    what!,
    count!,
    ...argv,
  ];
}

const limiting = 'echo "$2" >/proc/sys/user/max_inotify_$1 && shift 2 && exec "$@"';

let mount: boolean | null = null;
export const mayMount = () =>
  (mount ??= succeeds(["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]));

let watches: boolean | null = null;
export const mayLimitWatches = () => (watches ??= succeeds(inFewWatches(0, ["true"])));

/** Whether the machine can be made to look as if it had been started at another time. */
export const mayTime = (offset: string) =>
  succeeds(["unshare", "--time", "--boottime", offset, "--fork", "true"]);

function succeeds(argv: readonly string[]): boolean {
  try {
    return (
      Bun.spawnSync([...argv], { stdio: ["ignore", "ignore", "ignore"], timeout: 5_000 })
        .exitCode === 0
    );
  } catch {
    // No such program.
    return false;
  }
}
