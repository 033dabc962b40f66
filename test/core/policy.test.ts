import { describe, expect, test } from "bun:test";
import { type Outcome, outcomeOf } from "../../src/core/outcome.ts";
import {
  backoffMs,
  type Due,
  dueAfter,
  endingOf,
  isDueNow,
  isStalled,
  noPolicy,
  silentSinceMs,
  plainDue,
} from "../../src/core/policy.ts";
import {
  type Cause,
  causes,
  type StreamEvent,
  summarise,
  type Trouble,
} from "../../src/core/stream.ts";
import type { Check, Facts, Policy, RunFacts, Streak } from "../../src/core/task.ts";
import {
  asked,
  ended,
  facts,
  failure,
  heard,
  live,
  plan,
  policy,
  question,
  record,
  report,
  startedMs,
  streak,
} from "./builders.ts";

const endedMs = startedMs + 65_000;
const [second, minute, hour] = [1_000, 60_000, 3_600_000];

/** What is to come after a task's latest run, as its own outcome says it. */
const dueOf = (own: Facts) => dueAfter(own, own.run!, outcomeOf(own, own.run!));

interface Failing {
  resetsAtMs?: number | null;
  policy?: Partial<Policy>;
  streak?: Partial<Streak>;
  token?: string;
  said?: string;
  own?: Partial<Facts>;
}
/** A task whose run has just failed. */
const failing = (
  cause: Cause,
  { resetsAtMs = null, token = "0", said = "opus", ...more }: Failing,
) =>
  facts({
    asked: asked({ policy: policy(more.policy) }),
    run: ended(1, {
      record: record({ token, said, streak: streak(more.streak) }),
      report: report({ ok: false, failure: failure({ cause, resetsAtMs }) }),
    }),
    ...more.own,
  });

const again: Due = { ...plainDue, attempt: 1 };

describe("what comes after a failure", () => {
  /** Nothing; the same model: after a pause, or when its limit is lifted; another model at once. */
  type Next = "–" | "pause" | "reset" | "other";
  type Row = [left: Next, near: Next, far: Next, usedUp: Next];
  const none: Row = ["–", "–", "–", "–"];
  const final: Row = ["other", "other", "other", "other"];
  // A reset is near where it is no further away than the longest pause.
  const expected: Record<Cause, { alone: Row; withOthers: Row }> = {
    auth: { alone: none, withOthers: final },
    billing: { alone: none, withOthers: final },
    model_unavailable: { alone: none, withOthers: final },
    cli_missing: { alone: none, withOthers: final },
    rate_limit: {
      alone: ["pause", "reset", "reset", "–"],
      withOthers: ["pause", "reset", "other", "other"],
    },
    // Nobody lifts these.
    overloaded: {
      alone: ["pause", "pause", "pause", "–"],
      withOthers: ["pause", "pause", "pause", "other"],
    },
    network: {
      alone: ["pause", "pause", "pause", "–"],
      withOthers: ["pause", "pause", "pause", "other"],
    },
    session_limit: {
      alone: ["–", "reset", "reset", "–"],
      withOthers: ["other", "reset", "other", "other"],
    },
    prompt_too_long: { alone: none, withOthers: none },
    permission: { alone: none, withOthers: none },
    turn_limit: { alone: none, withOthers: none },
    budget_limit: { alone: none, withOthers: none },
    time_limit: { alone: none, withOthers: none },
    item_failed: { alone: none, withOthers: none },
    verify: { alone: none, withOthers: none },
    conflict: { alone: none, withOthers: none },
    crash: { alone: none, withOthers: none },
    killed: { alone: none, withOthers: none },
    start_failed: { alone: none, withOthers: none },
  };

  const nearMs = endedMs + 600_000;
  const farMs = nearMs + 1;
  const columns: [what: string, resetsAtMs: number | null, attempt: number][] = [
    ["nobody says until when", null, 0],
    ["until soon", nearMs, 0],
    ["until late", farMs, 0],
    ["tried often enough, nobody says until when", null, 5],
    ["tried often enough, until soon", nearMs, 5],
    ["tried often enough, until late", farMs, 5],
  ];
  const rows = causes.flatMap((cause) =>
    (["alone", "withOthers"] as const).flatMap((whose) =>
      columns.map(([what, resetsAtMs, attempt], index) => {
        const next = expected[cause][whose][Math.min(index, 3)]!;
        return [cause, whose, what, next, resetsAtMs, attempt] as const;
      }),
    ),
  );
  test.each(rows)("%s, %s, %s: %s", (cause, whose, _, next, resetsAtMs, attempt) => {
    const fallback = whose === "alone" ? [] : ["sonnet"];
    const due = dueOf(failing(cause, { resetsAtMs, policy: { fallback }, streak: { attempt } }));
    const same = { ...again, attempt: attempt + 1, why: `try ${attempt + 1} of 5 after ${cause}` };
    // The token "0" makes pauses the shortest that there are.
    const dues: Record<Next, Due | null> = {
      "–": null,
      pause: { ...same, atMs: endedMs + 4_000 },
      reset: { ...same, atMs: resetsAtMs!, isGiven: true },
      other: { ...again, attempt: 0, why: `opus: ${cause}`, model: "sonnet", tried: ["opus"] },
    };
    expect(due).toEqual(dues[next]);
  });

  test.each<[what: string, own: Failing, next: Partial<Due> | null]>([
    ["the second try", { streak: { attempt: 1 } }, { attempt: 2, atMs: endedMs + 8_000 }],
    ["the last try", { streak: { attempt: 4 } }, { attempt: 5, atMs: endedMs + 64_000 }],
    ["no further try", { streak: { attempt: 5 } }, null],
    [
      "an item done in between, and the count begins anew",
      { streak: { attempt: 5 }, own: { plan: plan("x Sand it", " Paint it") } },
      { attempt: 1, atMs: endedMs + 4_000, why: "try 1 of 5 after rate_limit" },
    ],
    [
      "an item that was done before the run",
      { streak: { attempt: 5, done: 1 }, own: { plan: plan("x Sand it", " Paint it") } },
      null,
    ],
    [
      "an item that was taken back",
      { streak: { attempt: 5, done: 2 }, own: { plan: plan("x Sand it", " Paint it") } },
      null,
    ],
    [
      "a try within a policy of none",
      { policy: { retry: { attempts: 0, firstMs: 5_000, longestMs: 600_000 } } },
      null,
    ],
    [
      "a task of an older version, which has no policy",
      { policy: noPolicy, resetsAtMs: endedMs + minute },
      null,
    ],
    [
      "what was tried stays known",
      { streak: { tried: ["sonnet"] } },
      { model: null, tried: ["sonnet"] },
    ],
  ])("rate_limit: %s", (_, own, next) => {
    const due = dueOf(failing("rate_limit", own));
    if (next === null) expect(due).toBeNull();
    else expect(due).toMatchObject(next);
  });

  test.each<[what: string, own: Failing, next: Partial<Due> | null]>([
    [
      "the first of several",
      { policy: { fallback: ["sonnet", "gpt-5.5"] } },
      { model: "sonnet", tried: ["opus"] },
    ],
    [
      "the next, where one has been tried",
      {
        policy: { fallback: ["sonnet", "gpt-5.5"] },
        said: "sonnet",
        streak: { tried: ["opus"] },
      },
      { model: "gpt-5.5", tried: ["opus", "sonnet"], why: "sonnet: auth" },
    ],
    [
      "none, where all have been tried",
      {
        policy: { fallback: ["sonnet", "gpt-5.5"] },
        said: "gpt-5.5",
        streak: { tried: ["opus", "sonnet"] },
      },
      null,
    ],
    ["not the one that has just failed", { policy: { fallback: ["opus"] } }, null],
    [
      "with a count of its own",
      { policy: { fallback: ["sonnet"] }, streak: { attempt: 3 } },
      { model: "sonnet", attempt: 0, atMs: 0 },
    ],
  ])("another model: %s", (_, own, next) => {
    const due = dueOf(failing("auth", own));
    if (next === null) expect(due).toBeNull();
    else expect(due).toMatchObject(next);
  });

  test("a run without a record counts as the first", () => {
    const run = ended(1, {
      record: null,
      report: report({ ok: false, failure: failure({ cause: "network" }) }),
    });
    expect(dueOf(facts({ run }))).toMatchObject({ attempt: 1, tried: [] });
  });

  test.each<[what: string, own: Partial<Facts>]>([
    ["done", { plan: plan("x Sand it", "x Paint it"), run: ended(0) }],
    ["incomplete", { run: ended(0) }],
    ["blocked", { plan: plan("? Sand it", " Paint it"), run: ended(0) }],
    ["stopped", { stop: { by: "person" }, run: ended(143) }],
    [
      "stopped, whatever it failed of",
      { ...failing("rate_limit", { policy: { fallback: ["sonnet"] } }), stop: { by: "person" } },
    ],
    [
      "ended at its time limit",
      { stop: { by: "policy", ...failure({ cause: "time_limit" }) }, run: ended(143) },
    ],
    ["another program's", { ...failing("rate_limit", {}), asked: null }],
  ])("nothing after one that is %s", (_, own) => {
    expect(dueOf(facts(own))).toBeNull();
  });

  test("what ended a run for its cause counts as that cause", () => {
    const stop = {
      by: "policy" as const,
      ...failure({ cause: "session_limit", resetsAtMs: endedMs + minute }),
    };
    expect(dueOf(facts({ stop, run: ended(143) }))).toMatchObject({
      why: "try 1 of 5 after session_limit",
      model: null,
    });
  });

  test.each<[what: string, evidence: string, atMs: number]>([
    ["a time of day after its end", "You've hit your limit · resets 11:45am (UTC)", 105],
    ["a while after its end", "try again in 30s", 1.5],
  ])("the limit's own words tell when it is lifted: %s", (_, evidence, minutes) => {
    const run = ended(1, {
      record: record({ token: "0" }),
      report: report({ ok: false, failure: failure({ cause: "session_limit", evidence }) }),
      endedMs: startedMs + minute,
    });
    expect(dueOf(facts({ run }))?.atMs).toBe(startedMs + minutes * minute);
  });
});

describe("an answer that came after its worker had gone", () => {
  const unread = (number: string) => question({ number, answer: "red" });
  const why = "answer 001 came after its worker had gone";
  test.each<[what: string, own: Partial<Facts>, next: Partial<Due> | null]>([
    ["after exit 0", { run: ended(0), questions: [unread("001")] }, { why, atMs: 0, attempt: 0 }],
    [
      "after a crash",
      { run: ended(1), questions: [unread("001")] },
      { why, atMs: 0, model: null, fresh: false },
    ],
    [
      "of a worker that vanished",
      { run: ended(null), questions: [unread("001")] },
      { why, attempt: 0 },
    ],
    [
      "two of them",
      { run: ended(0), questions: [unread("001"), unread("002")] },
      { why: "answer 001, 002 came after its worker had gone" },
    ],
    [
      "after one that was read",
      {
        run: ended(0),
        questions: [question({ answer: "x", acknowledged: true }), unread("002")],
      },
      { why: "answer 002 came after its worker had gone" },
    ],
    [
      "whatever has been tried, and how often",
      {
        ...failing("rate_limit", { streak: { attempt: 5, tried: ["sonnet"] } }),
        questions: [unread("001")],
      },
      { why, attempt: 0, tried: ["sonnet"] },
    ],
    [
      "not while another question is open",
      { run: ended(0), questions: [unread("001"), question({ number: "002" })] },
      null,
    ],
    [
      "not where the run was started to read it",
      { run: ended(0, { record: heard("001") }), questions: [unread("001")] },
      null,
    ],
    [
      "but where it was started to read another",
      { run: ended(0, { record: heard("001") }), questions: [unread("001"), unread("002")] },
      { why: "answer 002 came after its worker had gone" },
    ],
    [
      "not where it was read",
      { run: ended(0), questions: [question({ answer: "red", acknowledged: true })] },
      null,
    ],
    [
      "not of a task that is done",
      {
        run: ended(0),
        plan: plan("x Sand it", "x Paint it"),
        questions: [unread("001")],
      },
      null,
    ],
    [
      "not of one that was stopped",
      { run: ended(143), stop: { by: "person" }, questions: [unread("001")] },
      null,
    ],
    ["not of another program's", { run: ended(0), asked: null, questions: [unread("001")] }, null],
  ])("%s", (_, own, next) => {
    const due = dueOf(facts(own));
    if (next === null) expect(due).toBeNull();
    else expect(due).toMatchObject(next);
  });

  test("one that it was started to read, and failed: the failure counts", () => {
    const own = failing("network", { streak: { answers: ["001"] } });
    expect(dueOf({ ...own, questions: [unread("001")] })?.why).toBe("try 1 of 5 after network");
  });
});

describe("a worker that has vanished", () => {
  const lost = (isStarted: boolean, attempt: number, own: Partial<Policy>) =>
    facts({
      asked: asked({ policy: policy(own) }),
      run: ended(null, { isStarted, record: record({ streak: streak({ attempt }) }) }),
    });
  const notStarted = "it was killed before its worker was started";
  const vanished = "its worker had vanished";
  const none = { attempts: 0, firstMs: 5_000, longestMs: 600_000 };
  test.each<[isStarted: boolean, resumeLost: boolean, attempt: number, why: string | null]>([
    [false, false, 0, notStarted],
    [false, true, 0, notStarted],
    [false, false, 4, notStarted],
    [false, false, 5, null],
    [true, false, 0, null],
    [true, true, 0, vanished],
    [true, true, 4, vanished],
    [true, true, 5, null],
  ])("started %p, resume_lost %p, try %p: %p", (isStarted, resumeLost, attempt, why) => {
    const due = dueOf(lost(isStarted, attempt, { resumeLost }));
    expect(due).toEqual(why === null ? null : { ...again, why, attempt: attempt + 1 });
  });

  // Without any tries one is still owed: nothing was tried yet.
  test.each<[isStarted: boolean, attempt: number, why: string | null]>([
    [false, 0, notStarted],
    [false, 1, null],
    [true, 0, vanished],
    [true, 1, null],
  ])("where there are no tries: started %p, try %p: %p", (isStarted, attempt, why) => {
    const due = dueOf(lost(isStarted, attempt, { resumeLost: true, retry: none }));
    expect(due?.why ?? null).toBe(why);
  });

  test("an item done in between begins the count anew", () => {
    const own = lost(true, 5, { resumeLost: true });
    expect(dueOf({ ...own, plan: plan("x Sand it", " Paint it") })?.attempt).toBe(1);
  });
});

test.each([
  ["claude", "No conversation found with session ID: 5c1a"],
  [
    "codex",
    "thread/resume: thread/resume failed: no rollout found for thread id 01a1 (code -32600)",
  ],
])("a session that %s does not find is gone on without", (_, evidence) => {
  const resumed = (resumes: number | null, began = false) =>
    facts({
      run: ended(1, {
        record: record({ resumes }),
        report: report({ ok: false, began, failure: failure({ evidence }) }),
      }),
    });
  expect(dueOf(resumed(1))).toMatchObject({ fresh: true, atMs: 0, why: "its session is gone" });
  // A worker that says so is none.
  expect(dueOf(resumed(null))).toBeNull();
  expect(dueOf(resumed(1, true))).toBeNull();
});

describe("a check that has failed", () => {
  const checked = (check: Check | null, verifyRetries = 2, checks = 0) =>
    facts({
      asked: asked({ policy: policy({ verifyRetries }), verify: "make check" }),
      plan: plan("x Sand it", "x Paint it"),
      run: ended(0, {
        record: record({ verify: "make check", streak: streak({ checks, done: 2 }) }),
        check,
      }),
    });
  const broken: Check = { exit: 2, tail: "1 test failed" };

  test("goes back to the worker with what it has found, so often", () => {
    expect(dueOf(checked(broken))).toEqual({
      ...plainDue,
      why: "its check failed (1 of 2 times back to it)",
      checks: 1,
      told: "The check `make check` has failed (exit code 2). The end of its output:\n\n1 test failed\n\nMend what it has found, then end as before.",
    });
    expect(dueOf(checked(broken, 2, 1))).toMatchObject({ checks: 2 });
    expect(dueOf(checked(broken, 2, 2))).toBeNull();
    expect(dueOf(checked(broken, 0))).toBeNull();
  });
  test("did not come to an end: nobody knows what it has found", () => {
    expect(dueOf(checked(null))).toBeNull();
  });
  test("keeps its count when something else comes between", () => {
    const { run, ...own } = checked(broken, 2, 1);
    const overloaded = report({ ok: false, failure: failure({ cause: "overloaded" }) });
    expect(dueOf({ ...own, run: { ...run!, report: overloaded } })).toMatchObject({ checks: 1 });
  });

  test.each<[what: string, check: Check | null, outcome: Outcome]>([
    ["well", { exit: 0, tail: "" }, { kind: "done" }],
    [
      "not well",
      broken,
      {
        kind: "failed",
        ...failure({
          cause: "verify",
          evidence: "make check ended with exit code 2: 1 test failed",
        }),
      },
    ],
    [
      "not at all",
      null,
      {
        kind: "failed",
        ...failure({ cause: "verify", evidence: "its check did not come to an end: make check" }),
      },
    ],
  ])("it ended %s", (_, check, outcome) => {
    const task = checked(check);
    expect(outcomeOf(task, task.run!)).toEqual(outcome);
  });
});

describe("the pause before the next try", () => {
  const retry = { attempts: 9, firstMs: 5 * second, longestMs: 10 * minute };
  test.each<[attempt: number, seconds: number]>([
    [1, 5],
    [2, 10],
    [3, 20],
    [4, 40],
    [7, 320],
    [8, 600],
    [9, 600],
    [5_000, 600],
  ])("doubles: before try %p it is %p s, a fifth shorter or longer", (attempt, seconds) => {
    expect(backoffMs(retry, attempt, 0.5)).toBe(seconds * second);
    expect(backoffMs(retry, attempt, 0)).toBe(seconds * 800);
    expect(backoffMs(retry, attempt, 1)).toBe(seconds * 1_200);
  });

  const pauseOf = (token: string, resetsAtMs: number | null = null) =>
    dueOf(failing("rate_limit", { token, resetsAtMs }))!.atMs;

  test("is always the same for a run, another for each, and within its bounds", () => {
    const tokens = Array.from({ length: 100 }, (_, index) =>
      Bun.hash(String(index)).toString(16).padStart(16, "0"),
    );
    const pauses = tokens.map((token) => pauseOf(token) - endedMs);
    expect(tokens.map((token) => pauseOf(token) - endedMs)).toEqual(pauses);
    expect(new Set(pauses).size).toBeGreaterThan(90);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(4_000);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(6_000);
    expect(Math.max(...pauses) - Math.min(...pauses)).toBeGreaterThan(1_500);
  });

  test.each<[what: string, token: string | undefined]>([
    ["no token", ""],
    ["one that is no number", "xyz"],
  ])("is the shortest for a run with %s", (_, token) => {
    expect(pauseOf(token!)).toBe(endedMs + 4_000);
  });

  // A tenth of the wait later at most, and a minute.
  test.each<[what: string, waitMs: number, spreadMs: number]>([
    ["in a minute", minute, 6_000],
    ["in a minute", minute, 6 * second],
    ["in ten minutes", 10 * minute, minute],
    ["in three hours", 3 * hour, minute],
  ])("a limit that is lifted %s is not tried by all at once", (_, waitMs, spreadMs) => {
    const resetsAtMs = endedMs + waitMs;
    expect(pauseOf("00000000", resetsAtMs)).toBe(resetsAtMs);
    expect(pauseOf("80000000", resetsAtMs)).toBe(resetsAtMs + spreadMs / 2);
    const latest = pauseOf("ffffffff", resetsAtMs) - resetsAtMs;
    expect(latest).toBeLessThanOrEqual(spreadMs);
    expect(latest).toBeGreaterThan(spreadMs * 0.99);
  });
});

test.each<[what: string, atMs: number, nowMs: number, endedMs: number | null, isNow: boolean]>([
  ["at once", 0, endedMs, endedMs, true],
  ["at once, where no run has ended", 0, endedMs, null, true],
  ["just before its time", endedMs + 5_000, endedMs + 4_999, endedMs, false],
  ["at its time", endedMs + 5_000, endedMs + 5_000, endedMs, true],
  ["after its time", endedMs + 5_000, endedMs + hour, endedMs, true],
  ["later, where no run has ended", endedMs + 5_000, endedMs, null, false],
  ["the clock was set back a little", endedMs + 5_000, endedMs - minute, endedMs, false],
  ["the clock was set back by an hour", endedMs + 5_000, endedMs - hour, endedMs, true],
])("a run is due: %s", (_, atMs, nowMs, endedAtMs, isNow) => {
  expect(isDueNow({ ...again, atMs }, nowMs, { endedMs: endedAtMs })).toBe(isNow);
});

test("when a limit is lifted stands, though the clock was set back", () => {
  const due = { ...again, atMs: endedMs + 5_000, isGiven: true };
  expect(isDueNow(due, endedMs - hour, { endedMs })).toBe(false);
});

describe("a run that has to be ended", () => {
  const trouble = (cause: Cause, own: Partial<Trouble> = {}) => ({
    trouble: { ...failure({ cause }), tries: 1, ...own },
  });
  const ending = (
    own: Partial<RunFacts["report"]>,
    workedMs: number,
    troubledMs: number,
    quietMs = 0,
  ) => {
    const run = live({ report: report(own) });
    const limited = asked({ policy: policy({ timeLimitMs: hour }) });
    return endingOf(facts({ asked: limited, run }), run, { workedMs, troubledMs, quietMs });
  };
  const endsAfter = (own: Partial<RunFacts["report"]>, troubledMs: number) =>
    ending(own, 0, troubledMs)?.cause ?? null;

  test.each<[what: string, workedMs: number, evidence: string | null]>([
    ["before its time limit", hour - 1, null],
    ["at its time limit", hour, null],
    ["after its time limit", hour + 1, "it has worked for longer than 1h"],
  ])("%s", (_, workedMs, evidence) => {
    const expected =
      evidence === null ? null : { cause: "time_limit" as const, evidence, resetsAtMs: null };
    expect(ending({}, workedMs, 0)).toEqual(expected);
  });

  test("never, where nothing limits it", () => {
    const run = live();
    expect(
      endingOf(facts({ run }), run, { workedMs: 1e12, troubledMs: 1e12, quietMs: 0 }),
    ).toBeNull();
    const theirs = facts({ asked: null, run });
    expect(endingOf(theirs, run, { workedMs: 1e12, troubledMs: 1e12, quietMs: 0 })).toBeNull();
  });

  test("the time limit comes before all trouble", () => {
    expect(ending(trouble("auth"), hour + 1, minute)?.cause).toBe("time_limit");
  });

  const hopeless = [
    "auth",
    "billing",
    "model_unavailable",
    "cli_missing",
    "session_limit",
  ] as const;
  const passing = ["rate_limit", "overloaded", "network"] as const;
  const isOneOf = (list: readonly Cause[]) => (cause: Cause) => list.includes(cause);
  const endings = (cause: Cause, tries: readonly number[], ms: readonly number[]) =>
    ms.flatMap((each) => tries.map((count) => endsAfter(trouble(cause, { tries: count }), each)));

  // A login is renewed, and a bad moment passes, within a second or two and with the second try.
  test.each(hopeless)("%s has a moment's patience, and two tries", (cause) => {
    expect(endings(cause, [1, 2], [0, 1_000, 3_000])).toEqual(Array(6).fill(null));
    expect(endings(cause, [1, 2], [3_001, hour])).toEqual(Array(4).fill(cause));
    expect(endings(cause, [3, 10], [0, 3_001])).toEqual(Array(4).fill(cause));
  });

  test.each(passing)("%s has half a minute's, however often it tries", (cause) => {
    expect(endings(cause, [1, 3, 10], [0, 3_001, 30_000])).toEqual(Array(9).fill(null));
    expect(endings(cause, [1, 3, 10], [30_001, hour])).toEqual(Array(6).fill(cause));
  });

  test.each<[cause: Cause, pauseMs: number | undefined, quietMs: number, isEnded: boolean]>([
    ["auth", 600, 0, true],
    ["auth", 600, 1_600, true],
    ["auth", 600, 1_601, false],
    ["auth", 69_000, minute, true],
    ["auth", undefined, hour, true],
    ["overloaded", 600, 10_600, true],
    ["overloaded", 600, 10_601, false],
    ["rate_limit", 53_000, minute, true],
    ["network", undefined, hour, true],
  ])(
    "who was to try again and is quiet goes on: %s, after %p ms, for %d ms",
    (cause, pauseMs, quietMs, isEnded) => {
      const own = trouble(cause, pauseMs === undefined ? {} : { pauseMs });
      expect(ending(own, 0, hour, quietMs)?.cause ?? null).toBe(isEnded ? cause : null);
    },
  );

  test.each(passing)("%s that says when it is over has a moment's", (cause) => {
    const own = trouble(cause, { resetsAtMs: startedMs + hour, tries: 9 });
    expect(ending(own, 0, 3_000)).toBeNull();
    expect(ending(own, 0, 3_001)).toEqual(failure({ cause, resetsAtMs: startedMs + hour }));
  });

  // What no other run would do better ends by itself, or at its time limit.
  const others = causes.filter((cause) => !isOneOf([...hopeless, ...passing])(cause));
  test.each(others)("%s ends no run", (cause) => {
    expect(endings(cause, [1, 10], [0, hour])).toEqual(Array(4).fill(null));
  });

  const retry = (cause: Cause): StreamEvent => ({ kind: "retry", text: "retry 1/10", cause });
  const error = (cause: Cause | null): StreamEvent => ({ kind: "error", text: "no", cause });
  const limit: StreamEvent = { kind: "limit", text: "limit", resetsAtMs: startedMs + hour };
  const tool: StreamEvent = { kind: "tool", text: "Bash ls" };
  const ok: StreamEvent = {
    kind: "result",
    ok: true,
    text: "",
    cause: null,
    denied: [],
    tokens: null,
    costUsd: null,
  };
  test.each<[what: string, events: StreamEvent[], cause: Cause | null]>([
    ["nothing", [tool], null],
    ["a retry", [retry("overloaded")], "overloaded"],
    ["a retry without a known cause", [{ kind: "retry", text: "hm", cause: null }], null],
    ["a retry, and then it goes on", [retry("auth"), tool], null],
    ["a retry, and then words", [retry("network"), { kind: "said", text: "Done." }], null],
    ["a retry, and then a piece", [retry("network"), { kind: "piece", text: "Do" }], null],
    ["a retry, and then output", [retry("network"), { kind: "output", text: "ok" }], null],
    ["a retry after it went on", [retry("auth"), tool, retry("overloaded")], "overloaded"],
    ["a limit, and then it goes on", [limit, tool], null],
    // After it, a CLI is about to end, or hangs.
    ["an error", [error("auth")], "auth"],
    ["an error of a kind that passes", [error("network")], "network"],
    ["an error without a known cause", [error(null)], null],
    ["an error, and then it goes on", [error("auth"), tool], null],
    ["an error, and then its verdict", [error("auth"), ok], null],
    ["an error after it went on", [error("auth"), tool, error("rate_limit")], "rate_limit"],
  ])("as its stream tells, after a minute: %s", (_, events, cause) => {
    expect(endsAfter(summarise(events), minute)).toBe(cause);
  });
});

describe("the silence of a run", () => {
  const [t0, t1, t2] = [startedMs, startedMs + minute, startedMs + 2 * minute];
  test.each<[what: string, own: Partial<Facts>, sinceMs: number | null]>([
    ["since its last output", { run: live({ saidMs: t1 }) }, t1],
    ["since it changed its plan", { run: live({ saidMs: t1 }), planMs: t2 }, t2],
    ["since it said something", { run: live({ saidMs: t2 }), planMs: t1 }, t2],
    [
      "since it asked something, which is answered",
      { run: live({ saidMs: t0 }), questions: [question({ askedMs: t2, answer: "red" })] },
      t2,
    ],
    ["without any sign", { run: live({ saidMs: null }), planMs: null }, null],
    ["without output", { run: live({ saidMs: null }), planMs: t1 }, t1],
    ["while it waits", { run: live(), questions: [question()] }, null],
    [
      "while it waits for the second answer",
      { run: live(), questions: [question({ answer: "red" }), question({ number: "002" })] },
      null,
    ],
    ["after its end", { run: ended(0) }, null],
    ["after its end, the lock still held", { run: ended(0, { live: true }) }, null],
    ["after it vanished", { run: ended(null) }, null],
    ["before its start", {}, null],
  ])("%s", (_, own, sinceMs) => {
    expect(silentSinceMs(facts(own))).toBe(sinceMs);
  });

  const quarter = 15 * minute;
  test.each<[what: string, own: Partial<Facts>, nowMs: number, isTold: boolean]>([
    ["not yet", { run: live() }, t0 + quarter, false],
    ["now", { run: live() }, t0 + quarter + 1, true],
    ["not while it waits", { run: live(), questions: [question()] }, t0 + hour, false],
    ["not after its end", { run: ended(0) }, t0 + hour, false],
    ["not where the clock was set back", { run: live() }, t0 - hour, false],
    [
      "not where nothing says how long",
      { run: live(), asked: asked({ policy: policy({ stallAfterMs: Infinity }) }) },
      t0 + 1e12,
      false,
    ],
    ["not of another program's", { run: live(), asked: null }, t0 + 1e12, false],
  ])("is told: %s", (_, own, nowMs, isTold) => {
    expect(isStalled(facts(own), nowMs)).toBe(isTold);
  });
});
