import { describe, expect, test } from "bun:test";
import { type BatchTask, isBatch, parseBatch, type Times } from "../../src/core/batch.ts";
import { fencedLines, parsePlan } from "../../src/core/plan.ts";

const times: Times = { timeLimitMs: null, stallAfterMs: null, answerTimeoutMs: null };
const task = (line: number, title: string, own: Partial<BatchTask> = {}): BatchTask => ({
  line,
  title,
  id: null,
  model: null,
  files: [],
  worktree: false,
  verify: null,
  after: [],
  times,
  plan: null,
  items: [],
  context: null,
  ...own,
});

const example = `# Security review
id: review
model: opus
file: docs/threats.md

- [ ] Scan for hardcoded secrets
- [ ] Write the findings to output.md

What the worker must know besides, as prose.

# API tests
…
`;
const exampleTasks = [
  task(1, "Security review", {
    id: "review",
    model: "opus",
    files: ["docs/threats.md"],
    plan: "# Security review\n\n- [ ] Scan for hardcoded secrets\n- [ ] Write the findings to output.md\n",
    items: ["Scan for hardcoded secrets", "Write the findings to output.md"],
    context: "What the worker must know besides, as prose.",
  }),
  task(11, "API tests", { context: "…" }),
];

describe("a batch is read", () => {
  test.each<[what: string, text: string, tasks: BatchTask[]]>([
    ["the example", example, exampleTasks],
    ["CRLF", example.replaceAll("\n", "\r\n"), exampleTasks],
    ["a byte order mark", `\ufeff${example}`, exampleTasks],
    ["a byte order mark and CRLF", `\ufeff${example.replaceAll("\n", "\r\n")}`, exampleTasks],
    ["no newline at the end", example.trimEnd(), exampleTasks],
    [
      "blank lines above",
      `\n \n${example}`,
      exampleTasks.map((each) => ({ ...each, line: each.line + 2 })),
    ],
    ["a title alone", "# A\n", [task(1, "A")]],
    ["titles alone", "# A\n# B\n\n# C", [task(1, "A"), task(2, "B"), task(4, "C")]],
    [
      "no checklist",
      "# A\nid: a\n\nAll of it.\n\nAnd more.\n\n# B\nid: b\n",
      [task(1, "A", { id: "a", context: "All of it.\n\nAnd more." }), task(8, "B", { id: "b" })],
    ],
    [
      "a checklist right under the title",
      "# A\n- [ ] a\n- [ ] b\n# B\n- [ ] c\n",
      [
        task(1, "A", { plan: "# A\n\n- [ ] a\n- [ ] b\n", items: ["a", "b"] }),
        task(4, "B", { plan: "# B\n\n- [ ] c\n", items: ["c"] }),
      ],
    ],
    [
      "a blank line between title and keys",
      "# A\n\n\nmodel: opus\nid: a\n\n- [ ] a\n",
      [task(1, "A", { id: "a", model: "opus", plan: "# A\n\n- [ ] a\n", items: ["a"] })],
    ],
    [
      "every key, in any order, with room around the values",
      "# A\nworktree:  Yes \nfile: a b.md\nid:\ta\nfile: c.md  \nmodel:  claude-opus-4.1[1m]\n",
      [
        task(1, "A", {
          id: "a",
          model: "claude-opus-4.1[1m]",
          files: ["a b.md", "c.md"],
          worktree: true,
        }),
      ],
    ],
    [
      "what a task comes after",
      "# A\nafter: b\n# B\nafter: a, c-1 d\nafter: e\n# C\nAfter:\ta,b\n# D\nafter: `a`\n",
      [
        task(1, "A", { after: ["b"] }),
        task(3, "B", { after: ["a", "c-1", "d", "e"] }),
        task(6, "C", { after: ["a", "b"] }),
        task(8, "D", { after: ["a"] }),
      ],
    ],
    [
      "how long a task may take for what",
      "# A\ntime_limit: 2h\nstall_after: 90s\nanswer_timeout: 1h30m\n# B\n\nTime_Limit: none\n# C\nstall_after: 500ms\nanswer_timeout: '3m'\n",
      [
        task(1, "A", {
          times: { timeLimitMs: 7_200_000, stallAfterMs: 90_000, answerTimeoutMs: 5_400_000 },
        }),
        task(5, "B", { times: { ...times, timeLimitMs: Infinity } }),
        task(8, "C", { times: { ...times, stallAfterMs: 500, answerTimeoutMs: 180_000 } }),
      ],
    ],
    [
      "what only looks like them, in prose",
      "# A\nid: a\n\nIt is late.\nafter: all it is\nstall_afterwards: no\n",
      [task(1, "A", { id: "a", context: "It is late.\nafter: all it is\nstall_afterwards: no" })],
    ],
    ["a worktree that is not wanted", "# A\nworktree: no\n", [task(1, "A")]],
    ["a worktree that is not true", "# A\nworktree: FALSE\n", [task(1, "A")]],
    [
      "what only looks like keys, in prose",
      "# A\nid: a\n\nhttps://example.com\nWhy: it is old.\n- model: opus\nmodelling: no\n",
      [
        task(1, "A", {
          id: "a",
          context: "https://example.com\nWhy: it is old.\n- model: opus\nmodelling: no",
        }),
      ],
    ],
    [
      "prose before and after the checklist",
      "# A\n\nBefore.\n\nStill before.\n\n- [ ] a\n- [ ] b\n\nAfter.\n\nStill after.\n",
      [
        task(1, "A", {
          plan: "# A\n\n- [ ] a\n- [ ] b\n",
          items: ["a", "b"],
          context: "Before.\n\nStill before.\n\nAfter.\n\nStill after.",
        }),
      ],
    ],
    [
      "prose within the checklist stays there",
      "# A\n- [ ] a\n\nFor both:\n\n- [ ] b\nAfter.\n",
      [
        task(1, "A", {
          plan: "# A\n\n- [ ] a\n\nFor both:\n\n- [ ] b\n",
          items: ["a", "b"],
          context: "After.",
        }),
      ],
    ],
    [
      "nested items, and what is indented below the last",
      "# A\n- [ ] a\n  - [ ] a1\n    by hand\n\t- [ ] a2\n* [x] b\n  as in c.md,\n    line 3\nAfter.\n",
      [
        task(1, "A", {
          plan: "# A\n\n- [ ] a\n  - [ ] a1\n    by hand\n\t- [ ] a2\n* [x] b\n  as in c.md,\n    line 3\n",
          items: ["a", "a1", "a2", "b"],
          context: "After.",
        }),
      ],
    ],
    [
      "bullets of any kind",
      "# A\n1. [ ] a\n2) [?] b\n+ [!] c\n",
      [task(1, "A", { plan: "# A\n\n1. [ ] a\n2) [?] b\n+ [!] c\n", items: ["a", "b", "c"] })],
    ],
    [
      "quoted items are prose",
      "# A\n\n> - [ ] not an item\n",
      [task(1, "A", { context: "> - [ ] not an item" })],
    ],
    [
      "fenced titles, items and keys",
      "# A\nid: a\n\nLike this:\n\n```md\n# Not a task\nmodel: opus\n- [ ] not an item\n```\n\n- [ ] a\n\n~~~~\n# Nor this\n~~~\nid: b\n~~~~\n\n# B\n",
      [
        task(1, "A", {
          id: "a",
          plan: "# A\n\n- [ ] a\n",
          items: ["a"],
          context:
            "Like this:\n\n```md\n# Not a task\nmodel: opus\n- [ ] not an item\n```\n\n~~~~\n# Nor this\n~~~\nid: b\n~~~~",
        }),
        task(20, "B"),
      ],
    ],
    [
      "a fence right under the title",
      "# A\n```\nmodel: opus\n# B\n```\n",
      [task(1, "A", { context: "```\nmodel: opus\n# B\n```" })],
    ],
    [
      "a fence below an item",
      "# A\n- [ ] a\n  ```\n  # comment\n  - [ ] not an item\n  ```\n- [ ] b\n",
      [
        task(1, "A", {
          plan: "# A\n\n- [ ] a\n  ```\n  # comment\n  - [ ] not an item\n  ```\n- [ ] b\n",
          items: ["a", "b"],
        }),
      ],
    ],
    // It begins below the item, so the plan has all of it or none.
    [
      "a fence below the last item, with a blank line in it",
      "# A\n- [ ] a\n  ```\n  one\n\n  two\n  ```\nAfter.\n",
      [
        task(1, "A", {
          plan: "# A\n\n- [ ] a\n  ```\n  one\n\n  two\n  ```\n",
          items: ["a"],
          context: "After.",
        }),
      ],
    ],
    [
      "closing hashes",
      "# A ##\n# B #  \n# C#\n# D # E\n",
      [task(1, "A"), task(2, "B"), task(3, "C#"), task(4, "D # E")],
    ],
    ["room around a title", "#   A  b \t\n", [task(1, "A  b")]],
    ["a tab before a title", "# A\n#\tB\n", [task(1, "A"), task(2, "B")]],
    // Separators that are no line breaks in Markdown must not make a task vanish.
    ["a U+2028 within a title", "# A\u2028b\n# C\n", [task(1, "A\u2028b"), task(2, "C")]],
    ["a CR within a title", "# 10%\r20%\n", [task(1, "10%\r20%")]],
    ["a U+2028 within a value", "# A\nfile: a\u2028b\n", [task(1, "A", { files: ["a\u2028b"] })]],
    [
      "Setext headings are no titles",
      "# A\n\nB\n=====\n\nC\n-----\n",
      [task(1, "A", { context: "B\n=====\n\nC\n-----" })],
    ],
    [
      "lower headings and hashtags are prose",
      "# A\n\n## Why\nIt is old.\n\n#old\n\n### Then\n\n- [ ] a\n",
      [
        task(1, "A", {
          plan: "# A\n\n- [ ] a\n",
          items: ["a"],
          context: "## Why\nIt is old.\n\n#old\n\n### Then",
        }),
      ],
    ],
    [
      "some items are ticked",
      "# A\n- [x] a\n- [ ] b\n",
      [task(1, "A", { plan: "# A\n\n- [x] a\n- [ ] b\n", items: ["a", "b"] })],
    ],
  ])("%s", (_, text, tasks) => {
    expect(isBatch(text)).toBe(true);
    expect(parseBatch(text)).toEqual({ tasks, problems: [] });
  });
});

describe("what is wrong is told, with its line", () => {
  test.each<[what: string, text: string, problems: [line: number, message: string][]]>([
    [
      "duplicate ids",
      "# A\nid: x\n# B\nid: y\n# C\nid: x\n# D\nid: x\n",
      [
        [5, "the id x is that of line 1 too"],
        [7, "the id x is that of line 1 too"],
      ],
    ],
    ["an unknown key near a known one", "# A\nmodle: opus\n", [[2, `${unknown("modle")}model?`]]],
    ["a key without its colon", "# A\nmodel opus\n", [[2, 'model opus; expected "model: …"']]],
    [
      "an item without its blanks",
      "# A\n- [ ]a\n-[ ] b\n",
      [
        [2, 'expected "- [ ] text", with its blanks'],
        [3, 'expected "- [ ] text", with its blanks'],
      ],
    ],
    [
      "a bullet among the items",
      "# A\n- [ ] a\n- b\n1. c\n- [ ] d\n",
      [
        [3, "an item without its [ ]"],
        [4, "an item without its [ ]"],
      ],
    ],
    ["nothing, of a key in capitals or in quotes", '# A\n\nModel: "opus"\n', []],
    ["nothing, of prose with a colon behind a blank line", "# A\n\nGoal: fast\n\n- [ ] a\n", []],
    [
      "an unknown key near none",
      "# A\nid: a\npriority: high\n",
      [
        [
          3,
          "unknown key priority; keys are id, model, file, worktree, after, verify, time_limit, stall_after, answer_timeout, prose goes behind a blank line",
        ],
      ],
    ],
    [
      "a key that every object has",
      "# A\nconstructor: x\n",
      [
        [
          2,
          "unknown key constructor; keys are id, model, file, worktree, after, verify, time_limit, stall_after, answer_timeout, prose goes behind a blank line",
        ],
      ],
    ],
    [
      "empty values",
      "# A\nid:\nmodel: \nfile:\t\nworktree:\nafter:\ntime_limit:\nstall_after: \nanswer_timeout:\n",
      [
        [2, "id: has no value"],
        [3, "model: has no value"],
        [4, "file: has no value"],
        [5, "worktree: has no value"],
        [6, "after: has no value"],
        [7, "time_limit: has no value"],
        [8, "stall_after: has no value"],
        [9, "answer_timeout: has no value"],
      ],
    ],
    [
      "bad times",
      "# A\ntime_limit: 2 hours\nstall_after: -3m\nanswer_timeout: 90\n",
      [
        [2, "time_limit: 2 hours; expected a duration like 30s, 3m or 2h"],
        [3, "stall_after: -3m; expected a duration like 30s, 3m or 2h"],
        [4, "answer_timeout: 90; expected a duration like 30s, 3m or 2h"],
      ],
    ],
    [
      "keys of times, misspelt, without a colon or too low",
      "# A\ntimelimit: 2h\nstall-after: 3m\n# B\ntime_limit 2h\n# C\n- [ ] c\n\nanswer_timeout: 3m\n",
      [
        [2, `${unknown("timelimit")}time_limit?`],
        [3, `${unknown("stall-after")}stall_after?`],
        [5, 'time_limit 2h; expected "time_limit: …"'],
        [9, "answer_timeout: stands too low; keys go right under the title"],
      ],
    ],
    [
      "after what can be no task",
      "# A\nafter: b, ../x\n# B\nid: b\nafter: The_Other\n",
      [
        [2, 'not a task id: "../x"; expected kebab-case (a-z, 0-9, -), at most 64 characters'],
        [5, 'not a task id: "The_Other"; expected kebab-case (a-z, 0-9, -), at most 64 characters'],
      ],
    ],
    ["a second id", "# A\nid: a\nid: b\n", [[3, "a second id"]]],
    ["a second model", "# A\nmodel: opus\nid: a\nmodel: sonnet\n", [[4, "a second model"]]],
    ["a second model that is the same", "# A\nmodel: a\nmodel: a\n", [[3, "a second model"]]],
    [
      "a bad worktree value",
      "# A\nworktree: maybe\n# B\nworktree: yes please\n",
      [
        [2, "worktree: maybe; expected yes or no"],
        [4, "worktree: yes please; expected yes or no"],
      ],
    ],
    [
      "a bad id",
      "# A\nid: ../x\n",
      [[2, 'not a task id: "../x"; expected kebab-case (a-z, 0-9, -), at most 64 characters']],
    ],
    [
      "keys too low",
      "# A\nid: a\n\nmodel: opus\n\n- [ ] a\n\nid: b\n# B\nProse.\nworktree:\n",
      [
        [4, "model: stands too low; keys go right under the title"],
        [8, "id: stands too low; keys go right under the title"],
        [11, "worktree: stands too low; keys go right under the title"],
      ],
    ],
    [
      "empty titles",
      "# \nid: a\n#\n# A\n",
      [
        [1, "the title is empty"],
        [3, "the title is empty"],
      ],
    ],
    [
      "empty items",
      "# A\nid: a\n\n- [ ]\n- [ ] b\n- [x] \n",
      [
        [4, "the item is empty"],
        [6, "the item is empty"],
      ],
    ],
    ["every item ticked", "# A\n\nProse.\n\n- [x] a\n- [X] b\n", [[5, "every item is ticked"]]],
    [
      "unknown markers",
      "# A\nid: a\n\n- [-] a\n- [ ] b\n  - [✅] c\n",
      [
        [4, "unknown marker [-]; expected [ ]"],
        [6, "unknown marker [✅]; expected [ ]"],
      ],
    ],
    [
      "all of it, by line, and lines below CRLF and a byte order mark too",
      "\ufeff\r\n# A\r\nmodle: x\r\nmodel: y\r\nmodel: z\r\n\r\n- [-] a\r\n- [ ]\r\n\r\nid: a\r\n# B\r\n- [x] b\r\n",
      [
        [3, `${unknown("modle")}model?`],
        [5, "a second model"],
        [7, "unknown marker [-]; expected [ ]"],
        [8, "the item is empty"],
        [10, "id: stands too low; keys go right under the title"],
        [12, "every item is ticked"],
      ],
    ],
  ])("%s", (_, text, problems) => {
    const told = parseBatch(text).problems.map(({ line, message }) => [line, message]);
    expect(told).toEqual(problems);
  });

  // Whoever misses a blank must not get the default model without a word.
  test.each(["model:opus", "id:a", "file:a.md", "worktree:yes", "after:b", "time_limit:3m"])(
    "%s under a title is not silently prose",
    (key) => {
      const { tasks, problems } = parseBatch(`# A\n${key}\n- [ ] a\n`);
      expect(problems.length === 0 ? tasks[0]!.context : null).toBeNull();
    },
  );
});

function unknown(key: string) {
  return `unknown key ${key}; did you mean `;
}

describe("a text is a batch or a single prompt", () => {
  test.each<[text: string, is: boolean]>([
    ["# A", true],
    ["\n\n# A\n", true],
    ["\r\n# A\r\n", true],
    ["\ufeff# A\n", true],
    ["", false],
    ["fix the login bug", false],
    ["fix it\n\n# Why\n", false],
    ["## A\n", false],
    ["#A\n", false],
    ["A\n===\n", false],
    ["- [ ] a\n# A\n", false],
    ["```\n# A\n```\n", false],
  ])("%j: %p", (text, is) => {
    expect(isBatch(text)).toBe(is);
  });

  // A batch that holds nothing would start nothing and say nothing.
  test.each([
    "  # A\n- [ ] a\n",
    "\t# A\n",
    " # A\n# B\n",
    "\n\ufeff# A\n",
    "# A\u2028b\n",
    "# A\rb\n",
  ])("no batch loses its first title: %j", (text) => {
    const { tasks, problems } = parseBatch(text);
    const firstLine = tasks[0]?.line ?? problems[0]?.line ?? null;
    const titleAt = text.split("\n").findIndex((line) => line.includes("# A")) + 1;
    expect(isBatch(text) ? firstLine : titleAt).toBe(titleAt);
  });
});

test("a fence that is never closed hides no task", () => {
  const text = "# A\n- [ ] a\n\n```\ncode\n\n# B\nid: b\n\n- [ ] b\n";
  expect(parseBatch(text).tasks).toEqual([
    task(1, "A", { plan: "# A\n\n- [ ] a\n", items: ["a"], context: "```\ncode" }),
    task(7, "B", { id: "b", plan: "# B\n\n- [ ] b\n", items: ["b"] }),
  ]);
});

// With a block below it, the forgotten fence is closed where that one opens.
test.each([
  "# A\n\n```\ncode\n\n# B\n\n```\ncode\n```\n",
  "# A\n\n```\ncode\n\n# B\n\n```ts\ncode\n```\n\n- [ ] b\n",
])("a fence that is forgotten takes no task with it silently: %j", (text) => {
  const { tasks, problems } = parseBatch(text);
  expect({ tasks: tasks.length, isTold: problems.length > 0 }).not.toEqual({
    tasks: 1,
    isTold: false,
  });
});

// It comes from a host, who may have pasted anything: a look at it must come back.
test.each([
  ["a title of blanks", `# x${" ".repeat(30_000)}y`],
  ["a title of blanks around a U+2028", `#${" ".repeat(1_500)}x${" ".repeat(1_500)}\u2028y`],
  ["a title of hashes", `# x${" #".repeat(30_000)}y`],
  ["a key of blanks", `# x\nmodel:${" ".repeat(100_000)}\u2028x`],
  ["a key of quotes", `# x\nid: ${'"'.repeat(300_000)}`],
  ["many tasks", "# a\n".repeat(30_000)],
  ["many ids", Array.from({ length: 20_000 }, (_, index) => `# a\nid: a${index}\n`).join("")],
  ["many items", `# a\n${"- [ ] a\n".repeat(50_000)}`],
  ["many fences", `# a\n${"```\n````\n".repeat(30_000)}`],
  ["blanks", " ".repeat(1_000_000)],
])("it comes back from: %s", (_, text) => {
  isBatch(text);
  parseBatch(text);
});

/** Mulberry32: the same numbers for the same seed, everywhere. */
function numbers(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const many = <T>(least: number, most: number, make: (index: number) => T): T[] =>
    Array.from({ length: least + below(most - least + 1) }, (_, index) => make(index));
  return { below, pick, many, chance: (share: number) => next() < share };
}
type Numbers = ReturnType<typeof numbers>;

const harmless =
  "# A|# B ##|## C|#x|===|- [ ] a|- [ ] b|- [x] c|  - [ ] d|1. [?] e|- [] f|```|```ts|````|~~~|  ```|> quote|prose|  indented|\tx|\u2028|\r".split(
    "|",
  );
const harmful =
  "#|# |  # D|# E\u2028e|id: a|id: B|id:|model: opus|modle: x|file: a.md|worktree: yes|worktree: 1|after: a|after: B|time_limit: 2h|stall_after: x|Why: so|- [ ]|- [ ] |- [-] c|\0|\ufeff|id: c\rd|e\u0301 \ud800|:".split(
    "|",
  );
function randomText({ pick, many, chance, below }: Numbers): string {
  const harm = pick([0, 0, 0.3]);
  const noise = () =>
    many(0, 12, () => String.fromCharCode(chance(0.8) ? below(128) : below(0x10000))).join("");
  const line = () => (chance(harm) ? pick([pick(harmful), noise()]) : pick(harmless));
  const lines = many(0, 30, () => (chance(0.2) ? "" : line()));
  return lines.map((each) => each + (chance(0.9) ? "\n" : "\r\n")).join("");
}

describe("of any text", () => {
  // Half of them begin as batches do.
  const batches = Array.from({ length: 4_000 }, (_, seed) => {
    const text = (seed % 2 === 0 ? "" : "# Start\n") + randomText(numbers(seed));
    return { seed, text, ...parseBatch(text) };
  });
  const accepted = batches.filter(({ text, problems }) => isBatch(text) && problems.length === 0);

  test("problems stand within it and in order, and tasks begin at their lines", () => {
    for (const { seed, text, tasks, problems } of batches) {
      const { length } = text.split("\n");
      const lines = problems.map(({ line }) => line);
      const strange = lines.filter((line) => !Number.isInteger(line) || line < 1 || line > length);
      expect({ seed, strange }).toEqual({ seed, strange: [] });
      expect(lines).toEqual(lines.toSorted((a, b) => a - b));
      for (const { line } of tasks) expect(text.split("\n")[line - 1]).toMatch(/^\ufeff?#/);
    }
  });

  test("a batch is never read as nothing", () => {
    expect(accepted.length).toBeGreaterThan(500);
    const empty = accepted.filter(({ tasks }) => tasks.length === 0);
    expect(empty.slice(0, 3).map(({ text }) => text)).toEqual([]);
  });

  test("the plan of a task, read again, has its title and its items", () => {
    for (const { seed, text, tasks } of accepted) {
      // What stands above the items is not in it, a fence that is never closed either.
      const isFenced = fencedLines(text.split(/\r?\n/));
      if (text.split("\n").some((line, at) => /^\s*(?:```|~~~)/.test(line) && !isFenced[at]))
        continue;
      for (const { plan, items } of tasks) {
        const again = plan === null ? [] : parsePlan(plan).plan.items.map(({ text }) => text);
        expect({ seed, items: again }).toEqual({ seed, items });
      }
    }
  });

  test("what is neither title nor key is kept, in the plan or the context", () => {
    for (const { seed, text, tasks } of accepted) {
      const kept = tasks.flatMap(({ plan, context }) => `${plan ?? ""}\n${context ?? ""}`);
      const keptLines = new Set(
        kept
          .join("\n")
          .split("\n")
          .map((line) => line.trim()),
      );
      const lost = text.split("\n").filter((line) => {
        const isHead = /^\ufeff?#(?:\s|$)|^(?:id|model|file|worktree|after|\w+_\w+):/.test(line);
        return !isHead && line.trim() !== "" && !keptLines.has(line.trim());
      });
      expect({ seed, lost }).toEqual({ seed, lost: [] });
    }
  });
});

/** A batch that is well formed, and what it must be read as. */
function wellFormed(random: Numbers) {
  const { below, pick, many, chance } = random;
  const words = () => many(1, 4, () => pick(["paint", "Shed", "C#", "#1", "[x]", "ü", "a:b"]));
  const paragraph = () =>
    pick([
      () => words().join(" "),
      () => `## ${words().join(" ")}\n${words().join(" ")}`,
      () => `> - [ ] ${words().join(" ")}`,
      () => "```sh\n# comment\nmodel: none\n\n- [ ] none\n```",
      () => "~~~~\n```\n# none\n~~~~",
      () => "Title\n=====",
      () => "- a bullet\n- [link](x)",
    ])();
  const prose = () => many(1, 3, paragraph).join("\n\n");

  const lines: string[] = [];
  const newline = pick(["\n", "\r\n"]);
  const count = 1 + below(5);
  const tasks = Array.from({ length: count }, (_, index): BatchTask => {
    const title = `T${index} ${words().join(" ")} end`;
    const line = lines.length + 1;
    const read = task(line, title);
    lines.push(`# ${title}${pick(["", " #", " ##"])}`);
    if (chance(0.3)) lines.push("");
    if (chance(0.5)) lines.push(`id: ${(read.id = `task-${index}`)}`);
    if (chance(0.5)) lines.push(`model: ${(read.model = pick(["opus", "gpt-5.5", "ollama:x"]))}`);
    read.files = many(0, 2, () => pick(["a.md", "docs/b c.md"]));
    lines.push(...read.files.map((file) => `file: ${file}`));
    read.worktree = chance(0.1);
    if (read.worktree || chance(0.1)) lines.push(`worktree: ${read.worktree ? "yes" : "no"}`);
    read.after = many(0, 2, () => `task-${below(count)}`);
    if (read.after.length > 0) lines.push(`after: ${read.after.join(pick([", ", " ", ","]))}`);
    if (chance(0.2)) {
      read.times = { ...times, timeLimitMs: 7_200_000 };
      lines.push("time_limit: 2h");
    }

    const parts: string[] = [];
    const contexts: string[] = [];
    const addProse = () => {
      const text = prose();
      parts.push(text);
      contexts.push(text);
    };
    if (chance(0.5)) addProse();
    if (chance(0.7)) {
      read.items = many(1, 5, () => words().join(" "));
      const checklist = read.items.map((item, at) => {
        const indent = at === 0 ? "" : pick(["", "", "  "]);
        return `${indent}${pick(["-", "*", "1."])} [ ] ${item}${chance(0.2) ? "\n    a note" : ""}`;
      });
      parts.push(checklist.join("\n"));
      read.plan = `# ${title}\n\n${checklist.join("\n")}\n`;
      if (chance(0.5)) addProse();
    }
    read.context = contexts.join("\n\n") || null;
    for (const part of parts) lines.push("", ...part.split("\n"));
    if (chance(0.7)) lines.push("");
    return read;
  });
  return { text: pick(["", "\ufeff"]) + lines.join(newline) + newline, tasks };
}

test("a batch that is well formed is read as what it was made from", () => {
  for (let seed = 0; seed < 1_000; seed++) {
    const { text, tasks } = wellFormed(numbers(seed));
    expect(isBatch(text)).toBe(true);
    expect({ seed, ...parseBatch(text) }).toEqual({ seed, tasks, problems: [] });
  }
});
