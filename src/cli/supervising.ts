/** Seeing to it that somebody looks after the tasks that go on by themselves. */

import type { Facts } from "../core/task.ts";
import type { ProjectPaths } from "../store/paths.ts";
import { isSupervised, needsSupervisor } from "../supervise/supervisor.ts";
import { isInSandbox } from "../unix/codex-host.ts";
import { withoutHost } from "../unix/host.ts";
import { selfArgv } from "../unix/self.ts";
import { startDetached } from "../unix/spawn.ts";

/** One that cannot live must not be started at every look. */
const againMs = 5_000;
let startedMs = -Infinity;

/** Starts the project's supervisor where these tasks need one and there is none. */
export function keepSupervised(project: ProjectPaths, all: readonly Facts[]): void {
  if (!all.some(needsSupervisor) || isSupervised(project)) return;
  // What is started in there ends with the command.
  if (isInSandbox(process.env) || performance.now() - startedMs < againMs) return;
  startedMs = performance.now();
  startDetached([...selfArgv(), "supervise"], project.root, ownEnvironment());
}

/** A worker that looks at tasks starts one that is not its own: without its marks, and its folder for temporary files. */
export function ownEnvironment(): Record<string, string> {
  const env = withoutHost(process.env);
  if (process.env["DISPATCH_TASK"]) delete env["TMPDIR"];
  return env;
}
