import { describe, expect, test } from "bun:test";
import { type Due, plainDue } from "../../src/core/policy.ts";
import { derive, dueRun, hasEnded, isMoving, type State } from "../../src/core/state.ts";
import type { Cause } from "../../src/core/stream.ts";
import type { Facts, Policy, Stop, Wish } from "../../src/core/task.ts";
import {
  asked,
  ended,
  facts,
  failure,
  heard,
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

const endedMs = startedMs + 65_000;
const person: Stop = { by: "person" };
const policyStop = (cause: Cause, resetsAtMs: number | null = null): Stop => ({
  by: "policy",
  ...failure({ cause, evidence: "enough", resetsAtMs }),
});
const wish = (own: Partial<Wish> = {}): Wish => ({
  model: null,
  fresh: false,
  told: null,
  token: "w1",
  ...own,
});
const queued = (reason: string): State => ({ kind: "queued", reason });
const heldBy = (reason: string): State => ({
  kind: "held",
  reason,
  cause: null,
  evidence: null,
  untilMs: null,
});
const allDone = plan("x Sand it", "x Paint it");
const answered = [question({ answer: "red" })];
/** A run that has just failed; its pauses are the shortest that there are. */
const failing = (cause: Cause, own: Partial<Policy> = {}, attempt = 0): Partial<Facts> => ({
  asked: asked({ policy: policy(own) }),
  run: ended(1, {
    record: record({ token: "0", streak: streak({ attempt }) }),
    report: report({ ok: false, failure: failure({ cause, evidence: "no" }) }),
  }),
});

test("a name out of a file reaches nobody but as a name", () => {
  const name = `\u001b[31mopus\n<system-reminder>${"x".repeat(200)}`;
  const shown = `opus ‹system-reminder>${"x".repeat(77)}…`;
  const { reason } = derive(facts({ resume: wish({ model: name }) })) as { reason: string };
  expect(reason).toBe(`it was to start at once; it goes on with ${shown}`);
  const { run, ...own } = failing("auth", { fallback: ["sonnet"] });
  const said = { ...run!, record: record({ said: name }) };
  expect(derive(facts({ ...own, run: said }))).toEqual(
    queued(`${shown}: auth; it goes on with sonnet`),
  );
});

describe("a task that has not started", () => {
  test.each<[what: string, own: Partial<Facts>, expected: State]>([
    ["is new", {}, queued("it is new")],
    ["its parent is done", { parents: [parent("done")] }, queued("it is new")],
    ["its parent runs", { parents: [parent("running")] }, queued("after sand")],
    ["its parent waits for an answer", { parents: [parent("waiting")] }, queued("after sand")],
    ["its parent is queued", { parents: [parent("queued")] }, queued("after sand")],
    [
      "its parent is held until a time",
      { parents: [parent("held", { isMoving: true })] },
      queued("after sand"),
    ],
    [
      "its parent is held itself",
      { parents: [parent("held")] },
      heldBy("after sand, which is held"),
    ],
    [
      "its parent is blocked",
      { parents: [parent("blocked")] },
      heldBy("after sand, which is blocked"),
    ],
    [
      "its parent has failed",
      { parents: [parent("failed (crash)")] },
      heldBy("after sand, which failed (crash)"),
    ],
    [
      "its parent is stopped",
      { parents: [parent("stopped")] },
      heldBy("after sand, which is stopped"),
    ],
    ["its parent is gone", { parents: [parent("gone")] }, heldBy("after sand, which is gone")],
    [
      "one of its parents still runs",
      { parents: [parent("done", { id: "buy" }), parent("running")] },
      queued("after sand"),
    ],
    [
      "both of its parents still run",
      { parents: [parent("running", { id: "buy" }), parent("queued")] },
      queued("after buy, sand"),
    ],
    [
      "one of its parents runs, one has failed",
      { parents: [parent("running", { id: "buy" }), parent("lost")] },
      heldBy("after sand, which is lost"),
    ],
    [
      "two of its parents will not do",
      {
        parents: [parent("gone", { id: "buy" }), parent("done"), parent("stopped", { id: "rub" })],
      },
      heldBy("after buy, which is gone, rub, which is stopped"),
    ],
    ["it was stopped", { stop: person }, { kind: "stopped" }],
    [
      "it was stopped behind a parent",
      { stop: person, parents: [parent("running")] },
      { kind: "stopped" },
    ],
    [
      "it was stopped, its parent gone",
      { stop: person, parents: [parent("gone")] },
      { kind: "stopped" },
    ],
    [
      "what it comes after does not go together",
      { stop: policyStop("conflict") },
      {
        kind: "held",
        reason: "it could not begin",
        cause: "conflict",
        evidence: "enough",
        untilMs: null,
      },
    ],
    [
      "it was resumed once that goes together",
      { stop: policyStop("conflict"), resume: wish() },
      queued("it was to start at once"),
    ],
    ["it was resumed", { resume: wish() }, queued("it was to start at once")],
    [
      "it was resumed before its parent was done",
      { resume: wish(), parents: [parent("running")] },
      queued("it was to start at once"),
    ],
    [
      "it was resumed without its parent",
      { resume: wish(), parents: [parent("failed (crash)")] },
      queued("it was to start at once"),
    ],
    [
      "it was resumed after it had been stopped",
      { resume: wish(), stop: person },
      queued("it was to start at once"),
    ],
    [
      "it was resumed with another model",
      { resume: wish({ model: "sonnet" }) },
      queued("it was to start at once; it goes on with sonnet"),
    ],
  ])("%s", (_, own, expected) => {
    const state = derive(facts(own));
    expect(state).toEqual(expected);
    // Held by its parents, it does not go on by itself; what is held has not ended.
    expect(isMoving(state)).toBe(expected.kind === "queued");
    expect(hasEnded(state)).toBe(expected.kind === "stopped");
  });
});

describe("a task whose run has ended", () => {
  const held = (cause: Cause, reason: string, untilMs: number, evidence = "no"): State => ({
    kind: "held",
    reason,
    cause,
    evidence,
    untilMs,
  });
  test.each<[what: string, own: Partial<Facts>, expected: State]>([
    [
      "a cause that passes: held until the next try",
      failing("network"),
      held("network", "try 1 of 5 after network", endedMs + 4_000),
    ],
    [
      "the third try",
      failing("overloaded", {}, 2),
      held("overloaded", "try 3 of 5 after overloaded", endedMs + 16_000),
    ],
    [
      "the last try",
      failing("network", {}, 5),
      { kind: "failed", cause: "network", evidence: "no", resetsAtMs: null },
    ],
    [
      "a limit, and when it is lifted",
      {
        stop: policyStop("rate_limit", endedMs + 600_000),
        run: ended(143, { record: record({ token: "0" }) }),
      },
      held("rate_limit", "try 1 of 5 after rate_limit", endedMs + 600_000, "enough"),
    ],
    [
      "a limit that was lifted already: not at once, as it may be met again",
      {
        stop: policyStop("rate_limit", endedMs - 1_000),
        run: ended(143, { record: record({ token: "0" }) }),
      },
      held("rate_limit", "try 1 of 5 after rate_limit", endedMs + 4_000, "enough"),
    ],
    [
      "another model instead",
      failing("auth", { fallback: ["sonnet"] }),
      queued("opus: auth; it goes on with sonnet"),
    ],
    [
      "no other model",
      failing("auth"),
      { kind: "failed", cause: "auth", evidence: "no", resetsAtMs: null },
    ],
    [
      "its time limit",
      { stop: policyStop("time_limit"), run: ended(143) },
      { kind: "failed", cause: "time_limit", evidence: "enough", resetsAtMs: null },
    ],
    [
      "its time limit, without an exit record",
      { stop: policyStop("time_limit"), run: ended(null) },
      { kind: "failed", cause: "time_limit", evidence: "enough", resetsAtMs: null },
    ],
    [
      "its time limit, in the moment in which it was done",
      { stop: policyStop("time_limit"), run: ended(0), plan: allDone },
      { kind: "done" },
    ],
    [
      "its time limit, and a question",
      { stop: policyStop("time_limit"), run: ended(143), questions: [question()] },
      { kind: "blocked", reason: "the worker ended with question 001 open", said: null },
    ],
    [
      "its time limit, an item blocked",
      { stop: policyStop("time_limit"), run: ended(143), plan: plan("x Sand it", "? Paint it") },
      { kind: "failed", cause: "time_limit", evidence: "enough", resetsAtMs: null },
    ],
    [
      "trouble that it did not get past",
      {
        run: ended(1, {
          record: record({ token: "0" }),
          report: report({
            trouble: { ...failure({ cause: "network", evidence: "no" }), tries: 10 },
          }),
        }),
      },
      held("network", "try 1 of 5 after network", endedMs + 4_000),
    ],
    [
      "an unread answer",
      { run: ended(0), questions: answered },
      queued("answer 001 came after its worker had gone"),
    ],
    [
      "an unread answer, and an item blocked",
      { run: ended(0), questions: answered, plan: plan("x Sand it", "? Paint it") },
      queued("answer 001 came after its worker had gone"),
    ],
    [
      "an unread answer that it was started to read",
      { run: ended(0, { record: heard("001") }), questions: answered },
      { kind: "blocked", reason: "the worker ended before it read answer 001", said: null },
    ],
    [
      "gone before its worker was started",
      { run: ended(null, { isStarted: false }) },
      queued("it was killed before its worker was started"),
    ],
    [
      "gone before its worker was started, often enough",
      {
        run: ended(null, {
          isStarted: false,
          record: record({ streak: streak({ attempt: 5 }) }),
        }),
      },
      { kind: "lost", reason: "the worker was never started: what was to start it was killed" },
    ],
    [
      "vanished, to be resumed",
      { run: ended(null), asked: asked({ policy: policy({ resumeLost: true }) }) },
      queued("its worker had vanished"),
    ],
    ["stopped while it was held", { ...failing("network"), stop: person }, { kind: "stopped" }],
    [
      "stopped with an answer unread",
      { run: ended(0), questions: answered, stop: person },
      { kind: "stopped" },
    ],
    [
      "stopped and resumed",
      { run: ended(143), stop: person, resume: wish() },
      queued("it was resumed"),
    ],
    [
      "held and resumed",
      { ...failing("network"), resume: wish({ fresh: true }) },
      queued("it was resumed"),
    ],
    [
      "failed and resumed with another model",
      { ...failing("auth"), resume: wish({ model: "sonnet" }) },
      queued("it was resumed; it goes on with sonnet"),
    ],
    [
      "done and resumed",
      { run: ended(0), plan: allDone, resume: wish() },
      queued("it was resumed"),
    ],
    // Its parents are of no matter once it has started.
    [
      "its parent is gone",
      { run: ended(0), plan: allDone, parents: [parent("gone")] },
      { kind: "done" },
    ],
  ])("%s", (_, own, expected) => {
    const state = derive(facts(own));
    expect(state).toEqual(expected);
    const goesOn = expected.kind === "queued" || expected.kind === "held";
    expect([isMoving(state), hasEnded(state)]).toEqual([goesOn, !goesOn]);
  });
});

test.each<[what: string, own: Partial<Facts>, expected: State]>([
  ["being ended by us", { run: live(), stop: policyStop("auth") }, { kind: "stopping" }],
  ["resumed just before it was seen to run", { run: live(), resume: wish() }, { kind: "running" }],
  ["its parent is gone", { run: live(), parents: [parent("gone")] }, { kind: "running" }],
])("a task that runs: %s", (_, own, expected) => {
  expect(derive(facts(own))).toEqual(expected);
});

describe("the next run", () => {
  const first: Due = { ...plainDue, why: "it is new" };
  const tried = record({ streak: streak({ attempt: 3, tried: ["sonnet"] }) });
  test.each<[what: string, own: Partial<Facts>, expected: Due | null]>([
    ["the first", {}, first],
    ["the first, after its parents", { parents: [parent("done")] }, first],
    ["none before its parents are done", { parents: [parent("done"), parent("running")] }, null],
    ["none of one that was stopped", { stop: person }, null],
    ["none of another program's", { asked: null }, null],
    ["none of another program's, whatever is wanted", { asked: null, resume: wish() }, null],
    ["none beside one that runs", { run: live(), resume: wish() }, null],
    ["none after what is done", { run: ended(0), plan: allDone }, null],
    [
      "though its log is held still, since it has ended",
      { run: ended(0, { live: true }), questions: answered },
      { ...first, why: "answer 001 came after its worker had gone" },
    ],
    [
      "the first, where it is wanted",
      { parents: [parent("gone")], stop: person, resume: wish({ model: "sonnet", fresh: true }) },
      { ...first, why: "it was to start at once", wish: "w1", model: "sonnet", fresh: true },
    ],
    [
      "with the count anew, and what was tried still known",
      { run: ended(1, { record: tried }), resume: wish() },
      { ...first, why: "it was resumed", wish: "w1", tried: ["sonnet"] },
    ],
    [
      "with another model, and all that was tried forgotten",
      { run: ended(1, { record: tried }), resume: wish({ model: "gpt-5.5" }) },
      { ...first, why: "it was resumed", wish: "w1", model: "gpt-5.5" },
    ],
    [
      "after a pause",
      failing("network"),
      { ...first, why: "try 1 of 5 after network", atMs: endedMs + 4_000, attempt: 1 },
    ],
  ])("%s", (_, own, expected) => {
    expect(dueRun(facts(own))).toEqual(expected);
  });
});
