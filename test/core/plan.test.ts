import { describe, expect, test } from "bun:test";
import {
  formatNote,
  formatPlan,
  type Item,
  parsePlan,
  type PlanProblem,
  progress,
  withDroppedItems,
} from "../../src/core/plan.ts";
import { plan } from "./builders.ts";

const item = (line: number, marker: Item["marker"], text: string, note: string | null = null) => ({
  marker,
  text,
  note,
  line,
});
const noItems: PlanProblem = {
  line: 0,
  message: "has no items; expected lines like '- [ ] a step'",
};

describe("a plan is read as workers write it", () => {
  test.each<[what: string, source: string, title: string | null, items: Item[]]>([
    [
      "all four markers",
      "# Shed\n\n- [x] Sand\n- [ ] Paint\n- [?] Dry\n- [!] Sell\n",
      "Shed",
      [item(3, "x", "Sand"), item(4, " ", "Paint"), item(5, "?", "Dry"), item(6, "!", "Sell")],
    ],
    ["a capital X", "- [X] Sand\n", null, [item(1, "x", "Sand")]],
    [
      "CRLF",
      "# Shed\r\n\r\n- [x] Sand\r\n  rough\r\n- [ ] Paint\r\n",
      "Shed",
      [item(3, "x", "Sand", "rough"), item(5, " ", "Paint")],
    ],
    ["no newline at the end", "- [x] Sand", null, [item(1, "x", "Sand")]],
    ["a byte order mark", "\ufeff# Shed\n- [x] Sand\n", "Shed", [item(2, "x", "Sand")]],
    [
      "bullets of any kind",
      "* [x] a\n+ [ ] b\n-   [x]   c  \n-\t[ ]\td\n",
      null,
      [item(1, "x", "a"), item(2, " ", "b"), item(3, "x", "c"), item(4, " ", "d")],
    ],
    ["ordered lists", "1. [x] a\n10) [ ] b\n", null, [item(1, "x", "a"), item(2, " ", "b")]],
    [
      "nested items",
      "- [ ] a\n  - [x] a1\n\t- [ ] a2\n      - [!] a3\n- [x] b\n",
      null,
      [
        item(1, " ", "a"),
        item(2, "x", "a1"),
        item(3, " ", "a2"),
        item(4, "!", "a3"),
        item(5, "x", "b"),
      ],
    ],
    ["an item without words", "- [x]\n- [ ] \n", null, [item(1, "x", ""), item(2, " ", "")]],
    [
      "Markdown within an item",
      "- [x] **Sand** `- [ ] it` [ ]\n",
      null,
      [item(1, "x", "**Sand** `- [ ] it` [ ]")],
    ],
    // A separator that is no line break in Markdown must not make an item vanish.
    ["a U+2028 within an item", "- [x] a\u2028b\n", null, [item(1, "x", "a\u2028b")]],
    ["a CR within an item", "- [!] 10%\r20%\n", null, [item(1, "!", "10%\r20%")]],
    [
      "explanations below items",
      "- [?] Dry\n  Which oven?\n    The big one?\n- [!] Sell\nNo buyer.\n\nA paragraph.\n",
      null,
      [item(1, "?", "Dry", "Which oven?\nThe big one?"), item(4, "!", "Sell", "No buyer.")],
    ],
    [
      "an explanation as a bullet of its own",
      "- [?] Dry\n  - Which oven?\n",
      null,
      [item(1, "?", "Dry", "- Which oven?")],
    ],
    [
      "a heading ends what belongs to an item",
      "- [?] Dry\n## Later\nnot a note\n- [ ] Sell\n",
      "Later",
      [item(1, "?", "Dry"), item(4, " ", "Sell")],
    ],
    [
      "the first heading is the title",
      "intro\n\n## Shed ##\n# Other\n- [ ] a\n",
      "Shed",
      [item(5, " ", "a")],
    ],
    ["a hashtag is no heading", "#shed\n- [ ] a\n", null, [item(2, " ", "a")]],
    [
      "notes from the dispatcher",
      "- [ ] a\n> **Note from dispatcher:** use blue\n> - [ ] not an item\n- [ ] b\n",
      null,
      [item(1, " ", "a"), item(4, " ", "b")],
    ],
    [
      "fences",
      "- [ ] a\n```md\n- [ ] an example\n# no title\n```\n~~~\n- [x] another\n~~~\n- [x] b\n",
      null,
      [item(1, " ", "a"), item(9, "x", "b")],
    ],
    [
      "a fence within a fence",
      "````\n```\n- [ ] an example\n```\n- [ ] too\n````\n- [x] b\n",
      null,
      [item(7, "x", "b")],
    ],
    [
      "a fence of the other kind within a fence",
      "```\n~~~\n```\n- [x] b\n",
      null,
      [item(4, "x", "b")],
    ],
    [
      "a fence below an item, and the note after it",
      "- [!] a\n  ```\n  - [ ] an example\n  ```\n  It broke.\n",
      null,
      [item(1, "!", "a", "It broke.")],
    ],
    // It stands where the nested item's text does, so Markdown reads it as code too.
    [
      "a fence below a nested item",
      "- [ ] a\n  - [ ] b\n    ```\n    - [ ] an example\n    ```\n",
      null,
      [item(1, " ", "a"), item(2, " ", "b")],
    ],
    [
      "a fence that is never closed hides nothing",
      "- [ ] a\n```\n- [x] b\n",
      null,
      [item(1, " ", "a", "```"), item(3, "x", "b")],
    ],
    [
      "what only looks like an item",
      "- [link](http://x)\n- [x](http://x)\n-[x] a\n- [x]a\n- [xx] a\n[x] a\ntext - [x] a\n- [ ] b\n",
      null,
      [item(8, " ", "b")],
    ],
  ])("%s", (_, source, title, items) => {
    expect(parsePlan(source)).toEqual({ plan: { title, items }, problems: [] });
  });

  test.each<[what: string, source: string, items: Item[], problems: PlanProblem[]]>([
    ["an empty file", "", [], [noItems]],
    ["prose", "# Shed\n\nPaint it.\n- sand\n", [], [noItems]],
    [
      "unknown markers are open items",
      "- [-] a\n- [~] b\n- [✅] c\n- [x] d\n",
      [item(1, " ", "a"), item(2, " ", "b"), item(3, " ", "c"), item(4, "x", "d")],
      [
        { line: 1, message: "unknown marker [-]; expected [ ]" },
        { line: 2, message: "unknown marker [~]; expected [ ]" },
        { line: 3, message: "unknown marker [✅]; expected [ ]" },
      ],
    ],
    [
      "a binary file",
      "\u007fELF\0\u0001\n\0\0",
      [],
      [{ line: 0, message: "is binary, not Markdown" }, noItems],
    ],
  ])("what is wrong is told: %s", (_, source, items, problems) => {
    const read = parsePlan(source);
    expect(read.plan.items).toEqual(items);
    expect(read.problems).toEqual(problems);
  });

  // A worker owns the file: whatever it holds, a look at the task must come back.
  test.each([
    ["a heading of blanks", `#${" ".repeat(2_000)}x${" ".repeat(2_000)}y`],
    ["a bullet of blanks", `-${" ".repeat(100_000)}x`],
    ["a heading of hashes", `# x${"#".repeat(50_000)}y`],
    ["blanks", " ".repeat(1_000_000)],
    ["brackets", "- [".repeat(300_000)],
    ["many items", "- [ ] a\n".repeat(50_000)],
  ])("it comes back from: %s", (_, source) => {
    parsePlan(source);
  });
});

describe("a new plan", () => {
  test("is a title and a checklist", () => {
    expect(formatPlan("Paint the shed", [" Sand it ", "Paint it,\n  twice"])).toBe(
      "# Paint the shed\n\n- [ ] Sand it\n- [ ] Paint it, twice\n",
    );
  });

  test.each([
    ["plain", ["Sand it", "Paint it"]],
    ["markers in words", ["[x] Sand it", "- [ ] Paint it"]],
    ["Markdown", ["# Sand it", "> Paint it", "```"]],
    ["line breaks of other kinds", ["Sand\rit", "Paint\u2028it"]],
  ])("is read back with every item that it was made of: %s", (_, items) => {
    const { plan: read, problems } = parsePlan(formatPlan("Shed", items));
    expect(read.items.length).toBe(items.length);
    expect(read.items.every(({ marker }) => marker === " ")).toBe(true);
    expect(problems).toEqual([]);
  });
});

describe("items that a worker dropped come back as open", () => {
  const dropped = (text: string): Item => item(0, " ", text, "no longer in the plan");
  test.each<[what: string, now: string[], asked: string[], back: string[]]>([
    ["none is gone", ["x a", " b"], ["a", "b"], []],
    ["the last is gone", ["x a"], ["a", "b"], ["b"]],
    ["the first is gone", ["x b"], ["a", "b"], ["a"]],
    ["all are gone", [], ["a", "b"], ["a", "b"]],
    ["reworded", ["x A, with care", "x b"], ["a", "b"], []],
    ["reordered", ["x b", "x a"], ["a", "b"], []],
    ["more than were asked for", ["x a", "x b", " c"], ["a", "b"], []],
    ["a plan of the worker's own", ["x c", "x d"], ["a"], []],
    ["one reworded, one gone", ["x A, with care", "x b"], ["a", "b", "c"], ["a"]],
    ["one of two that read the same", ["x test"], ["test", "test"], ["test"]],
    ["nothing was asked for", ["x a"], [], []],
  ])("%s", (_, now, asked, back) => {
    const before = plan(...now);
    expect(withDroppedItems(before, asked)).toEqual({
      title: null,
      items: [...before.items, ...back.map(dropped)],
    });
  });
});

test("many items that were all reworded are found missing", () => {
  const { plan: now } = parsePlan("- [ ] a\n".repeat(50_000));
  const asked = Array.from({ length: 100_000 }, (_, at) => `step ${at}`);
  expect(withDroppedItems(now, asked).items.length).toBe(asked.length);
});

test.each<[items: string[], done: number, total: number]>([
  [[], 0, 0],
  [["x a", "x b"], 2, 2],
  [["x a", " b", "? c", "! d"], 1, 4],
])("the progress of %j is %p of %p", (items, done, total) => {
  expect(progress(plan(...items))).toEqual({ done, total });
});

describe("a note is a quote block with room around it", () => {
  test.each([
    ["use blue", "\n> **Note from dispatcher:** use blue\n"],
    [" use blue\n\nnot red \n", "\n> **Note from dispatcher:** use blue\n>\n> not red\n"],
    ["a\r\nb", "\n> **Note from dispatcher:** a\n> b\n"],
    ["- [ ] x\n- [x] y", "\n> **Note from dispatcher:** - [ ] x\n> - [x] y\n"],
  ])("%j", (text, block) => {
    expect(formatNote(text)).toBe(block);
  });

  test("so it changes no item, wherever it is appended", () => {
    const source = "- [ ] a\n- [?] b\n  why";
    const { plan: before } = parsePlan(source);
    expect(parsePlan(`${source}\n${formatNote("- [x] a\n- [x] b")}`).plan).toEqual(before);
  });
});
