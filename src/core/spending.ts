/** What runs have spent, as their backends reported it: sums that say for how many runs they do not know. */

import type { Tokens } from "./stream.ts";

/** Tokens and cost as reported; null where nobody says: unknown is never 0. */
export interface Usage {
  tokens: Tokens | null;
  costUsd: number | null;
}

/** What one run spent. */
export interface Spending extends Usage {
  /** The run's token. */
  run: string;
  task: string;
  /** As the backend reported it, else as it was asked for. */
  model: string;
  backend: string;
  /** ISO 8601. */
  started: string;
  /** Its task was asked for by a host session, not by a person at a shell. */
  isHosts: boolean;
}

export interface Sum extends Usage {
  tasks: number;
  runs: number;
  /** How many of the runs are not in `tokens`, and how many not in `costUsd`. */
  unknownTokens: number;
  unknownCosts: number;
}

export const unknownUsage: Usage = { tokens: null, costUsd: null };

/** What a report says that can be true; it stands in a log that a worker can write to. */
export function credible({ tokens, costUsd }: Usage): Usage {
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0;
  return {
    tokens: tokens !== null && Object.values(tokens).every(isCount) ? tokens : null,
    costUsd: costUsd !== null && Number.isFinite(costUsd) && costUsd >= 0 ? costUsd : null,
  };
}

/**
 * A run's own part of what its backend reported for the whole session, `before` that run and with
 * it. A count that has gone down was begun anew, and is all the run's own.
 */
export function ownUsage(all: Usage, before: Usage): Usage {
  const [now, then] = [all.tokens, before.tokens];
  const isGrown =
    now !== null && then !== null && now.input >= then.input && now.output >= then.output;
  const isDearer = all.costUsd !== null && before.costUsd !== null && all.costUsd >= before.costUsd;
  return {
    tokens: isGrown
      ? {
          input: now.input - then.input,
          cached: Math.max(0, now.cached - then.cached),
          output: now.output - then.output,
        }
      : now,
    costUsd: isDearer ? all.costUsd! - before.costUsd! : all.costUsd,
  };
}

/** What a backend reported of one of a task's runs. */
export interface Reported extends Usage {
  number: number;
  /** The run whose session it went on with, or null. */
  resumes: number | null;
  /** It is of that run and those before it in the session, too. */
  isOfSession: boolean;
}

/** What each run spent itself; the runs ascend. */
export function ownUsages(runs: readonly Reported[]): Usage[] {
  /** By run: what its session is known to have spent once it was over. */
  const sessions = new Map<number | null, Usage>();
  return runs.map(({ number, resumes, isOfSession, tokens, costUsd }) => {
    const before = sessions.get(resumes) ?? unknownUsage;
    sessions.set(number, {
      tokens: tokens ?? before.tokens,
      costUsd: costUsd ?? before.costUsd,
    });
    const all = { tokens, costUsd };
    return isOfSession ? ownUsage(all, before) : all;
  });
}

/** Each run once; of one that is told of twice, the last. */
export function onceEach(all: readonly Spending[]): Spending[] {
  return [...new Map(all.map((each) => [`${each.task} ${each.run}`, each])).values()];
}

export function sumOf(all: readonly Spending[]): Sum {
  const tokens = all.flatMap((each) => each.tokens ?? []);
  const costs = all.flatMap(({ costUsd }) => costUsd ?? []);
  const isKnown = (known: readonly unknown[]) => all.length === 0 || known.length > 0;
  const total = (key: keyof Tokens) => tokens.reduce((sum, each) => sum + each[key], 0);
  return {
    tasks: new Set(all.map(({ task }) => task)).size,
    runs: all.length,
    tokens: isKnown(tokens)
      ? { input: total("input"), cached: total("cached"), output: total("output") }
      : null,
    unknownTokens: all.length - tokens.length,
    costUsd: isKnown(costs) ? costs.reduce((sum, cost) => sum + cost, 0) : null,
    unknownCosts: all.length - costs.length,
  };
}

const names = {
  task: ({ task }: Spending) => task,
  model: ({ model }: Spending) => model,
  day: ({ started }: Spending) => dayOf(started),
};
export type By = keyof typeof names;
export const bys = Object.keys(names) as By[];

export interface Group extends Sum {
  name: string;
}

/** Those that spent most come first; days, the latest first. */
export function groupsOf(all: readonly Spending[], by: By): Group[] {
  const groups = [...Map.groupBy(all, names[by])].map(([name, some]) => ({
    name,
    ...sumOf(some),
  }));
  const byName = (a: Group, b: Group) => (a.name < b.name ? -1 : 1);
  return by === "day"
    ? groups.sort((a, b) => byName(b, a))
    : groups.sort((a, b) => spent(b) - spent(a) || byName(a, b));
}

const spent = ({ tokens }: Sum) => (tokens === null ? -1 : tokens.input + tokens.output);

/** The local day of a time, as `2026-11-20`. */
function dayOf(started: string): string {
  const date = new Date(started);
  if (Number.isNaN(date.getTime())) return "unknown day";
  const parts = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  return parts.map((part) => String(part).padStart(2, "0")).join("-");
}

/** What the host sessions of a project have paid for handing its tasks over, about. */
export interface Paid {
  tokens: number;
  /** Epoch milliseconds: nothing was counted before. */
  sinceMs: number;
}

/** The work that hosts did not have to do in their own context, against what it cost them there. */
export interface Won {
  /** Tokens in and out of the runs that hosts asked for, of those that say. */
  spent: number;
  paid: number;
  multiple: number;
  /** Some of those runs do not say: it is more. */
  isMore: boolean;
}

/** Null where either side of it is not known. */
export function wonBy(all: readonly Spending[], paid: Paid | null): Won | null {
  if (paid === null || paid.tokens === 0) return null;
  const { tokens, unknownTokens } = sumOf(
    all.filter(({ isHosts, started }) => isHosts && Date.parse(started) >= paid.sinceMs),
  );
  const spent = tokens === null ? 0 : tokens.input + tokens.output;
  if (spent === 0) return null;
  return { spent, paid: paid.tokens, multiple: spent / paid.tokens, isMore: unknownTokens > 0 };
}
