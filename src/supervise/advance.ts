/** A task's next run, as soon as it is due and there is a place: by whoever looks first, a command or the supervisor. */

import { formatDuration } from "../core/duration.ts";
import type { Limits, Wait } from "../core/admission.ts";
import type { Config } from "../core/config.ts";
import { DispatchError, failed } from "../core/error.ts";
import { type Due, isDueNow } from "../core/policy.ts";
import type { Route } from "../core/route.ts";
import { derive, dueRun } from "../core/state.ts";
import type { Cause } from "../core/stream.ts";
import type { Asked, Facts } from "../core/task.ts";
import { type ProjectPaths, runPaths, type TaskPaths } from "../store/paths.ts";
import { note } from "../store/journal.ts";
import { giveUp, runNumbers } from "../store/runs.ts";
import { placeWorktree } from "../store/worktrees.ts";
import { GitError } from "../unix/git.ts";
import { isLocked } from "../unix/lock.ts";
import { whyNotNow } from "./admission.ts";
import { launch, recordFailedStart } from "./launch.ts";
import { observe } from "./observe.ts";
import { findRoute, rememberModel } from "./routing.ts";
import { stopRuns } from "./stop.ts";
import { beginning } from "./beginning.ts";

export type Advanced =
  | { kind: "started"; number: number; inSession: boolean }
  | ({ kind: "waits" } & Wait)
  /** It needs no run, or somebody else has started it. */
  | { kind: "nothing" };

/**
 * Throws where the worker cannot be started.
 *
 * @param known its route, where the caller has found it already
 */
export async function advance(
  project: ProjectPaths,
  task: TaskPaths,
  config: Config,
  known: Route | null = null,
): Promise<Advanced> {
  const facts = observe(task);
  const due = dueRun(facts);
  if (due === null || !isOurs(facts)) {
    const state = derive(facts);
    const isBehind = state.kind === "queued" || state.kind === "held";
    return isBehind
      ? { kind: "waits", reason: state.reason, againMs: 0, isBrief: false }
      : { kind: "nothing" };
  }
  const nowMs = Date.now();
  if (!isDueNow(due, nowMs, { endedMs: facts.run?.endedMs ?? null })) {
    const reason = `${due.why}, in ${formatDuration(due.atMs - nowMs)}`;
    return { kind: "waits", reason, againMs: due.atMs - nowMs, isBrief: false };
  }

  const said = nameOf(facts, due);
  const route = known ?? (await routeAs(facts.asked, said, config));
  rememberModel(route);
  const limits = limitsOf(facts.asked, config, route.backend);
  const noPlace = () => whyNotNow(project, route.backend, limits, facts.resume !== null);
  const early = noPlace();
  if (early !== null) return { kind: "waits", ...early };
  const clash = begin(project, task, facts);
  if (clash !== null) return { kind: "waits", reason: clash, againMs: 0, isBrief: false };

  await endLeftovers(task, facts);
  const launched = await launch(project, task, { facts, due, route, said }, () => {
    if (!Bun.deepEquals(dueRun(observe(task)), due)) return "over" as const;
    return noPlace();
  });
  if (launched.kind === "started") return launched;
  return launched.why === "over" ? { kind: "nothing" } : { kind: "waits", ...launched.why };
}

/** Says where the task's worktree begins, where it is to have one; null, or why there is no such place. */
function begin(
  project: ProjectPaths,
  task: TaskPaths,
  { asked, worktree, run }: Facts & { asked: Asked },
): string | null {
  if (asked.worktree === null || worktree !== null) return null;
  const begins = beginning(project, { ...asked, worktree: asked.worktree });
  if (begins.kind === "clash") {
    const { said } = begins;
    giveUp(runPaths(task, run?.number ?? 0), {
      cause: "conflict",
      evidence: said,
      resetsAtMs: null,
    });
    note(project, task.id, `held: ${said}`);
    return said;
  }
  const { base } = begins;
  const { target } = asked.worktree;
  const nothingYet = { made: null, isReady: false, merged: null, conflict: null };
  placeWorktree(task, { base, target, ...nothingYet });
  return null;
}

/** Why a task that is due does not start; null where it is about to. */
export async function whyNotAdvance(
  project: ProjectPaths,
  facts: Facts,
  config: Config,
): Promise<string | null> {
  const due = dueRun(facts);
  if (due === null || !isOurs(facts)) return null;
  const { backend } = await routeAs(facts.asked, nameOf(facts, due), config);
  const isAskedFor = facts.resume !== null;
  return (
    whyNotNow(project, backend, limitsOf(facts.asked, config, backend), isAskedFor)?.reason ?? null
  );
}

/** What was asked for with the task wins over the config. */
function limitsOf({ limits }: Asked, config: Config, backend: string): Limits {
  const { parallel, perProject, perBackend, staggerMs } = config.limits;
  return {
    parallel: limits.parallel ?? parallel,
    perProject: limits.perProject ?? perProject,
    perBackend:
      limits.perBackend === null ? perBackend : { ...perBackend, [backend]: limits.perBackend },
    staggerMs,
  };
}

/** The same, by the supervisor: a worker that cannot be started leaves a run that says why. */
export async function advanceOrFail(
  project: ProjectPaths,
  task: TaskPaths,
  config: Config,
): Promise<Advanced> {
  try {
    return await advance(project, task, config);
  } catch (error) {
    if (!(error instanceof DispatchError || error instanceof GitError)) throw error;
    const code = error instanceof DispatchError ? error.code : "git";
    const facts = observe(task);
    const due = dueRun(facts);
    if (due === null || !isOurs(facts) || code === "run_taken") return { kind: "nothing" };
    const cause = causes[code] ?? "start_failed";
    const failure = { cause, evidence: error.message, resetsAtMs: null };
    recordFailedStart(project, task, { facts, due, said: nameOf(facts, due) }, failure);
    return { kind: "nothing" };
  }
}

const causes: Record<string, Cause> = {
  cli_missing: "cli_missing",
  unknown_model: "model_unavailable",
};

const isOurs = (facts: Facts): facts is Facts & { asked: Asked } => facts.asked !== null;

const nameOf = ({ asked, run }: Facts & { asked: Asked }, due: Due) =>
  due.model ?? run?.record?.said ?? asked.model;

/** The route of a name, in the dress of the alias that the task was asked of. */
export async function routeAs({ alias }: Asked, name: string, config: Config): Promise<Route> {
  const route = await findRoute({ prompt: "", model: name }, config);
  if (alias === null || route.alias === alias || !Object.hasOwn(config.aliases, alias))
    return route;
  const { promptPrefix } = await findRoute({ prompt: "", model: alias }, config);
  return { ...route, promptPrefix: route.promptPrefix ?? promptPrefix };
}

const leftoverGraceMs = 2_000;

/**
 * The record says that the run is over, but an agent whose parent was killed may work on.
 * Only runs that were seen to be over: somebody else may have started the next one meanwhile.
 */
async function endLeftovers(task: TaskPaths, facts: Facts): Promise<void> {
  const seen = runNumbers(task).filter((each) => each <= (facts.run?.number ?? 0));
  const held = seen.filter((each) => isLocked(runPaths(task, each).log));
  if (await stopRuns(task, held, leftoverGraceMs)) return;
  throw failed("not_stopped", `something of ${task.id} would not end`, `dispatch stop ${task.id}`);
}
