/** A task's files: what was asked comes back as it was written, and nothing that a worker puts in their place breaks a look. */

import { afterAll, describe, expect } from "bun:test";
import fc from "fast-check";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { derive } from "../../../src/core/state.ts";
import { statusText } from "../../../src/render/human.ts";
import { projectPaths, runPaths, taskPaths } from "../../../src/store/paths.ts";
import { readExit, readRecord } from "../../../src/store/runs.ts";
import { createTask, readAsked } from "../../../src/store/tasks.ts";
import { observe } from "../../../src/supervise/observe.ts";
import { asked, jsonValue, markdown, soup, wellFormed } from "../arbitraries.ts";
import { record } from "../builders.ts";
import { holds } from "./property.ts";

const root = mkdtempSync(join(tmpdir(), "files-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const project = projectPaths(root);
mkdirSync(project.tasks, { recursive: true });
let count = 0;
const nextId = () => `t${++count}`;

/** As they are once they have been through a file: no half of a pair. */
const toWellFormed = <T>(value: T): T => {
  if (typeof value === "string") return value.toWellFormed() as T;
  if (Array.isArray(value)) return value.map(toWellFormed) as T;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, toWellFormed(inner)]);
  return Object.fromEntries(entries) as T;
};

holds(
  "what was asked is read back",
  [asked.map(toWellFormed)],
  (asked) => {
    const task = createTask(project, nextId(), asked, "- [ ] a\n")!;
    expect(readAsked(task)).toEqual(asked);
    rmSync(task.folder, { recursive: true });
  },
  60,
);

describe("whatever stands in a task's folder", () => {
  const yaml = soup(
    "title: ¦items:¦\n- a¦\n¦  ¦&a ¦*a¦created: 2026-11-20¦: ¦{¦}¦[¦]¦|¦>¦\"¦'¦null¦!!set ",
    "? ¦---¦#¦\t¦<<: *a",
  );
  const json = fc.oneof(
    jsonValue.map((value) => JSON.stringify(value)),
    yaml,
  );
  const log = fc.oneof(json, markdown, wellFormed);
  const exit = fc.constantFrom(
    "0\n",
    "0",
    "",
    "1\n",
    "999\n",
    "-1\n",
    "0\n0\n",
    "x",
    " 0\n",
    "\0\n",
  );
  const ownRecord = fc
    .record({ backend: fc.constantFrom("claude", "opencode", "mine"), started: wellFormed })
    .map((own) => JSON.stringify(record({ ...own, token: "0".repeat(32) })));

  holds(
    "it is looked at, has a state and is shown",
    [
      fc.record({ plan: markdown, asked: yaml, log, exit, record: fc.oneof(ownRecord, json) }),
      fc.uniqueArray(fc.constantFrom("plan", "asked", "log", "exit", "record"), { maxLength: 2 }),
    ],
    (texts, missing) => {
      const id = nextId();
      const task = taskPaths(project, id);
      const run = runPaths(task, 1);
      mkdirSync(run.folder, { recursive: true });
      const paths = { ...run, plan: task.plan, asked: task.asked };
      for (const [name, text] of Object.entries(texts)) {
        const path = paths[name as keyof typeof texts];
        if ((missing as string[]).includes(name)) mkdirSync(path);
        else writeFileSync(path, text);
      }
      const facts = observe(task);
      expect(facts.run === null).toBe(missing.includes("record"));
      expect(statusText([facts], new Map(), () => [], true, 0)).toContain(id);
      // The lock is nobody's: what has no exit record is lost, or was never started by us.
      if (facts.run !== null) expect(["running", "waiting"]).not.toContain(derive(facts).kind);
      expect(readExit(run)?.code ?? 0).toBeWithin(0, 1_000);
      expect(readRecord(run)?.token.length ?? 32).toBe(32);
      rmSync(task.folder, { recursive: true });
    },
    80,
  );
});
