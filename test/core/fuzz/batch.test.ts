/** A batch of any kind is read or complained about; one that is right is read as it was meant. */

import { describe, expect } from "bun:test";
import fc from "fast-check";
import { type BatchTask, isBatch, misreadBatchLine, parseBatch } from "../../../src/core/batch.ts";
import { parsePlan } from "../../../src/core/plan.ts";
import { isTaskId } from "../../../src/core/task-id.ts";
import { hostile, markdown, soup, taskId, words } from "../arbitraries.ts";
import { holds, comesBack } from "./property.ts";

const linesOf = (text: string) => text.replace(/^\ufeff/, "").split(/\r?\n/);

const pieces = soup(
  "\n¦\n¦\n¦\n\n¦\r\n¦# ¦# Title\n¦## Below\n¦#\n¦text¦prose: ¦ ¦id: ¦id: a\n¦ID:x",
  "model: opus\n¦model opus\n¦file: a b\n¦worktree: yes\n¦Modle: x¦after: a, b\n¦time_limit: 3m\n¦stall_after: x\n¦- [ ] ¦- [ ] a\n",
  "- [x] b\n¦-[ ] c\n¦- [] d\n¦1. [ ] e\n¦- f\n¦  ¦> ¦\ufeff¦```\n¦````¦~~~\n¦\"¦`¦'a'¦\u0000",
);

/** Lines of which most are right by themselves. */
const nearlyRight = fc
  .array(
    fc.constantFrom(
      "",
      "",
      "",
      "- [ ] a",
      "- [ ] b",
      "- [x] c",
      "* [?] d",
      "  - [ ] below",
      "  what belongs to it",
      "Prose of two words.",
      "> a quote",
      "## Below",
      "```",
      "~~~~ md",
      "~~~~",
      "    indented",
      "file: a.md",
      "# Another task",
    ),
    { maxLength: 14 },
  )
  .map((lines) => ["# Title", ...lines].join("\n"));

describe("any text is read as a batch", () => {
  holds(
    "with tasks and problems at lines that it has",
    [fc.oneof(nearlyRight, nearlyRight, pieces, markdown, hostile)],
    (text) => {
      const { tasks, problems } = parseBatch(text);
      const count = linesOf(text).length;
      const lines = tasks.map(({ line }) => line);
      expect(lines).toEqual([...new Set(lines)].sort((a, b) => a - b));
      for (const { line } of tasks) expect(line).toBeWithin(1, count + 1);
      const places = problems.map(({ line }) => line);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      for (const line of places) expect(line).toBeWithin(1, count + 1);
      expect(misreadBatchLine(text) ?? 1).toBeWithin(1, count + 1);
      if (isBatch(text)) expect(tasks[0]?.line).toBe(misreadBatchLine(text)!);

      if (problems.length > 0) return;
      // Nothing that was written is lost.
      const ends = [...lines.slice(1), count + 1];
      for (const [at, task] of tasks.entries()) {
        const kept = `${task.plan}\n${task.context}`;
        const body = linesOf(text).slice(task.line, ends[at]! - 1);
        for (const line of body.filter((each) => !/^\w+:/.test(each)))
          expect(kept).toContain(line.trim());
      }
      const ids = tasks.flatMap(({ id }) => id ?? []);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.filter((id) => !isTaskId(id))).toEqual([]);
      for (const { title, items, plan, context } of tasks) {
        expect(title.trim()).not.toBe("");
        expect(context?.trim()).not.toBe("");
        // What the worker gets is what was counted.
        expect(plan === null).toBe(items.length === 0);
        const read = parsePlan(plan ?? "").plan;
        expect(read.items.map(({ text }) => text)).toEqual(items);
        if (plan !== null) expect(read.title).toBe(title);
      }
    },
    800,
  );
});

const name = fc.stringMatching(/^[A-Za-z0-9][\w./-]{0,9}$/);
const task = fc.record({
  title: words,
  id: fc.option(taskId),
  model: fc.option(name),
  files: fc.array(name, { maxLength: 2 }),
  worktree: fc.option(fc.constantFrom("yes", "true", "no", "FALSE")),
  after: fc.uniqueArray(taskId, { maxLength: 3 }),
  minutes: fc.option(fc.nat(99)),
  quote: fc.constantFrom("", '"', "'", "`"),
  items: fc.array(words, { maxLength: 3 }),
  prose: fc.array(words, { maxLength: 2 }),
  above: fc.boolean(),
});

describe("a batch that is right", () => {
  holds(
    "is read as it was meant",
    [
      fc.uniqueArray(task, {
        minLength: 1,
        maxLength: 4,
        selector: ({ id, title }) => id ?? `${title} `,
      }),
      fc.constantFrom("\n", "\r\n"),
    ],
    (all, newline) => {
      const lines: string[] = [];
      const expected: BatchTask[] = all.map((task) => {
        const { title, id, model, files, worktree, quote, items, prose, above } = task;
        const { after, minutes } = task;
        const line = lines.push(`# ${title}`);
        const keys = { id, model, worktree };
        for (const [key, value] of Object.entries(keys))
          if (value !== null) lines.push(`${key}: ${quote}${value}${quote}`);
        for (const file of files) lines.push(`file: ${file}`);
        if (after.length > 0) lines.push(`after: ${after.join(", ")}`);
        if (minutes !== null) lines.push(`time_limit: ${minutes}m`);
        // Words alone could be a key without its colon: "model opus".
        const paragraphs = prose.map((text) => `So: ${text}.`);
        const parts = [
          ...(above ? paragraphs : []),
          items.map((item) => `- [ ] ${item}`).join("\n"),
          ...(above ? [] : paragraphs),
        ];
        for (const part of parts.filter((part) => part !== "")) lines.push("", ...part.split("\n"));
        lines.push("");
        return {
          line,
          title,
          id,
          model,
          files,
          worktree: worktree === "yes" || worktree === "true",
          verify: null,
          after,
          times: {
            timeLimitMs: minutes === null ? null : minutes * 60_000,
            stallAfterMs: null,
            answerTimeoutMs: null,
          },
          plan:
            items.length === 0
              ? null
              : `# ${title}\n\n${items.map((item) => `- [ ] ${item}`).join("\n")}\n`,
          items,
          context: paragraphs.length === 0 ? null : paragraphs.join("\n\n"),
        };
      });
      const text = lines.join(newline);
      expect(isBatch(text)).toBe(true);
      const { tasks, problems } = parseBatch(text);
      expect(problems).toEqual([]);
      expect(tasks).toEqual(expected);
    },
  );
});

describe("hostile texts", () => {
  const under = (start: string) => (length: number) => start.repeat(length / start.length);
  comesBack(parseBatch, {
    hashes: "#",
    titles: "# ",
    "titles, a line each": "# a\n",
    fences: "```\n",
    "fences that never close": "```a\n",
    "fences within fences": "````\n```\n",
    brackets: "- [",
    blanks: " ",
    "blank lines": "\n",
    "a key of quotes": (length) => `# a\nid: ${'"'.repeat(length)}`,
    "a key of quotes in quotes": (length) =>
      `# a\nid: ${"\"'".repeat(length / 4)}${"'\"".repeat(length / 4)}`,
    "a long key": (length) => `# a\n${"a".repeat(length)}: b`,
    "keys without a colon": (length) => `# a\nid ${"a ".repeat(length / 2)}`,
    "keys that nobody knows": (length) => `# a\n${under("modle: x\n")(length)}`,
    "keys that stand too low": "text\nid: x\n",
  });
  comesBack((text) => [isBatch(text), misreadBatchLine(text)], {
    blanks: " ",
    "blank lines": "\n",
    fences: "```\n",
  });
});
