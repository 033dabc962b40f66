/** Going on with a task whose worker has gone, or has not come yet. */

import type { Config } from "../core/config.ts";
import { failed, refused } from "../core/error.ts";
import { checkText } from "../core/policy.ts";
import { derive, isLive } from "../core/state.ts";
import type { Facts, Wish } from "../core/task.ts";
import { conflictText } from "../core/worktree.ts";
import { type ProjectPaths, runPaths, type TaskPaths } from "../store/paths.ts";
import { latestRun, readRecord, requestResume } from "../store/runs.ts";
import { step } from "../store/step.ts";
import { advance, type Advanced, routeAs } from "./advance.ts";
import { checkCommand } from "./command.ts";
import { isAncestor } from "../unix/repository.ts";
import { headOf, isWhole } from "../unix/worktree.ts";
import { runTaken } from "./launch.ts";
import { placeOf } from "./worktree.ts";

/**
 * Asks for the next run, and starts it where there is a place: in the worker's own
 * session where its backend has one that began, else afresh with what is on disk.
 * Refuses while a run is live.
 */
export async function resumeTask(
  project: ProjectPaths,
  task: TaskPaths,
  facts: Facts,
  config: Config,
  { model, fresh }: Pick<Wish, "model" | "fresh">,
): Promise<Exclude<Advanced, { kind: "nothing" }>> {
  const { asked, run } = facts;
  if (isLive(derive(facts))) {
    throw refused(
      "live",
      `${task.id} is still ${derive(facts).kind}`,
      `dispatch status ${task.id}, or first: dispatch stop ${task.id}`,
    );
  }
  if (asked === null) {
    throw failed(
      "not_ours",
      `${task.id} was not made by dispatch: there is no task.yaml to start it from`,
      `dispatch run --plan ${task.plan} "…"`,
    );
  }
  // What cannot start is not asked for.
  const name = model ?? run?.record?.said ?? asked.model;
  checkCommand(await routeAs(asked, name, config));
  const token = crypto.randomUUID();
  const wish = { model, fresh, told: whatToTell(project, facts), token };
  requestResume(runPaths(task, run?.number ?? 0), wish);
  step("after a resume is asked for");
  const advanced = await advance(project, task, config);
  return advanced.kind === "waits" ? advanced : startedFor(task, token);
}

/** Why its work cannot be taken as it is; null: nothing is known. */
function whatToTell(project: ProjectPaths, { id, worktree, run }: Facts): string | null {
  const conflict = worktree?.conflict ?? null;
  if (conflict !== null && !holds(project, id, conflict.commit)) return conflictText(conflict);
  const [command, check] = [run?.record?.verify ?? null, run?.check ?? null];
  return command === null || check === null || check.exit === 0 ? null : checkText(command, check);
}

/** Its worktree has taken that commit over. */
function holds(project: ProjectPaths, id: string, commit: string): boolean {
  const place = placeOf(project, id);
  const head = isWhole(place) ? headOf(place) : null;
  return head !== null && isAncestor(project.root, commit, head);
}

/** Whoever was quicker has started it for this wish, or for somebody else's. */
function startedFor(task: TaskPaths, token: string): Extract<Advanced, { kind: "started" }> {
  const number = latestRun(task);
  const record = readRecord(runPaths(task, number));
  if (record?.wish !== token) throw runTaken(task);
  return { kind: "started", number, inSession: record.resumes !== null };
}
