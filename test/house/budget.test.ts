/**
 * Every word that reaches a host session is paid for with its context: what each text may cost,
 * in tokens of o200k_base. A budget is what the text costs now and a tenth more; whoever raises
 * one says in the commit what the host gets for it. docs/context-cost.md has whole sessions.
 */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { parse } from "yaml";
import { eventsOf } from "../../src/core/event.ts";
import { wonBy } from "../../src/core/spending.ts";
import type { Question } from "../../src/core/question.ts";
import type { State } from "../../src/core/state.ts";
import type { Facts } from "../../src/core/task.ts";
import { estimateTokens } from "../../src/core/tokens.ts";
import { eventText, type Left, outcomeText, statusText } from "../../src/render/human.ts";
import { statsText } from "../../src/render/stats.ts";
import * as builders from "../core/builders.ts";
import { scene } from "../scenes/scene.ts";

const budget = {
  "the skill's body": 600,
  "the skill's description": 62,
  "a typical question": 37,
  "a long question": 125,
  "a typical outcome": 58,
  "the longest outcome of a task that is done": 127,
  "the longest outcome of one that failed": 163,
  "the status of three running tasks": 145,
  "run, three tasks": 20,
  "run, three tasks, where no hook wakes the host": 37,
  answer: 14,
  "the stats of three tasks": 132,
  "dispatch, alone": 12,
} as const;

function costs(name: keyof typeof budget, text: string): void {
  const tokens = countTokens(text);
  expect(tokens, `${name}:\n${text}`).toBeLessThanOrEqual(budget[name]);
  // What sessions are said to have paid is reckoned with the estimate.
  const error = Math.abs(estimateTokens(text) / tokens - 1);
  expect(error, `${name}: ${estimateTokens(text)} for ${tokens}`).toBeLessThanOrEqual(0.15);
}

test("the skill", () => {
  const text = readFileSync(join(import.meta.dir, "../../skills/dispatch/SKILL.md"), "utf8");
  const [, frontmatter, body] = /^---\n([^]*?)\n---\n([^]*)$/.exec(text)!;
  costs("the skill's body", body!);
  costs("the skill's description", parse(frontmatter!).description);
});

const id = "security-review";

/** As an agent asks that explains itself; cut to the length. */
const explained = (length: number) =>
  "The users table has 3,412 rows whose email differs only in case from that of another row, and a unique index cannot be made before they are merged; merging moves orders, invoices and sessions to one account. Shall I merge them into the account that was used last, rename the older ones so that nobody loses a login, or leave the index out and list them in output.md? "
    .repeat(9)
    .slice(0, length);

test.each([
  [
    "a typical question",
    "Delete expired sessions, or keep them for the audit?",
    ["delete", "keep"],
  ],
  ["a long question", explained(400), ["merge", "rename", "leave out"]],
  ["a long question", explained(9_000), ["merge", "rename", "leave out"]],
] as const)("%s", (name, text, options) => {
  const question: Question = builders.question({ text, options: [...options] });
  const facts = builders.facts({ id, run: builders.live(), questions: [question] });
  const [event] = eventsOf(facts, builders.startedMs);
  costs(name, eventText(event!, { output: null, changed: null, others: [] }));
});

const output = `.dispatch/tasks/${id}/output.md`;
/** Tokens grow with what is not a word. */
const error =
  "src/server/session.ts(214,7): error TS2345: Argument of type 'Session | undefined' is not assignable to parameter of type 'Session'. ".repeat(
    9,
  );
const longPath = "packages/api/src/endpoints/orders/create-order.integration.test.ts";
const most: Left = { output, changed: Array(9).fill(longPath), others: [] };

const spent = { input: 41_000, cached: 30_000, output: 2_300 };
const withWords = (text: string): Facts =>
  builders.facts({
    id,
    plan: builders.plan("x Scan", "x Review", "x Write"),
    run: builders.ended(0, { report: builders.report({ text, tokens: spent }) }),
  });
const done: State = { kind: "done" };

test.each<[keyof typeof budget, Facts, State, Left]>([
  [
    "a typical outcome",
    withWords("Login and signup are limited by account and by address. Nine new tests, all pass."),
    done,
    { output, changed: ["src/limits.ts", "test/limits.test.ts"], others: [] },
  ],
  ["the longest outcome of a task that is done", withWords(error), done, most],
  [
    "the longest outcome of one that failed",
    withWords(error),
    { kind: "failed", cause: "auth", evidence: error, resetsAtMs: null },
    most,
  ],
])("%s", (name, facts, state, left) => costs(name, outcomeText(facts, state, left)));

test("the status of three running tasks", () => {
  const plan = builders.plan("x Scan for secrets", " Review the auth logic", " Write the findings");
  const running = ["security-review", "api-tests", "upgrade-notes"].map((name) =>
    builders.facts({
      id: name,
      asked: builders.asked({ items: plan.items.map(({ text }) => text) }),
      plan,
      run: builders.live(),
    }),
  );
  costs(
    "the status of three running tasks",
    statusText(running, new Map(), () => [], false, builders.startedMs + 125_000),
  );
});

test("the stats of three tasks", () => {
  const all = ["security-review", "api-tests", "upgrade-notes"].map((task) =>
    builders.spending({ task, run: task, tokens: spent, costUsd: task === id ? 0.31 : null }),
  );
  const won = wonBy(all, { tokens: 1_234, sinceMs: 0 });
  costs("the stats of three tasks", statsText(all, "task", won));
});

/** The shells of Claude Code, in a session whose hooks are on. */
const claude = {
  CLAUDECODE: "1",
  CLAUDE_CODE_ENTRYPOINT: "cli",
  CLAUDE_CODE_SESSION_ID: "11111111-2222-4333-8444-555555555555",
  CLAUDE_PID: String(process.pid),
};
const hooked = { ...claude, DISPATCH_WAKE: "hook" };
const batch = (model: string) =>
  ["Security review", "API tests", "Upgrade notes"]
    .map((title) => `# ${title}\nmodel: ${model}\n\n- [ ] Do it\n`)
    .join("\n");

test("what commands print, and hooks without news", async () => {
  const s = scene();
  const as = async (env: Record<string, string>, stdin: string, ...argv: string[]) => {
    const { exit, out, err } = await s.dispatchWith({ stdin, env }, ...argv);
    expect({ argv, exit, err }).toEqual({ argv, exit: 0, err: "" });
    return out;
  };
  const hooksAreSilent = async () => {
    for (const name of ["session-start", "prompt", "stop"])
      expect(await as(hooked, "", "hook", name), name).toBe("");
  };

  costs("dispatch, alone", await as(hooked, ""));
  await hooksAreSilent();

  costs("run, three tasks", await as(hooked, batch("finishes"), "run", "-"));
  const unhooked = await as(claude, batch("asks"), "run", "-");
  costs("run, three tasks, where no hook wakes the host", unhooked);
  for (const task of unhooked.match(/[\w-]+(?= using)/g)!) {
    await as(hooked, "", "wait", task);
    costs("answer", await as(hooked, "", "answer", task, "red"));
  }
  await as(hooked, "", "wait", "--all");
  await hooksAreSilent();
});
