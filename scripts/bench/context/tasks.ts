/**
 * The five tasks that both sides are measured with: the same words of the user, the same plans,
 * workers that do and say the same, and a model that says the same about them.
 */

import type { Scenario, Step } from "../../../test/real/model-server.ts";
import { tokens } from "./count.ts";

export interface Task {
  id: string;
  title: string;
  model: "opus" | "sonnet";
  items: readonly string[];
  /** What the worker must know besides. */
  context: string;
  /** Files that it changes. */
  changes: readonly string[];
  writesOutput?: boolean;
  /** Its worker's last words. */
  says: string;
  /** The model's sentence about the outcome. */
  report: string;
}

export const rateLimits: Task = {
  id: "rate-limits",
  title: "Rate limits",
  model: "sonnet",
  items: [
    "Limit login and signup by address and by account",
    "Answer 429 with Retry-After when a limit is hit",
    "Add tests for both limits",
  ],
  context:
    "The user wants rate limits on the login and signup endpoints. Read docs/api.md first. The format of errors must stay as it is.",
  changes: ["src/limits.ts", "test/limits.test.ts"],
  says: "Login and signup are limited to 5 attempts a minute by account and 20 by address; the counters are in Redis where REDIS_URL is set, else in memory. A 429 carries Retry-After. Nine new tests, all pass.",
  report:
    "rate-limits is done: login and signup are limited, by account and by address, with the counters in Redis behind REDIS_URL; nine new tests pass.",
};

const authReview: Task = {
  id: "auth-review",
  title: "Auth review",
  model: "opus",
  items: [
    "Look for secrets in code and history of src/auth",
    "Check how sessions and tokens are made, kept and ended",
    "Check every query and template for injection",
    "Write the findings to output.md, worst first",
  ],
  context:
    "The user wants a security review of the auth module: what could an attacker do? Read-only: change nothing but output.md.",
  changes: [],
  writesOutput: true,
  says: "Four findings, one of them serious: reset tokens are never invalidated, so an old mail takes over an account (src/auth/reset.ts:41). The other three concern cookies and a verbose error. All are in output.md.",
  report:
    "auth-review is done: four findings, worst first: password reset tokens stay valid after use (src/auth/reset.ts:41). The report is in its output.md.",
};

const apiTests: Task = {
  id: "api-tests",
  title: "API tests",
  model: "sonnet",
  items: [
    "List what the order endpoints promise in docs/api.md",
    "Write a test for each promise, and for each error",
    "Run them and report what fails",
  ],
  context:
    "The user wants tests for the order endpoints. Use the helpers in test/http.ts. Do not fix what fails; say so.",
  changes: ["test/orders.test.ts"],
  says: "31 tests for the seven order endpoints in test/orders.test.ts. 29 pass; two fail: a cancelled order can be paid, and a negative quantity is taken.",
  report:
    "api-tests is done: 31 tests, of which two fail: a cancelled order can still be paid, and a negative quantity is accepted.",
};

const upgradeNotes: Task = {
  id: "upgrade-notes",
  title: "Upgrade notes",
  model: "sonnet",
  items: [
    "Collect what breaks between 1.9 and 2.0 from the changelog",
    "Write docs/upgrade.md, with a before and after for each",
    "Check that each example compiles",
  ],
  context:
    "The user wants notes for people who upgrade from 1.x to 2.0. Keep to the tone of docs/install.md.",
  changes: ["docs/upgrade.md"],
  says: "docs/upgrade.md has eleven breaking changes with a before and after each; all examples compile. One is not in the changelog: the default of `retries` went from 3 to 0.",
  report:
    "upgrade-notes is done: docs/upgrade.md covers eleven breaking changes; one of them, the new default of retries, is missing from the changelog.",
};

export const deadFlags: Task = {
  id: "dead-flags",
  title: "Dead flags",
  model: "sonnet",
  items: ["Remove the feature flags that are on everywhere", "Run all tests"],
  context:
    "The user wants feature flags removed that are on in every environment. See config/flags.json.",
  changes: ["src/flags.ts", "config/flags.json"],
  says: "Removed six flags and the branches behind them, 214 lines less. All tests pass. `new-search` stays: it is off in staging.",
  report:
    "dead-flags is done: six flags are gone, 214 lines less, and all tests pass; new-search stays, since it is off in staging.",
};

export const three = [authReview, apiTests, upgradeNotes] as const;
export const all = [rateLimits, ...three, deadFlags] as const;

/** What the user types. */
export const words = {
  warmUp: "/dispatch",
  one: "/dispatch have sonnet put rate limits on the login and signup endpoints",
  answer: "Redis, but only where REDIS_URL is set",
  three:
    "/dispatch opus for a security review of src/auth, sonnet for tests of the order endpoints, sonnet for upgrade notes to 2.0",
  status: "how far are they?",
  busy: "run the slow check",
  further: "and dispatch sonnet to remove feature flags that are on everywhere",
  end: "thanks",
};

/** What the model says. */
export const prose = {
  warmUp: "Config loaded. What shall I dispatch?",
  one: "Dispatched rate-limits using sonnet: limit login and signup by address and account, answer 429 with Retry-After, tests for both.",
  question:
    "rate-limits asks where its counters should live: Redis is in docker-compose but nothing uses it yet. Redis or memory?",
  answered: "Sent; rate-limits goes on.",
  three:
    "Dispatched auth-review using opus (secrets, sessions and tokens, injection, findings), api-tests using sonnet (promises in the docs, a test for each, run them) and upgrade-notes using sonnet (what breaks, docs/upgrade.md, examples compile).",
  status:
    "All three are at work: auth-review has done 2 of 4 items, api-tests and upgrade-notes 2 of 3 each.",
  further:
    "Dispatched dead-flags using sonnet: remove the flags that are on everywhere, run all tests.",
  end: "You are welcome.",
};

export const question =
  "Where should the counters live? Redis is in docker-compose but nothing uses it yet.";
export const options = ["Redis", "memory"] as const;

export const checklist = ({ items }: Task) => items.map((item) => `- [ ] ${item}\n`).join("");

/** What any way of handing tasks over has to write: title, items, context. */
export const planTokens = (tasks: readonly Task[]) =>
  tasks.reduce(
    (n, task) => n + tokens(`# ${task.title}\n\n${checklist(task)}`) + tokens(task.context),
    0,
  );

/** How many items a worker ticks, one by one, while the host is idle. */
export const idleSteps = 2;

export const planPath = ({ id }: Task) => `.dispatch/tasks/${id}/plan.md`;

/**
 * A worker: asks (where it does), ticks some items and at last all, each when its gate is
 * opened, changes its files and says its last words.
 */
export function workerOf(task: Task, asking: Step[]): Scenario & { match: string } {
  const { id, changes, writesOutput, says } = task;
  const tick = (howMany: string) => `sed -i '${howMany}s/- \\[ \\]/- [x]/' ${planPath(task)}`;
  const wait = `read -r go <"$GATES/${id}"`;
  const steps = three.some((other) => other.id === id) ? idleSteps : 0;
  const works = [
    ...changes.map((path) => `echo "${id}" >>${path}`),
    ...(writesOutput === true ? [`echo "# Findings" >.dispatch/tasks/${id}/output.md`] : []),
  ];
  return {
    match: planPath(task),
    steps: [
      ...asking,
      ...Array.from({ length: steps }, () => ({ shell: `${wait}; ${tick("0,/- \\[ \\]/")}` })),
      { shell: [wait, ...works, tick("")].join("; ") },
      { text: says },
    ],
  };
}
