/** The agents' diaries, which the checker believes: what was really done, whatever dispatch says. */

import { existsSync, readFileSync } from "node:fs";
import { diaryOf } from "./script.ts";

export interface Entry {
  atMs: number;
  /** The run's. */
  token: string;
  act: string;
  /** What follows the act's name. */
  rest: string;
}

export function diaryIn(ground: string, project: string, task: string): Entry[] {
  const path = diaryOf(ground, project, task);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => {
    const [atMs, token, act, ...rest] = line.split(" ");
    return { atMs: Number(atMs), token: token!, act: act!, rest: rest.join(" ") };
  });
}

/** From its first sign of life to its last: so long a worker lived for certain. */
export interface Life {
  project: string;
  task: string;
  token: string;
  fromMs: number;
  toMs: number;
}

export function livesIn(project: string, task: string, diary: readonly Entry[]): Life[] {
  const byToken = Map.groupBy(diary, ({ token }) => token);
  return [...byToken].map(([token, entries]) => ({
    project,
    task,
    token,
    fromMs: entries[0]!.atMs,
    toMs: entries.at(-1)!.atMs,
  }));
}
