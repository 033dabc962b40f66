/** Whatever a look at a task finds: there is a state, an honest one, and words that are safe to show. */

import { afterAll, beforeAll, describe, expect } from "bun:test";
import fc from "fast-check";
import * as v from "valibot";
import { eventsOf } from "../../../src/core/event.ts";
import { eventJson, taskJson } from "../../../src/core/json.ts";
import { nextCommand } from "../../../src/core/next.ts";
import { sumOf } from "../../../src/core/spending.ts";
import { derive, hasEnded, isLive, isMoving, pendingQuestions } from "../../../src/core/state.ts";
import { elapsed, type Facts, shownPlan } from "../../../src/core/task.ts";
import {
  eventText,
  logText,
  modelName,
  outcomeText,
  statusText,
} from "../../../src/render/human.ts";
import { eventToJson, logToJson, taskToJson } from "../../../src/render/json.ts";
import { facts, hostile, modelName as name, state, streamEvent } from "../arbitraries.ts";
import { resultText } from "../../../src/render/result.ts";
import { holds } from "./property.ts";

// What is tested is the text, wherever the tests run.
const colours = Bun.enableANSIColors;
beforeAll(() => {
  Object.assign(Bun, { enableANSIColors: false });
});
afterAll(() => {
  Object.assign(Bun, { enableANSIColors: colours });
});

const nowMs = fc.oneof(fc.nat(), fc.maxSafeInteger());

describe("the state of a task", () => {
  holds(
    "is done only where all speaks for it",
    [facts],
    (facts) => {
      const { kind } = derive(facts);
      const { items } = shownPlan(facts);
      const isTicked = items.length > 0 && items.every(({ marker }) => marker === "x");
      const { run } = facts;
      if (run === null) {
        // Nothing but its files is known of another program's task.
        expect(kind === "done").toBe(isTicked && facts.asked === null);
        return;
      }
      const { exit, report } = run;
      const isWell = exit === 0 && report.ok !== false && report.denied.length === 0;
      const isChecked = run.check === null ? !run.record?.verify : run.check.exit === 0;
      const isStopped = facts.stop?.by === "person";
      const isResumed = facts.asked !== null && facts.resume !== null;
      expect(kind === "done").toBe(isTicked && isWell && isChecked && !isStopped && !isResumed);
    },
    500,
  );

  holds(
    "follows from the facts alone, and leads on",
    [facts],
    (facts) => {
      const before = structuredClone(facts);
      const state = derive(facts);
      expect(derive(facts)).toEqual(state);
      expect(facts).toEqual(before);
      const { run } = facts;
      expect(isLive(state) && hasEnded(state)).toBe(false);
      if (run !== null) expect(isLive(state)).toBe(run.live && run.exit === null);
      // By itself, by somebody, or over.
      const isHeld = state.kind === "held" && state.untilMs === null;
      expect([isMoving(state), isHeld, hasEnded(state)].filter(Boolean).length).toBe(1);
      const command = nextCommand(facts, state);
      // Somebody's turn, unless it goes on by itself or belongs to another program.
      if (hasEnded(state) || isHeld) expect(command).not.toBeNull();
      for (const question of pendingQuestions(facts, state)) expect(question.answer).toBeNull();
      expect(elapsed(facts, 0) ?? "").not.toContain("NaN");
    },
    500,
  );

  holds("of any kind names a command on one line, or none", [facts, state], (facts, state) => {
    const command = nextCommand(facts, state);
    if (command !== null) expect(command).toMatch(/^dispatch [a-z]+ [^\n<>]+$/);
  });

  holds("has events of which no two are the same", [facts, nowMs], (facts, nowMs) => {
    const events = eventsOf(facts, nowMs);
    const keys = events.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(eventsOf(facts, nowMs).map(({ key }) => key)).toEqual(keys);
    for (const key of keys) expect(key).not.toContain("\n");
  });
});

// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
const invisible = /[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/u;
const tag = /[<\ufe64\uff1c][\p{L}/!?]/u;

/** Safe for a terminal and for a host. */
function isSafe(text: string): void {
  expect(text).not.toMatch(control);
  expect(text).not.toMatch(invisible);
  expect(text).not.toMatch(tag);
}

function isSafeJson(value: unknown): void {
  JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === "string") isSafe(inner);
    return inner;
  });
}

/** Names of the config. */
const models = fc.array(name, { maxLength: 2 });
const left = fc.record({
  output: fc.constantFrom(null, ".dispatch/tasks/it/output.md"),
  changed: fc.option(fc.array(hostile, { maxLength: 5 })),
  others: models,
});
const work = fc.option(
  fc.record({
    files: fc.array(
      fc.record({ path: hostile, added: fc.option(fc.nat()), removed: fc.option(fc.nat()) }),
      { maxLength: 3 },
    ),
    branch: fc.option(
      fc.record({ name: fc.constant("dispatch/it"), commits: fc.nat(), uncommitted: fc.nat() }),
    ),
  }),
);
const wordy = [
  "text",
  "note",
  "title",
  "default",
  "evidence",
  "model",
  "alias",
  "answer",
  "prompt",
];
/** The same, but that all words of its worker's are long ones. */
const withLongWords = (facts: Facts): Facts =>
  JSON.parse(JSON.stringify(facts), (key, value: unknown) =>
    typeof value === "string" && wordy.includes(key) ? value.repeat(2_000) : value,
  );

describe("what is shown of a task holds nothing that a terminal or a host could be fooled with", () => {
  holds(
    "its status, line by line",
    [fc.array(facts, { maxLength: 5 }), models, fc.boolean(), nowMs],
    (all, others, inFull, nowMs) => {
      const text = statusText(all, new Map(), () => others, inFull, nowMs);
      isSafe(text);
      // A worker's words begin no line of their own.
      for (const line of text.split("\n")) expect(line).toMatch(/^(?:[✓?!○●] |  \S|no tasks;)/);
    },
  );

  holds("its events, in two lines", [facts, left, nowMs], (facts, left, nowMs) => {
    for (const event of eventsOf(facts, nowMs)) {
      const text = eventText(event, left);
      isSafe(text);
      expect(text.split("\n").length).toBeLessThanOrEqual(2);
      const told = event.kind === "outcome" ? event.state.kind : "";
      expect(text).toStartWith(`${facts.id} ${told}`);
      quotesClose(text.split("\n")[0]!);
    }
  });

  holds("any outcome, in two lines", [facts, state, left], (facts, state, left) => {
    const text = outcomeText(facts, state, left);
    isSafe(text);
    expect(text.split("\n").length).toBeLessThanOrEqual(2);
    quotesClose(text.split("\n")[0]!);
  });

  holds("its result", [facts, fc.option(hostile), work, left], (facts, output, work, left) => {
    isSafe(resultText(facts, output, work, sumOf([]), left.others));
    isSafe(modelName(facts));
  });

  // Every line is paid for by whoever reads it.
  holds(
    "a few lines of some length, however long the worker's words",
    [facts, left],
    (short, left) => {
      const facts = withLongWords(short);
      const lengths = (text: string) => text.split("\n").map((line) => line.length);
      const status = lengths(statusText([facts], new Map(), () => [], false, 0));
      expect(status.length).toBeLessThan(20);
      for (const length of status) expect(length).toBeLessThan(700);
      for (const event of eventsOf(facts, 0))
        for (const length of lengths(eventText(event, left))) expect(length).toBeLessThan(700);
    },
  );

  holds("its log", [streamEvent], (event) => {
    isSafe(logText(event) ?? "");
    isSafeJson(logToJson(event));
  });

  holds("its JSON, which keeps to its schema", [facts, left, nowMs], (facts, left, nowMs) => {
    const task = taskToJson(facts, { output: left.output, worktree: left.output });
    isSafeJson(task);
    v.parse(taskJson, JSON.parse(JSON.stringify(task)));
    for (const event of eventsOf(facts, nowMs)) {
      const told = eventToJson(event, left);
      isSafeJson(told);
      v.parse(eventJson, JSON.parse(JSON.stringify(told)));
    }
  });
});

/** Words in quotes stand at a line's end, and hold no quotes: none were closed before. */
function quotesClose(line: string): void {
  const [head, ...parts] = line.split('"');
  if (parts.length === 0) return;
  expect(parts.length, head!).toBe(2);
}
