/** What there is to say of storms: each as it ends, and all of them together. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { steps, worktreeSteps } from "../../src/store/step.ts";
import type { Violation } from "./check.ts";

/** How a storm ended. */
export interface Result {
  seed: number;
  folder: string;
  ground: string;
  seconds: number;
  tasks: number;
  runs: number;
  commands: number;
  kills: number;
  violations: Violation[];
  /** It came to no end, or broke down by itself: its last words. */
  broken: string | null;
}

export const hasFailed = ({ violations, broken }: Result) =>
  broken !== null || violations.length > 0;

export function stormText(result: Result): string {
  const { seed, ground, seconds, tasks, runs, commands, kills, violations, broken } = result;
  const facts = `${tasks} tasks, ${runs} runs, ${commands} commands, ${kills} kills, ${seconds.toFixed(1)} s`;
  const head = `${hasFailed(result) ? "FAILED" : "ok"} seed ${seed} (${ground}): ${facts}`;
  if (!hasFailed(result)) return head;
  const lines = violations.map(({ rule, what }) => `  ${rule}: ${what}`);
  if (broken !== null) lines.unshift(`  broken: ${broken}`);
  return [head, ...lines, `  kept: ${result.folder}`].join("\n");
}

/** Who was ended at which step, as the processes wrote it down just before. */
export function stepsHit(folders: readonly string[]): Map<string, Map<string, number>> {
  const hits = new Map<string, Map<string, number>>(
    [...steps, ...worktreeSteps].map((name) => [name, new Map()]),
  );
  for (const folder of folders) {
    const path = join(folder, "steps");
    const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
    for (const line of lines.filter(Boolean)) addHit(hits, line);
  }
  return hits;
}

function addHit(hits: Map<string, Map<string, number>>, line: string): void {
  const [step = "", words = ""] = line.split("\t");
  const [verb = "", act = ""] = words.split(" ");
  const who =
    verb === "supervise" ? (act === "" ? "supervisor" : act) : verb === "" ? "home" : verb;
  const byWho = hits.get(step) ?? new Map<string, number>();
  byWho.set(who, (byWho.get(who) ?? 0) + 1);
  hits.set(step, byWho);
}

export function coverageText(hits: ReadonlyMap<string, ReadonlyMap<string, number>>): string {
  const width = Math.max(...[...hits.keys()].map((name) => name.length));
  const rows = [...hits].map(([name, byWho]) => {
    const total = [...byWho.values()].reduce((sum, count) => sum + count, 0);
    const parts = [...byWho].sort(([, a], [, b]) => b - a).map(([who, count]) => `${who} ${count}`);
    return `  ${name.padEnd(width)}  ${String(total).padStart(5)}  ${parts.join(", ")}`.trimEnd();
  });
  return ["steps at which a process was ended, and whose:", ...rows].join("\n");
}
