/**
 * What the runs of tasks spent that were removed: `spent.jsonl` has a line for each, null for
 * unknown. A worker can reach the file: a line that is not as it should be is passed over.
 */

import * as v from "valibot";
import type { Spending } from "../core/spending.ts";
import { isTaskId } from "../core/task-id.ts";
import { parsedAs } from "./json.ts";
import type { ProjectPaths } from "./paths.ts";
import { append } from "./publish.ts";
import { readText } from "./read.ts";

const limit = 16 * 1024 * 1024;

const name = v.pipe(v.string(), v.maxLength(200));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const schema = v.object({
  run: name,
  task: v.pipe(v.string(), v.check(isTaskId)),
  model: name,
  backend: name,
  started: name,
  isHosts: v.boolean(),
  tokens: v.nullable(v.object({ input: count, cached: count, output: count })),
  costUsd: v.nullable(v.pipe(v.number(), v.finite(), v.minValue(0))),
});

export function addSpent(project: ProjectPaths, all: readonly Spending[]): void {
  const lines = all.map((each) => JSON.stringify(each));
  // The line before may have been cut off by a crash.
  if (lines.length > 0) append(project.spent, `\n${lines.join("\n")}\n`);
}

/** In the order in which they were kept. */
export function readSpent(project: ProjectPaths): Spending[] {
  const lines = readText(project.spent, limit)?.text.split("\n") ?? [];
  return lines.flatMap((line) => parsedAs(schema, line) ?? []);
}
