import { describe, expect, test } from "bun:test";
import { eventsOf } from "../../src/core/event.ts";
import type { Facts } from "../../src/core/task.ts";
import {
  asked,
  ended,
  facts,
  failure,
  live,
  parent,
  plan,
  policy,
  question,
  record,
  report,
  startedMs,
  streak,
} from "./builders.ts";

const [minute, hour] = [60_000, 3_600_000];
const endedMs = startedMs + 65_000;
const created = "2026-11-20T10:00:00.000Z";

/** What there is to tell, without what stands in every key. */
const told = (own: Partial<Facts>, nowMs = startedMs) =>
  eventsOf(facts(own), nowMs).map(({ key }) => key.replace(`paint ${created} `, ""));

/** A run that has met a limit, which is lifted after so long; nothing is added to that. */
const limited = (waitMs: number, number = 1): Partial<Facts> => ({
  run: ended(1, {
    number,
    record: record({ token: "0", streak: streak({ attempt: number - 1 }) }),
    report: report({
      ok: false,
      failure: failure({ cause: "rate_limit", resetsAtMs: endedMs + waitMs }),
    }),
  }),
});

describe("a task that is held is told of where it takes long", () => {
  test.each<[what: string, own: Partial<Facts>, keys: string[]]>([
    ["for a moment", limited(4_000), []],
    ["for two minutes", limited(2 * minute), []],
    ["for more than two minutes", limited(2 * minute + 1), ["held 1"]],
    ["for days", limited(72 * hour), ["held 1"]],
    ["until it is over already", limited(-minute), []],
    ["by a later run", limited(hour, 3), ["held 3"]],
    ["until somebody does something", { parents: [parent("failed (crash)")] }, ["held 0"]],
    ["not while it is queued behind another", { parents: [parent("running")] }, []],
    [
      "not once it is to start",
      { ...limited(hour), resume: { model: null, fresh: false, told: null, token: "" } },
      [],
    ],
    ["not once it is stopped", { ...limited(hour), stop: { by: "person" } }, ["outcome 1 stopped"]],
    ["nor as it fails for good", limited(hour, 6), ["outcome 6 failed"]],
    [
      "nor while it goes on with another model",
      {
        ...limited(hour),
        asked: asked({ policy: policy({ fallback: ["sonnet"] }) }),
      },
      [],
    ],
  ])("%s", (_, own, keys) => {
    // Whenever somebody looks.
    for (const nowMs of [startedMs, endedMs + hour, endedMs + 100 * hour])
      expect(told(own, nowMs)).toEqual(keys);
  });

  test("with what belongs to it", () => {
    const own = facts(limited(hour));
    expect(eventsOf(own, startedMs)).toEqual([
      {
        kind: "held",
        key: `paint ${created} held 1`,
        facts: own,
        state: {
          kind: "held",
          reason: "try 1 of 5 after rate_limit",
          cause: "rate_limit",
          evidence: "it broke",
          untilMs: endedMs + hour,
        },
      },
    ]);
  });
});

describe("a run that is silent is told of once", () => {
  const quarter = 15 * minute;
  test.each<[what: string, own: Partial<Facts>, nowMs: number, keys: string[]]>([
    ["not before its time", { run: live() }, startedMs + quarter, []],
    ["then", { run: live() }, startedMs + quarter + 1, ["stalled 1"]],
    ["by the same key later", { run: live() }, startedMs + 10 * hour, ["stalled 1"]],
    [
      "by the same key, though it has said something in between",
      { run: live({ saidMs: startedMs + hour }), planMs: startedMs + hour },
      startedMs + 2 * hour,
      ["stalled 1"],
    ],
    ["anew of its next run", { run: live({ number: 2 }) }, startedMs + hour, ["stalled 2"]],
    [
      "not while it waits for an answer, which is told of",
      { run: live(), questions: [question()] },
      startedMs + hour,
      ["question 001"],
    ],
    ["not where nothing runs", {}, startedMs + 10 * hour, []],
    [
      "not after its end",
      { run: ended(0), plan: plan("x Sand it", "x Paint it") },
      startedMs + 10 * hour,
      ["outcome 1 done"],
    ],
    ["not of another program's", { run: live(), asked: null }, startedMs + 10 * hour, []],
  ])("%s", (_, own, nowMs, keys) => {
    expect(told(own, nowMs)).toEqual(keys);
  });

  test("with what belongs to it", () => {
    const own = facts({ run: live() });
    expect(eventsOf(own, startedMs + hour)).toEqual([
      { kind: "stalled", key: `paint ${created} stalled 1`, facts: own, silentMs: hour },
    ]);
  });
});

test.each<[what: string, own: Partial<Facts>]>([
  [
    "an answer that its next run is for",
    { run: ended(0), questions: [question({ answer: "red" })] },
  ],
  ["a worker that is to be started again", { run: ended(null, { isStarted: false }) }],
])("no outcome of a task that goes on by itself: %s", (_, own) => {
  expect(told(own)).toEqual([]);
});
