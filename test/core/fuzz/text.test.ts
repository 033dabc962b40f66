/** Small things that much hangs on: cutting, quoting, ids and durations. */

import { describe, expect } from "bun:test";
import fc from "fast-check";
import { formatDuration, parseDuration } from "../../../src/core/duration.ts";
import { isModelName, modelLikeMentions, lastMention } from "../../../src/core/model-name.ts";
import { badTaskId, idCandidates, isTaskId, slug } from "../../../src/core/task-id.ts";
import {
  collapsed,
  cut,
  cutMiddle,
  foreign,
  foreignLine,
  nearest,
  oneLine,
  printable,
  quoted,
  shellQuoted,
} from "../../../src/core/text.ts";
import { hostile, modelName, soup, wellFormed, words } from "../arbitraries.ts";
import { holds, comesBack } from "./property.ts";

const long = fc.tuple(wellFormed, fc.nat(40)).map(([text, times]) => text.repeat(times + 1));
/** Some are halves: a limit is shared out. */
const limit = fc.nat(400).map((half) => 1 + half / 2);

describe("a text is cut", () => {
  holds("to its limit at most, and no character in two", [long, limit], (text, limit) => {
    for (const cutter of [cut, cutMiddle]) {
      const short = cutter(text, limit);
      expect(short.length).toBeLessThanOrEqual(limit);
      expect(short.isWellFormed()).toBe(true);
      if (text.length <= limit) expect(short).toBe(text);
      else expect(short).toContain("…");
    }
  });

  holds("at its end, or in its middle", [long, limit], (text, limit) => {
    fc.pre(text.length > limit);
    expect(text).toStartWith(cut(text, limit).slice(0, -1));
    const [head, ...tails] = cutMiddle(text.replaceAll("…", "."), limit).split("…");
    expect(tails.length).toBe(1);
    expect(text.replaceAll("…", ".")).toStartWith(head!);
    expect(text.replaceAll("…", ".")).toEndWith(tails[0]!);
  });
});

const tag = /[<\ufe64\uff1c][\p{L}/!?]/u;

describe("somebody else's words", () => {
  holds("are made safe once and for all", [hostile], (text) => {
    for (const safe of [printable, oneLine, collapsed]) expect(safe(safe(text))).toBe(safe(text));
    for (const safe of [foreign, foreignLine]) {
      expect(safe(text).length).toBeLessThanOrEqual(text.length);
      for (const each of [safe(text), safe(safe(text))]) expect(each).not.toMatch(tag);
    }
    expect(oneLine(text)).not.toMatch(/[\n\r\t\u2028\u2029]/);
  });

  holds("stay whole where they are harmless", [words], (text) => {
    for (const safe of [printable, foreign, oneLine, foreignLine, collapsed])
      expect(safe(text)).toBe(text);
    expect(quoted(text)).toBe(`"${text}"`);
  });

  holds("cannot close the quotes that they stand in", [long, limit], (text, limit) => {
    const shown = quoted(text, limit);
    expect(shown).toMatch(/^"[^"\n]*"$/);
    expect(shown.length).toBeLessThanOrEqual(limit + 2);
    expect(shown.isWellFormed()).toBe(true);
    expect(shown).not.toMatch(tag);
  });

  holds("are one word of a shell's", [wellFormed], (text) => {
    const word = shellQuoted(text);
    // Out of quotes there is nothing but plain characters and quotes behind a backslash.
    const bare = word.replace(/'[^']*'|\\'/g, "");
    expect(bare).toMatch(/^[\w@%+=:,./-]*$/);
    expect(word).not.toBe("");
  });

  const hostileTexts = {
    "escape sequences that do not end": "\u001b[",
    "one escape sequence that does not end": (length: number) => `\u001b[${"0".repeat(length)}`,
    "titles that do not end": "\u001b]",
    "one title that does not end": (length: number) => `\u001b]${"0".repeat(length)}`,
    brackets: "<",
    blanks: " ",
    "line ends": "\r\n",
    quotes: '"',
    emoji: "😀",
  };
  comesBack(foreignLine, hostileTexts);
  comesBack((text) => quoted(text), hostileTexts);
});

describe("a word", () => {
  holds(
    "is near to itself, and to a known one or none",
    [hostile, fc.array(modelName, { maxLength: 5 })],
    (typed, known) => {
      expect([null, ...known]).toContain(nearest(typed, known));
      expect(nearest(typed, [...known, typed])?.toLowerCase()).toBe(typed.toLowerCase());
    },
  );

  holds("that is a model's name is found where it stands", [words, modelName], (text, name) => {
    expect(isModelName(name)).toBe(true);
    expect(lastMention(`${text} (${name}) ${text}`, name)).toBeGreaterThanOrEqual(0);
  });

  const mentions = soup("use ¦opus¦gpt¦-5¦.3¦codex¦ ¦-¦/¦.¦claude¦sonnet¦\n¦é");
  holds("that looks like a model's name stands in the text", [mentions], (text) => {
    for (const { name } of modelLikeMentions(text)) expect(text.toLowerCase()).toContain(name);
  });

  comesBack(modelLikeMentions, {
    "a model's name without end": "opus-",
    "names of models": "opus ",
    versions: "gpt-5.5",
    directives: "use ",
    blanks: " ",
  });
  comesBack((text) => lastMention(text, "opus"), {
    "names within names": "opus-",
    "names of files": "opus.ts ",
  });
});

describe("a task's id", () => {
  holds(
    "is made from any text, or is none",
    [fc.oneof(hostile, words, soup("use x to ¦the ¦-¦ﬁ¦Ⅷ¦İ¦'¦9"))],
    (text) => {
      const id = slug(text);
      if (id === null)
        return expect(text.slice(0, 2_000).normalize("NFKD")).not.toMatch(/^[a-z0-9]+$/i);
      expect(isTaskId(id)).toBe(true);
      expect(id.length).toBeLessThanOrEqual(40);
      const candidates = idCandidates(id);
      const first = Array.from({ length: 1_001 }, () => candidates.next().value as string);
      expect(new Set(first).size).toBe(first.length);
      expect(first.filter((each) => !isTaskId(each))).toEqual([]);
    },
  );

  holds("that is bad is told with one that is good", [hostile], (text) => {
    fc.pre(!isTaskId(text));
    const { message, hint } = badTaskId(text);
    expect(message).not.toContain("\n");
    expect(isTaskId(hint!.replace("for example: --id ", ""))).toBe(true);
  });
});

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const part = fc.tuple(
  fc.nat(10_000),
  fc.constantFrom(...(Object.entries(unitsMs) as [string, number][])),
);

describe("a duration", () => {
  holds(
    "is read from any text, or is none",
    [fc.oneof(hostile, soup("1¦.¦5¦ms¦s¦h¦none¦ ¦-¦e"))],
    (text) => {
      const ms = parseDuration(text);
      if (ms !== null) expect(ms).toBeGreaterThanOrEqual(0);
    },
  );

  holds(
    "is the sum of its parts",
    [fc.array(part, { minLength: 1, maxLength: 4 }), fc.boolean()],
    (parts, isLoud) => {
      const text = parts.map(([amount, [unit]]) => `${amount}${unit}`).join("");
      expect(parseDuration(isLoud ? ` ${text.toUpperCase()}\n` : text)).toBe(
        parts.reduce((sum, [amount, [, unitMs]]) => sum + amount * unitMs, 0),
      );
    },
  );

  holds(
    "is shown in two units, next to what it is",
    [fc.oneof(fc.nat(), fc.maxSafeInteger(), fc.double())],
    (ms) => {
      const shown = formatDuration(ms);
      expect(shown).toMatch(/^(?:none|\d[\d.e+]*[dhms](?: \d+[hms])?)$/);
      if (!(ms >= 0 && ms <= Number.MAX_SAFE_INTEGER)) return;
      const read = parseDuration(shown.replaceAll(" ", ""))!;
      // Of a day and more the minutes are left out, and so on down.
      const slack = ms >= 86_400_000 ? 3_600_000 : ms >= 3_600_000 ? 60_000 : 1_000;
      expect(Math.abs(read - ms)).toBeLessThanOrEqual(slack);
      expect(formatDuration(read)).toBe(shown);
    },
  );

  comesBack(parseDuration, {
    parts: "1s",
    digits: "1",
    points: "1.",
    blanks: " ",
  });
});
