/** The table of backends, in order of preference. */

import { type Backend, promptArgument } from "./backend.ts";
import { claude } from "./claude.ts";
import { codex } from "./codex.ts";
import { cursor } from "./cursor.ts";
import { plainLine } from "./reading.ts";
import { vendors } from "./vendors.ts";

export type { Backend, Work } from "./backend.ts";

export const backends: readonly Backend[] = [claude, codex, cursor, ...vendors];
export const backendNames: readonly string[] = backends.map(({ name }) => name);

/**
 * Any other CLI that takes a prompt: run by the `command` of the config, with
 * the prompt as its last argument, an empty stdin, and plain text for output.
 */
const command: Backend = {
  name: "command",
  label: "a command of the config",
  binaries: [],
  install: "give it a command in the config",
  askLimitMs: 25_000,
  stopSignal: "SIGTERM",
  session: "none",
  invocation: (work) => ({ policy: [], args: [promptArgument(work)], promptBy: "argument" }),
  models: null,
  knownModels: [],
  read: plainLine,
};

/** The built-in backend of that name, or the plain one that only a `command` makes work. */
export function backendNamed(name: string): Backend {
  return backends.find((backend) => backend.name === name) ?? { ...command, name };
}
