/** Plans of any kind are read; what is written here is read back; notes leave a plan as it is. */

import { afterAll, describe, expect } from "bun:test";
import fc from "fast-check";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  formatNote,
  formatPlan,
  type Item,
  type Marker,
  parsePlan,
  progress,
  withDroppedItems,
} from "../../../src/core/plan.ts";
import { collapsed } from "../../../src/core/text.ts";
import { restoreNotes, storeNote } from "../../../src/store/notes.ts";
import { taskPathsIn } from "../../../src/store/paths.ts";
import { hostile, hostileLine, markdown, plan, wellFormed, words } from "../arbitraries.ts";
import { holds, comesBack } from "./property.ts";

const linesOf = (text: string) => text.replace(/^\ufeff/, "").split(/\r?\n/);

describe("any text is read as a plan", () => {
  holds("with items and problems where they stand", [markdown], (text) => {
    const { plan, problems } = parsePlan(text);
    const lines = linesOf(text);
    const places = plan.items.map(({ line }) => line);
    expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
    for (const { line, marker, text, note } of plan.items) {
      expect(text).toBe(text.trim());
      expect(lines[line - 1]!.trimEnd()).toEndWith(text);
      expect([" ", "x", "?", "!"]).toContain(marker);
      if (note !== null) for (const part of note.split("\n")) expect(part.trim()).not.toBe("");
    }
    for (const { line } of problems) expect([0, ...places]).toContain(line);
    expect(problems.some(({ message }) => message.startsWith("has no items"))).toBe(
      plan.items.length === 0,
    );
    expect(plan.title ?? "").not.toContain("\n");
  });

  holds("the same with CRLF as with LF", [markdown], (text) => {
    const lf = text.replaceAll("\r", "");
    expect(parsePlan(lf.replaceAll("\n", "\r\n"))).toEqual(parsePlan(lf));
  });

  // What stands below a fence that nobody closed is read as if the fence were prose.
  holds(
    "with all its items below a fence that is never closed",
    [markdown, fc.constantFrom("```", "~~~~~~")],
    (text, fence) => {
      const plain = text.replace(/[`~]/g, "");
      const below = parsePlan(`${fence}\n${plain.replace(/^\ufeff/, "")}`).plan.items;
      expect(below).toEqual(
        parsePlan(plain).plan.items.map((item) => ({ ...item, line: item.line + 1 })),
      );
    },
  );
});

/** A part of a plan: its lines, and what they add to what is read. */
interface Part {
  lines: string[];
  /** Its first line, where it is an item. */
  item?: { marker: Marker; text: string };
  title?: string;
  /** Its lines belong to the item above, where there is one. */
  explains?: boolean;
  /** Ends what belongs to the item above. */
  ends?: boolean;
}

const indent = fc.constantFrom("", "  ", "    ", "\t");
const written: Record<Marker, string[]> = {
  " ": [" "],
  x: ["x", "X"],
  "?": ["?"],
  "!": ["!"],
};

const item: fc.Arbitrary<Part> = fc
  .record({
    indent,
    bullet: fc.constantFrom("-", "*", "+", "1.", "12)"),
    mark: fc.constantFrom(
      ...(Object.entries(written) as [Marker, string[]][]).flatMap(([marker, all]) =>
        all.map((mark) => [marker, mark] as const),
      ),
    ),
    text: hostileLine,
    blanks: fc.constantFrom(" ", "  ", "\t"),
  })
  .map(({ indent, bullet, mark: [marker, mark], text, blanks }) => ({
    lines: [`${indent}${bullet}${blanks}[${mark}]${blanks}${text}`],
    item: { marker, text: text.trim() },
  }));

const prose: fc.Arbitrary<Part> = fc
  .tuple(indent, words)
  .map(([indent, text]) => ({ lines: [indent + text], explains: true }));
const quote: fc.Arbitrary<Part> = fc
  .tuple(indent, hostileLine)
  .map(([indent, text]) => ({ lines: [`${indent}> ${text}`], ends: true }));
const blank: fc.Arbitrary<Part> = indent.map((text) => ({ lines: [text], ends: true }));
const heading: fc.Arbitrary<Part> = fc
  .tuple(fc.constantFrom("#", "##", "   ###"), words)
  .map(([hashes, title]) => ({ lines: [`${hashes} ${title}`], title, ends: true }));

/** Everything in it looks like something, and is nothing. */
const fenced: fc.Arbitrary<Part> = fc
  .record({
    indent,
    opening: fc.constantFrom("```", "~~~~", "`````"),
    info: fc.constantFrom("", "md", " yaml"),
    inside: fc.array(
      fc.constantFrom("- [ ] an example", "# no title", "```md", "~~~ x", "", "> q"),
      {
        maxLength: 4,
      },
    ),
    longer: fc.nat(2),
  })
  .map(({ indent, opening, info, inside, longer }) => ({
    lines: [
      `${indent}${opening}${info}`,
      ...inside,
      `${indent}${opening}${opening[0]!.repeat(longer)}  `,
    ],
  }));

const parts = fc.array(
  fc.oneof({ weight: 3, arbitrary: item }, prose, quote, blank, heading, fenced),
  {
    maxLength: 12,
  },
);

/** What a plan of these parts holds, told from the parts alone. */
function expected(all: readonly Part[]): { title: string | null; items: Item[] } {
  const items: Item[] = [];
  let title: string | null = null;
  let current: Item | null = null;
  let line = 1;
  for (const part of all) {
    if (part.item !== undefined) items.push((current = { ...part.item, note: null, line }));
    if (part.ends === true) current = null;
    if (part.explains === true && current !== null) {
      const text = part.lines.map((each) => each.trim()).join("\n");
      current.note = current.note === null ? text : `${current.note}\n${text}`;
    }
    title ??= part.title ?? null;
    line += part.lines.length;
  }
  return { title, items };
}

describe("a plan is read as it was meant", () => {
  holds(
    "items, markers, explanations and title, whatever the ends of its lines",
    [parts, fc.constantFrom("\n", "\r\n"), fc.constantFrom("", "\ufeff")],
    (all, newline, mark) => {
      const text = mark + all.flatMap(({ lines }) => lines).join(newline);
      const { plan, problems } = parsePlan(text);
      expect(plan).toEqual(expected(all));
      const complaints = problems.filter(({ message }) => !message.startsWith("is binary"));
      expect(complaints.length).toBe(plan.items.length === 0 ? 1 : 0);
    },
  );

  holds(
    "one that was written here",
    [words, fc.array(hostile, { minLength: 1, maxLength: 6 })],
    (title, items) => {
      const { plan } = parsePlan(formatPlan(title, items));
      expect(plan.title).toBe(title);
      expect(plan.items.map(({ marker, text }) => ({ marker, text }))).toEqual(
        items.map((text) => ({ marker: " ", text: collapsed(text) })),
      );
      expect(plan.items.map(({ note }) => note)).toEqual(items.map(() => null));
    },
  );

  holds(
    "with whatever was asked for",
    [plan, fc.array(hostile, { maxLength: 5 })],
    (now, asked) => {
      const shown = withDroppedItems(now, asked);
      expect(shown.items.slice(0, now.items.length)).toEqual(now.items);
      expect(shown.items.length).toBe(Math.max(now.items.length, asked.length));
      for (const { marker, text } of shown.items.slice(now.items.length)) {
        expect(marker).toBe(" ");
        expect(asked).toContain(text);
      }
      const { done, total } = progress(shown);
      expect(done).toBeLessThanOrEqual(total);
    },
  );
});

describe("a note is added to a plan, and nothing else is changed", () => {
  const folder = mkdtempSync(join(tmpdir(), "notes-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;

  const note = wellFormed
    .map((text) => text.replaceAll("\0", "").trim())
    .filter((text) => text !== "");
  const bytes = fc.oneof(
    fc
      .oneof(
        markdown,
        parts.map((all) => all.flatMap(({ lines }) => lines).join("\n")),
      )
      .map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
  );

  holds(
    "however both are written",
    [bytes, fc.array(note, { minLength: 1, maxLength: 3 })],
    (before, notes) => {
      const task = taskPathsIn(join(folder, String(++count)), "it");
      mkdirSync(task.folder);
      writeFileSync(task.plan, before);
      for (const text of notes) storeNote(task, text);

      expect(restoreNotes(task)).toBe(true);
      const after = readFileSync(task.plan);
      expect(after.subarray(0, before.length).equals(before)).toBe(true);
      const itemsOf = (plan: Buffer) => parsePlan(plan.toString()).plan.items;
      expect(itemsOf(after)).toEqual(itemsOf(before));
      if (!before.includes(">"))
        for (const text of notes) expect(after.toString()).toContain(formatNote(text));

      // All of them stand there now.
      expect(restoreNotes(task)).toBe(true);
      expect(readFileSync(task.plan).equals(after)).toBe(true);
      rmSync(task.folder, { recursive: true });
    },
    60,
  );

  holds("whatever the note", [markdown, hostile], (text, note) => {
    expect(parsePlan(`${text}\n${formatNote(note)}`).plan).toEqual(parsePlan(text).plan);
  });
});

describe("a look at a plan comes back", () => {
  comesBack(parsePlan, {
    hashes: "#",
    "headings of hashes": `# ${"#".repeat(50)}x\n`,
    "a heading of hashes and blanks": (length) => `# ${"# ".repeat(length / 2)}x`,
    fences: "```\n",
    "fences that never close": "```a\n",
    "fences of every length": (length) =>
      Array.from({ length: Math.sqrt(length) }, (_, at) => "`".repeat(3 + at)).join("\n"),
    "fences of either kind": "```\n~~~\n",
    "a fence of blanks": (length) => `${" ".repeat(length)}\`\`\``,
    brackets: "[",
    "bullets without their end": "- [",
    "a bullet of blanks": (length) => `-${" ".repeat(length)}x`,
    "a number without its end": "1",
    quotes: ">",
    "deep quotes": "> ",
    "lines of quotes": "> > >\n",
    blanks: " ",
    "blank lines": "\n",
    "carriage returns": "\r",
    "blank lines of Windows": "\r\n",
    "items without words": "- [ ]\n",
    "an item of blanks": (length) => `- [ ]${" ".repeat(length)}`,
    "an item of everything": (length) => `- [ ] ${"- [ ] ".repeat(length / 6)}`,
    "one long explanation": (length) => `- [?] a\n${"why\n".repeat(length / 4)}`,
    NULs: "\0",
    emoji: "😀",
  });

  const itemsOf = (text: string) => text.split("\n");
  const asItem = (text: string): Item => ({ marker: " ", text, note: null, line: 0 });
  const reworded = (text: string) => {
    const items = itemsOf(text);
    const asked = items.map((each) => `${each}, as it was asked`);
    return withDroppedItems({ title: null, items: items.slice(1).map(asItem) }, asked);
  };
  comesBack(reworded, { "items that were all reworded": "a\n" });
});
