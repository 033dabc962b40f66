import { defineCommand } from "citty";
import { usageError } from "../core/error.ts";
import type { Facts } from "../core/task.ts";
import { currentProject } from "../cli/project.ts";
import { ownEnvironment } from "../cli/supervising.ts";
import { readEnvironment } from "../store/environments.ts";
import type { ProjectPaths } from "../store/paths.ts";
import { ensureProject } from "../store/tasks.ts";
import type { Try } from "../supervise/starting.ts";
import { supervise } from "../supervise/supervisor.ts";
import { selfArgv } from "../unix/self.ts";
import { capture } from "../unix/spawn.ts";

/** Its leftovers may have to be ended first. */
const advanceTimeoutMs = 60_000;
const notifyTimeoutMs = 300_000;

const args = {
  words: {
    type: "positional",
    required: false,
    valueHint: "[advance ID | ground ID | check ID NAME | notify]…",
    description:
      "one act of it: start a task's next run; make what its worker works in; check what came of it; tell the user what is new",
  },
} as const;

/** Started by every command that finds work; its acts are processes of their own, so that it stays small. */
export default defineCommand({
  meta: {
    name: "supervise",
    description:
      "for dispatch itself: look after this project's tasks until none goes on by itself",
  },
  args,
  async run({ args: given }) {
    const [act, id, name] = given._;
    const project = currentProject();
    ensureProject(project);
    if (act === undefined) return supervise(project, hands(project));
    // Loaded for the act alone: the loop is to stay small.
    if (act === "ground" && id !== undefined)
      return (await import("../cli/steps.ts")).makeGround(project, id);
    if (act === "check" && id !== undefined && name !== undefined)
      return (await import("../cli/steps.ts")).checkWork(project, id, name);
    const { advanceOne, notifyOfAll } = await import("../cli/acts.ts");
    if (act === "advance" && id !== undefined) return advanceOne(project, id);
    if (act === "notify") return notifyOfAll(project);
    throw usageError(
      `${given._.join(" ")}: expected advance ID, ground ID, check ID NAME, notify, or nothing`,
    );
  },
});

const hands = (project: ProjectPaths) => ({
  advance: async (facts: Facts): Promise<Try> => {
    const own = ownEnvironment();
    const kept = facts.asked?.environment ?? null;
    const asked = kept === null ? null : readEnvironment(kept);
    const home = process.env["DISPATCH_HOME"];
    const env = { ...(asked ?? own), ...(home === undefined ? {} : { DISPATCH_HOME: home }) };
    const argv = [...selfArgv(), "supervise", "advance", facts.id];
    const { ok, stdout } = await capture(argv, advanceTimeoutMs, env, project.root);
    if (!ok)
      throw new Error(`${facts.id} could not be started; to see why: dispatch resume ${facts.id}`);
    return JSON.parse(stdout) as Try;
  },
  notify: async () => {
    const argv = [...selfArgv(), "supervise", "notify"];
    const { ok } = await capture(argv, notifyTimeoutMs, ownEnvironment(), project.root);
    if (!ok) throw new Error("what is new could not be handed over");
  },
});
