import { describe, expect, test } from "bun:test";
import { eventsOf } from "../../src/core/event.ts";
import { nextCommand } from "../../src/core/next.ts";
import type { Cause } from "../../src/core/stream.ts";
import { derive, hasEnded, isLive, isMoving, type State } from "../../src/core/state.ts";
import {
  elapsed,
  elapsedMs,
  type Facts,
  type RunFacts,
  shownPlan,
  type Stop,
} from "../../src/core/task.ts";
import {
  asked,
  ended,
  facts,
  failure,
  heard,
  live,
  parent,
  plan,
  question,
  record,
  report,
  startedMs,
  streak,
} from "./builders.ts";

const nowMs = startedMs + 300_000;

const allDone = plan("x Sand it", "x Paint it");
const half = plan("x Sand it", " Paint it");
const blocked = plan("x Sand it", "? Paint it");
const failedItem = plan("! Sand it", " Paint it");
const withNote = (items: typeof blocked, at: number, note: string) => ({
  ...items,
  items: items.items.map((item, index) => (index === at ? { ...item, note } : item)),
});

const unanswered = [question()];
const answered = [question({ answer: "red" })];
const acknowledged = [question({ answer: "red", acknowledged: true })];

const person: Stop = { by: "person" };
const auth = failure({ cause: "auth", evidence: "Not logged in" });
const refused = report({ ok: false, text: "Not logged in", failure: auth });
const denied = report({ ok: true, denied: ["Bash echo one >> out.txt", "Write two.txt"] });

const waitingAnswer = "the worker ended with question 001 open";
const unread = "the worker ended before it read answer 001";
const incomplete = (open: number): State => ({
  kind: "incomplete",
  reason: `the worker ended with ${open} of 2 items open`,
});
const failed = (cause: Cause, evidence: string): State => ({
  kind: "failed",
  cause,
  evidence,
  resetsAtMs: null,
});
const lost: State = {
  kind: "lost",
  reason: "the worker vanished without an exit record (killed, or the machine went down)",
};

describe("the state that follows from the facts", () => {
  test.each<[what: string, own: Partial<Facts>, expected: State]>([
    // No run.
    ["asked for, never started", {}, { kind: "queued", reason: "it is new" }],

    // A run that goes on: the lock is held and there is no exit record.
    ["it runs", { run: live() }, { kind: "running" }],
    [
      "it runs, and its question is answered",
      { run: live(), questions: answered },
      { kind: "running" },
    ],
    ["it runs, all ticked", { run: live(), plan: allDone }, { kind: "running" }],
    ["it runs, an item blocked", { run: live(), plan: blocked }, { kind: "running" }],
    ["it waits", { run: live(), questions: unanswered }, { kind: "waiting" }],
    [
      "it waits with its second question",
      { run: live(), questions: [...acknowledged, question({ number: "002" })] },
      { kind: "waiting" },
    ],
    ["it is being stopped", { run: live(), stop: person }, { kind: "stopping" }],
    [
      "it is being stopped while it waits",
      { run: live(), stop: person, questions: unanswered },
      { kind: "stopping" },
    ],

    // Stopped: on purpose, however it ended.
    ["stopped", { run: ended(143), stop: person }, { kind: "stopped" }],
    ["stopped, without an exit record", { run: ended(null), stop: person }, { kind: "stopped" }],
    [
      "stopped, its lock still held",
      { run: ended(143, { live: true }), stop: person },
      { kind: "stopped" },
    ],
    [
      "stopped with a question open",
      { run: ended(143), stop: person, questions: unanswered, plan: blocked },
      { kind: "stopped" },
    ],
    [
      "stopped in the moment in which it was done",
      { run: ended(0), stop: person, plan: allDone },
      { kind: "stopped" },
    ],

    [
      "failed: an error was the last that it said, whatever its exit code",
      {
        run: ended(0, {
          report: report({
            failure: failure({ cause: "auth", evidence: "no" }),
            trouble: { ...failure({ cause: "auth", evidence: "no" }), tries: 1 },
          }),
        }),
      },
      { kind: "failed", cause: "auth", evidence: "no", resetsAtMs: null },
    ],
    [
      "incomplete: it got over its error, and ended before its time",
      { run: ended(0, { report: report({ failure: failure({ cause: "auth" }) }) }) },
      { kind: "incomplete", reason: "the worker ended with 2 of 2 items open" },
    ],

    // Done is earned.
    ["done", { run: ended(0), plan: allDone }, { kind: "done" }],
    [
      "done, by the backend's word too",
      { run: ended(0, { report: report({ ok: true }) }), plan: allDone },
      { kind: "done" },
    ],
    [
      "done, the lock not yet let go",
      { run: ended(0, { live: true }), plan: allDone },
      { kind: "done" },
    ],
    [
      "done, with a question that nobody needed to answer",
      { run: ended(0), plan: allDone, questions: unanswered },
      { kind: "done" },
    ],
    [
      "done, though an answer was not acknowledged",
      { run: ended(0), plan: allDone, questions: answered },
      { kind: "done" },
    ],
    [
      "exit 0 and all ticked, but the backend reports an error",
      { run: ended(0, { report: refused }), plan: allDone },
      failed("auth", "Not logged in"),
    ],
    [
      "exit 0 and all ticked, but permissions were denied",
      { run: ended(0, { report: denied }), plan: allDone },
      failed("permission", "the worker was denied: Bash echo one >> out.txt, Write two.txt"),
    ],
    [
      "all ticked, but ended by a signal",
      { run: ended(143), plan: allDone },
      failed("killed", "the worker was ended by signal 15"),
    ],
    ["all ticked, but without an exit record", { run: ended(null), plan: allDone }, lost],

    // Blocked: a person's turn.
    [
      "an unanswered question after exit 0",
      { run: ended(0), questions: unanswered, plan: half },
      { kind: "blocked", reason: waitingAnswer, said: null },
    ],
    [
      "two unanswered questions",
      { run: ended(0), questions: [...unanswered, question({ number: "002" })], plan: half },
      { kind: "blocked", reason: "the worker ended with question 001, 002 open", said: null },
    ],
    [
      "an unanswered question after a crash",
      { run: ended(1), questions: unanswered },
      { kind: "blocked", reason: waitingAnswer, said: null },
    ],
    [
      "an unanswered question of a worker that vanished",
      { run: ended(null), questions: unanswered },
      { kind: "blocked", reason: waitingAnswer, said: null },
    ],
    [
      "a blocked item, by its note",
      { run: ended(0), plan: withNote(blocked, 1, "Which colour?") },
      { kind: "blocked", reason: "an item is blocked", said: "Which colour?" },
    ],
    [
      "a blocked item without a note",
      { run: ended(0), plan: blocked },
      { kind: "blocked", reason: "an item is blocked", said: "Paint it" },
    ],
    [
      "a blocked item, whatever the exit",
      { run: ended(1), plan: blocked },
      { kind: "blocked", reason: "an item is blocked", said: "Paint it" },
    ],
    [
      "an answer that it was started to read, and did not",
      { run: ended(0, { record: heard("001") }), questions: answered, plan: half },
      { kind: "blocked", reason: unread, said: null },
    ],

    // Failed, with its cause.
    ["a failed item", { run: ended(0), plan: failedItem }, failed("item_failed", "Sand it")],
    [
      "a failed item, with its note",
      { run: ended(1), plan: withNote(failedItem, 0, "no sand") },
      failed("item_failed", "Sand it: no sand"),
    ],
    [
      "a failed item before a blocked one",
      { run: ended(0), plan: plan("! Sand it", "? Paint it") },
      { kind: "blocked", reason: "an item is blocked", said: "Paint it" },
    ],
    [
      "the backend's own failure",
      { run: ended(1, { report: refused }) },
      failed("auth", "Not logged in"),
    ],
    [
      "the backend's own failure, with exit 0",
      { run: ended(0, { report: refused }) },
      failed("auth", "Not logged in"),
    ],
    [
      "an error that was told, and then a bad exit",
      { run: ended(1, { report: report({ failure: auth }) }) },
      failed("auth", "Not logged in"),
    ],
    [
      "a failure of the backend's tells more than an exit above 128, which may be an HTTP status",
      { run: ended(144, { report: refused }) },
      failed("auth", "Not logged in"),
    ],
    // The next run would only fail in the same way: the cause has to be seen.
    [
      "the backend's own failure, with an answer unread that it was started to read",
      { run: ended(1, { report: refused, record: heard("001") }), questions: answered },
      failed("auth", "Not logged in"),
    ],
    [
      "denied permissions, and items open",
      { run: ended(0, { report: denied }), plan: half },
      failed("permission", "the worker was denied: Bash echo one >> out.txt, Write two.txt"),
    ],
    [
      "a bad exit and no words",
      { run: ended(1) },
      failed("crash", "the worker ended with exit code 1"),
    ],
    [
      "a bad exit and last words",
      { run: ended(2, { report: report({ text: "usage: …\nerror: unexpected argument\n" }) }) },
      failed("crash", "the worker ended with exit code 2: error: unexpected argument"),
    ],
    ["killed", { run: ended(137) }, failed("killed", "the worker was ended by signal 9")],
    [
      "an HTTP status as an exit code",
      { run: ended(173) },
      failed("crash", "the worker ended with exit code 173"),
    ],
    [
      "no such command",
      { run: ended(127, { report: report({ text: "sh: claude: not found" }) }) },
      failed(
        "start_failed",
        "the worker's command could not be run (exit 127): sh: claude: not found",
      ),
    ],
    [
      "a command that may not be run",
      { run: ended(126) },
      failed("start_failed", "the worker's command could not be run (exit 126)"),
    ],

    // Incomplete.
    ["exit 0, items open", { run: ended(0), plan: half }, incomplete(1)],
    ["exit 0, plan untouched", { run: ended(0) }, incomplete(2)],
    [
      "exit 0, its questions answered and read",
      { run: ended(0), plan: half, questions: acknowledged },
      incomplete(1),
    ],
    ["exit 0, the plan gone", { run: ended(0), plan: null }, incomplete(2)],
    ["exit 0, the plan emptied", { run: ended(0), plan: plan() }, incomplete(2)],
    [
      "exit 0, the open item dropped from the plan",
      { run: ended(0), plan: plan("x Sand it") },
      incomplete(1),
    ],
    [
      "exit 0, an error on the way that it got over",
      { run: ended(0, { report: report({ ok: true }) }), plan: half },
      incomplete(1),
    ],

    // Lost.
    ["no exit record, the lock let go", { run: ended(null), plan: half }, lost],
    ["the same, the plan gone", { run: ended(null), plan: null }, lost],
    [
      "the same, without the run's own record",
      { run: ended(null, { record: null }), plan: half },
      lost,
    ],

    // Another program's task: only its files speak.
    [
      "theirs, untouched",
      { asked: null },
      { kind: "queued", reason: "its worker was not started by dispatch" },
    ],
    [
      "theirs, without a plan",
      { asked: null, plan: null },
      { kind: "queued", reason: "its worker was not started by dispatch" },
    ],
    [
      "theirs, under way",
      { asked: null, plan: half },
      { kind: "queued", reason: "its worker was not started by dispatch" },
    ],
    ["theirs, all ticked", { asked: null, plan: allDone }, { kind: "done" }],
    [
      "theirs, with a question",
      { asked: null, plan: half, questions: unanswered },
      { kind: "waiting" },
    ],
    [
      "theirs, blocked",
      { asked: null, plan: withNote(blocked, 1, "Which?") },
      { kind: "blocked", reason: "an item is blocked", said: "Which?" },
    ],
    ["theirs, failed", { asked: null, plan: failedItem }, failed("item_failed", "Sand it")],
  ])("%s", (_, own, expected) => {
    expect(derive(facts(own))).toEqual(expected);
  });
});

test.each<[what: string, state: Partial<State>, live: boolean, ended: boolean, moving: boolean]>([
  ["queued", {}, false, false, true],
  ["held", { untilMs: startedMs }, false, false, true],
  ["held until somebody does something", { kind: "held", untilMs: null }, false, false, false],
  ["running", {}, true, false, true],
  ["waiting", {}, true, false, true],
  ["stopping", {}, true, false, true],
  ["stopped", {}, false, true, false],
  ["done", {}, false, true, false],
  ["blocked", {}, false, true, false],
  ["failed", {}, false, true, false],
  ["incomplete", {}, false, true, false],
  ["lost", {}, false, true, false],
])("a task that is %s", (kind, own, alive, over, moving) => {
  const state = { kind, reason: "", cause: "crash", evidence: "", ...own } as State;
  expect([isLive(state), hasEnded(state), isMoving(state)]).toEqual([alive, over, moving]);
});

describe("what a host is told once, by key", () => {
  test.each<[what: string, own: Partial<Facts>, keys: string[]]>([
    ["nothing of a task that was not started", {}, []],
    ["nothing of one that runs", { run: live() }, []],
    ["nothing of one that is being stopped", { run: live(), stop: person }, []],
    [
      "a question",
      { run: live(), questions: unanswered },
      ["paint 2026-11-20T10:00:00.000Z question 001"],
    ],
    [
      "the open ones of several questions",
      {
        run: live(),
        questions: [...acknowledged, question({ number: "002" }), question({ number: "003" })],
      },
      [
        "paint 2026-11-20T10:00:00.000Z question 002",
        "paint 2026-11-20T10:00:00.000Z question 003",
      ],
    ],
    [
      "an outcome",
      { run: ended(0), plan: allDone },
      ["paint 2026-11-20T10:00:00.000Z outcome 1 done"],
    ],
    [
      "the outcome of a later run",
      { run: ended(1, { number: 3 }) },
      ["paint 2026-11-20T10:00:00.000Z outcome 3 failed"],
    ],
    [
      "a question first, then the outcome",
      { run: ended(0), questions: unanswered },
      [
        "paint 2026-11-20T10:00:00.000Z question 001",
        "paint 2026-11-20T10:00:00.000Z outcome 1 blocked",
      ],
    ],
    [
      "the outcome anew, once an answer changed it",
      { run: ended(0), questions: acknowledged },
      ["paint 2026-11-20T10:00:00.000Z outcome 1 incomplete"],
    ],
    [
      "another program's question",
      { asked: null, questions: unanswered },
      ["paint - question 001"],
    ],
    ["no outcome of another program's", { asked: null, plan: allDone }, []],
  ])("%s", (_, own, keys) => {
    expect(eventsOf(facts(own), nowMs).map(({ key }) => key)).toEqual(keys);
  });

  test("with what belongs to it", () => {
    const own = facts({ run: ended(0), questions: unanswered, plan: half });
    expect(eventsOf(own, nowMs)).toEqual([
      {
        kind: "question",
        key: "paint 2026-11-20T10:00:00.000Z question 001",
        facts: own,
        question: unanswered[0]!,
      },
      {
        kind: "outcome",
        key: "paint 2026-11-20T10:00:00.000Z outcome 1 blocked",
        facts: own,
        state: { kind: "blocked", reason: waitingAnswer, said: null },
      },
    ]);
  });
});

describe("the next command", () => {
  const failing = (cause: Cause, own: Partial<RunFacts> = {}): Partial<Facts> => ({
    run: ended(1, {
      report: report({ ok: false, failure: failure({ cause, evidence: "…" }) }),
      ...own,
    }),
  });
  const usedUp = { record: record({ streak: streak({ attempt: 5 }) }) };
  test.each<[what: string, own: Partial<Facts>, command: string | null]>([
    ["queued", {}, null],
    ["queued by another program", { asked: null }, null],
    ["running", { run: live() }, null],
    ["stopping", { run: live(), stop: person }, null],
    ["waiting", { run: live(), questions: unanswered }, 'dispatch answer paint 001 "…"'],
    [
      "waiting, the first one answered",
      { run: live(), questions: [...acknowledged, question({ number: "002" })] },
      'dispatch answer paint 002 "…"',
    ],
    ["stopped", { run: ended(143), stop: person }, "dispatch resume paint"],
    ["done", { run: ended(0), plan: allDone }, "dispatch result paint"],
    [
      "blocked by a question",
      { run: ended(0), questions: unanswered },
      'dispatch answer paint 001 "…"',
    ],
    ["blocked by an item", { run: ended(0), plan: blocked }, 'dispatch answer paint "…"'],
    [
      "blocked by an item, its answer given",
      { run: ended(0, { record: heard("001") }), plan: blocked, questions: answered },
      "dispatch resume paint",
    ],
    [
      "blocked by an unread answer",
      { run: ended(0, { record: heard("001") }), questions: answered },
      "dispatch resume paint",
    ],
    ["incomplete", { run: ended(0), plan: half }, "dispatch resume paint"],
    ["lost", { run: ended(null) }, "dispatch resume paint"],
    [
      "failed: auth",
      failing("auth"),
      "dispatch resume paint, once the user has logged in to its CLI; or with --model M",
    ],
    [
      "failed: billing",
      failing("billing"),
      "dispatch resume paint --model M (dispatch models lists them)",
    ],
    [
      "failed: session_limit",
      failing("session_limit"),
      "dispatch resume paint --model M (dispatch models lists them)",
    ],
    [
      "failed: model_unavailable",
      failing("model_unavailable"),
      "dispatch resume paint --model M (dispatch models lists them)",
    ],
    [
      "failed: cli_missing",
      failing("cli_missing"),
      "dispatch resume paint --model M (dispatch models lists them)",
    ],
    [
      "failed: start_failed",
      { run: ended(127) },
      "dispatch logs paint (why), or dispatch resume paint (again)",
    ],
    [
      "failed: crash",
      { run: ended(1) },
      "dispatch logs paint (why), or dispatch resume paint (again)",
    ],
    ["failed: prompt_too_long", failing("prompt_too_long"), "dispatch resume paint --fresh"],
    ["failed: killed", { run: ended(137) }, "dispatch resume paint"],
    [
      "failed: rate_limit, and tried often enough",
      failing("rate_limit", usedUp),
      "dispatch resume paint --model M (dispatch models lists them)",
    ],
    [
      "failed: overloaded, and tried often enough",
      failing("overloaded", usedUp),
      "dispatch resume paint --model M (dispatch models lists them)",
    ],
    [
      "failed: network, and tried often enough",
      failing("network", usedUp),
      "dispatch resume paint",
    ],
    ["held: rate_limit", failing("rate_limit"), null],
    ["held: overloaded", failing("overloaded"), null],
    ["held: network", failing("network"), null],
    [
      "held by a task that it comes after",
      { parents: [parent("failed")] },
      "dispatch resume paint (without them)",
    ],
    ["queued behind a task that it comes after", { parents: [parent("running")] }, null],
    ["queued for its answer", { run: ended(0), questions: answered }, null],
    ["failed: an item", { run: ended(0), plan: failedItem }, "dispatch resume paint"],
  ])("%s", (_, own, command) => {
    const look = facts(own);
    expect(nextCommand(look, derive(look))).toBe(command);
  });
});

describe("the next command names models that can be used instead", () => {
  const look = facts();
  test.each<[cause: Cause, others: string[], command: string]>([
    ["billing", ["gpt-5.5"], "dispatch resume paint --model gpt-5.5 (--save keeps it so)"],
    [
      "session_limit",
      ["gpt-5.5", "gemini", "auto"],
      "dispatch resume paint --model gpt-5.5 (or gemini, auto; --save keeps it so)",
    ],
    [
      "auth",
      ["gpt-5.5"],
      "dispatch resume paint, once the user has logged in to its CLI; or with --model gpt-5.5 (--save keeps it so)",
    ],
    // Another model would do no better.
    ["crash", ["gpt-5.5"], "dispatch logs paint (why), or dispatch resume paint (again)"],
    ["time_limit", ["gpt-5.5"], "dispatch resume paint"],
  ])("%s, %p", (cause, others, command) => {
    const state: State = { kind: "failed", ...failure({ cause }) };
    expect(nextCommand(look, state, others)).toBe(command);
  });
});

describe("the plan as it is shown", () => {
  const dropped = (text: string) => ({
    marker: " " as const,
    text,
    note: "no longer in the plan",
    line: 0,
  });
  test("is the file's", () => {
    expect(shownPlan(facts({ plan: allDone }))).toEqual(allDone);
  });
  test("is what was asked for, where the file is gone", () => {
    expect(shownPlan(facts({ plan: null }))).toEqual({
      title: "Paint the shed",
      items: [dropped("Sand it"), dropped("Paint it")],
    });
  });
  test("is empty, where nothing tells what was asked for", () => {
    expect(shownPlan(facts({ plan: null, asked: null }))).toEqual({ title: null, items: [] });
  });
  test("is the worker's own, where it was to write one", () => {
    const own = facts({ asked: asked({ items: ["paint the shed"], ownPlan: true }), plan: half });
    expect(shownPlan(own)).toEqual(half);
  });
});

test.each<[what: string, own: Partial<Facts>, ms: number | null, shown: string | null]>([
  ["never started", {}, null, null],
  ["without a record", { run: ended(0, { record: null }) }, null, null],
  ["running for five minutes", { run: live() }, 300_000, "5m"],
  ["ended after 65 seconds", { run: ended(0) }, 65_000, "1m 5s"],
  [
    "started after the clock was set back",
    { run: live({ record: record({ started: "2026-11-20T11:00:00Z" }) }) },
    0,
    "0s",
  ],
])("how long a run took: %s", (_, own, ms, shown) => {
  expect([elapsedMs(facts(own), nowMs), elapsed(facts(own), nowMs)]).toEqual([ms, shown]);
});
