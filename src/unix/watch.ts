/**
 * "Look again": ticks when something below a folder may have changed.
 *
 * A file event only ever means that: its name is not trusted, since an atomic
 * rename can be reported under the temporary name and an overflow under none.
 * A heartbeat ticks anyway, because a `kill -9` makes no file event and
 * watching loses some (limits, network file systems, a folder moved away).
 */

import { type FSWatcher, statSync, watch } from "node:fs";

/**
 * The first tick comes at once, after the watch stands: subscribe, look, wait.
 * Ticks that come while one is being handled fold into a single next one.
 *
 * @param until ends the ticks
 * @param noisy names of files whose changes can wait for the heartbeat
 * @param paceMs the least time between two ticks
 */
export async function* watchTicks(
  folder: string,
  heartbeatMs: number,
  {
    until,
    noisy = [],
    paceMs = 0,
  }: { until?: AbortSignal | undefined; noisy?: readonly string[]; paceMs?: number } = {},
): AsyncGenerator<void> {
  let watcher: FSWatcher | null = null;
  let watched = 0;
  let pending = true;
  let wake: (() => void) | null = null;

  const tick = () => {
    pending = true;
    wake?.();
  };
  const disarm = () => {
    watcher?.close();
    watcher = null;
  };
  const arm = () => {
    if (watcher !== null) return;
    try {
      watched = inodeOf(folder);
      watcher = watch(folder, { recursive: true }, (_event, name) => {
        const file = name?.slice(name.lastIndexOf("/") + 1);
        if (file === undefined || !noisy.includes(file)) tick();
        // The folder itself was renamed or removed: this watch is deaf from now on.
        if (name === null || name === "") disarm();
      });
      // Out of watches for a subfolder: the heartbeat covers for it.
      watcher.on("error", tick);
    } catch {
      watcher = null;
    }
  };

  arm();
  const heartbeat = setInterval(() => {
    // It may have been moved away together with the folder that it is in.
    if (watched !== inodeOf(folder)) disarm();
    arm();
    tick();
  }, heartbeatMs);
  until?.addEventListener("abort", tick);
  try {
    while (!until?.aborted) {
      if (!pending) await new Promise<void>((resolve) => (wake = resolve));
      wake = null;
      pending = false;
      if (until?.aborted) break;
      yield;
      if (paceMs > 0) await Bun.sleep(paceMs);
    }
  } finally {
    clearInterval(heartbeat);
    until?.removeEventListener("abort", tick);
    disarm();
  }
}

const inodeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
