/** Seeing to it that a host hears of the tasks that it has just set going. */

import { wakeText } from "../render/human.ts";
import type { ProjectPaths } from "../store/paths.ts";
import { wakeOf } from "../unix/host.ts";
import { selfArgv } from "../unix/self.ts";
import { startDetached } from "../unix/spawn.ts";

/** Arranges it, and adds to a text what the host must do for it itself. */
export function withWake(project: ProjectPaths, text: string): string {
  const wake = wakeOf(process.env);
  if (wake === "queue") startDetached([...selfArgv(), "hook", "queue"], project.root);
  const todo = wakeText(wake);
  return todo === null ? text : `${text}\n${todo}`;
}
