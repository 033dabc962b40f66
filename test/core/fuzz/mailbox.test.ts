/** Questions and answers come back as they were written, whatever else lies in `ipc/`. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatQuestion, parseQuestion, type QuestionText } from "../../../src/core/question.ts";
import { collapsed } from "../../../src/core/text.ts";
import {
  acknowledge,
  postAnswer,
  postQuestion,
  readAnswer,
  readMailbox,
} from "../../../src/store/mailbox.ts";
import { type TaskPaths, taskPathsIn } from "../../../src/store/paths.ts";
import { hostile, questionText, soup, wellFormed } from "../arbitraries.ts";
import { holds, comesBack } from "./property.ts";

/** What is left of a question once it is written: choices on one line each, none of them blank. */
function normal({ text, options, default: fallback }: QuestionText): QuestionText {
  const choices = options.map(collapsed).filter((option) => option !== "");
  const chosen = fallback === null ? "" : collapsed(fallback);
  return {
    text: text.replaceAll("\r\n", "\n").trim(),
    options: choices,
    default: chosen === "" ? null : chosen,
  };
}

const body = fc
  .oneof(
    soup(
      "Which?¦\n¦\n\n¦\r\n¦\r¦ ¦\u2028¦- ¦- a¦\n- b¦-¦x¦Options:¦\nOptions:¦\nDefault: ¦Default:",
      "default: y¦Default: z",
    ),
    hostile,
  )
  // Of "\r\r\n" each reading would take one away.
  .map((text) => text.replace(/\r+/g, "\r"));

describe("a question", () => {
  holds("is read back as it was asked", [questionText], (asked) => {
    // A question that itself ends like one with choices is read as that one.
    const own = asked.text.replace(/^(?=Options:|Default: )/gm, "> ");
    fc.pre(own.trim() !== "");
    const question = { ...asked, text: own };
    expect(parseQuestion(formatQuestion(question))).toEqual(normal(question));
  });

  // Asking again must find the question that is there.
  holds("is the same once it was read, however it was written", [body], (body) => {
    const once = formatQuestion(parseQuestion(body));
    expect(formatQuestion(parseQuestion(once))).toBe(once);
    const { text, options, default: fallback } = parseQuestion(body);
    expect(text.trim()).not.toBe("");
    for (const choice of [...options, fallback ?? "none"]) expect(choice).not.toBe("");
  });

  comesBack(parseQuestion, {
    choices: (length) => `Options:${"\n- a".repeat(length / 4)}`,
    "choices that end in something else": (length) => `Options:${"\n- a".repeat(length / 4)}\n\nx`,
    "lists of choices": "\nOptions:\n- a",
    defaults: "\nDefault: a",
    "defaults on one line": "Default: ",
    "blank lines": "\n",
    "line ends of Windows": "\r\n",
  });
});

describe("a mailbox", () => {
  const folder = mkdtempSync(join(tmpdir(), "mailbox-"));
  const secret = join(folder, "secret");
  beforeAll(() => writeFileSync(secret, "SECRET"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;

  function mailbox(): TaskPaths {
    const task = taskPathsIn(join(folder, String(++count)), "it");
    mkdirSync(task.ipc, { recursive: true });
    return task;
  }

  // As `dispatch answer` takes it.
  const answer = wellFormed.map((text) => text.trim()).filter((text) => text !== "");

  holds(
    "gives an answer back byte for byte, and takes no second one",
    [answer, answer],
    (first, second) => {
      const task = mailbox();
      const number = postQuestion(task, "Which?\n");
      expect(readAnswer(task, number)).toBeNull();
      expect(postAnswer(task, number, first)).toBe(true);
      expect(readAnswer(task, number)).toBe(first);
      expect(postAnswer(task, number, second)).toBe(false);
      acknowledge(task, number);
      acknowledge(task, number);
      expect(readMailbox(task)).toMatchObject([{ number, answer: first, acknowledged: true }]);
      rmSync(task.folder, { recursive: true });
    },
    40,
  );

  test("gives the longest answer that is taken back whole", () => {
    const task = mailbox();
    const longest = "é".repeat(100 * 1024);
    postAnswer(task, postQuestion(task, "Which?\n"), longest);
    expect(readAnswer(task, "001")).toBe(longest);
  });

  const name = fc
    .oneof(
      fc
        .tuple(
          fc.constantFrom(
            "000",
            "001",
            "002",
            "1",
            "0001",
            "999999999",
            "1000000000",
            "1e9",
            "",
            "-1",
          ),
          fc.constantFrom(
            ".question",
            ".answer",
            ".done",
            ".QUESTION",
            ".question.tmp",
            ".question\n",
          ),
        )
        .map(([number, end]) => number + end),
      fc.constantFrom(
        ".done",
        "٠٠١.question",
        "001 .question",
        "..question",
        "question",
        "\u001b[31m",
      ),
      hostile.map((text) => text.replace(/[\0/]/g, "").toWellFormed().slice(0, 60)),
    )
    .filter((name) => !["", ".", ".."].includes(name));
  const kind = fc.constantFrom(
    "text",
    "text",
    "bytes",
    "folder",
    "link",
    "dangling",
    "loop",
    "huge",
  );

  holds(
    "is read whatever lies in it: files and nothing else, each of its number",
    [fc.array(fc.tuple(name, kind, body, fc.uint8Array({ maxLength: 20 })), { maxLength: 8 })],
    (entries) => {
      const task = mailbox();
      const kinds = new Map<string, string>();
      for (const [name, kind, text, bytes] of entries) {
        const path = join(task.ipc, name);
        if (kinds.has(name)) continue;
        kinds.set(name, kind);
        if (kind === "folder") mkdirSync(path);
        else if (kind === "link") symlinkSync(secret, path);
        else if (kind === "dangling") symlinkSync(join(folder, "nowhere"), path);
        else if (kind === "loop") symlinkSync(path, path);
        else writeFileSync(path, kind === "bytes" ? bytes : text);
        // A file with a hole, so that it takes no room.
        if (kind === "huge") truncateSync(path, 2 ** 36);
      }

      const questions = readMailbox(task);
      const isFile = (name: string) => ["text", "bytes", "huge"].includes(kinds.get(name) ?? "");
      expect(questions.map(({ number }) => `${number}.question`).sort()).toEqual(
        [...kinds.keys()]
          .filter((name) => /^[0-9]{1,9}\.question$/.test(name) && isFile(name))
          .sort(),
      );
      const numbers = questions.map(({ number }) => Number(number));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      for (const { number, text, options, answer, acknowledged, askedMs } of questions) {
        expect(text.length).toBeWithin(1, 64 * 1024 + 1);
        for (const choice of options) expect(choice).not.toContain("\n");
        expect(answer !== null).toBe(isFile(`${number}.answer`));
        expect(acknowledged).toBe(isFile(`${number}.done`));
        expect(askedMs).toBeGreaterThan(0);
      }
      expect(JSON.stringify(questions)).not.toContain("SECRET");

      // And written to all the same, over nothing that is there.
      const before = readdirSync(task.ipc).sort();
      const number = postQuestion(task, "Which?\n");
      expect(before).not.toContain(`${number}.question`);
      expect(readMailbox(task).find((question) => question.number === number)?.text).toBe("Which?");
      const isFree = !before.includes(`${number}.answer`);
      expect(postAnswer(task, number, "red")).toBe(isFree);
      acknowledge(task, number);
      expect(existsSync(secret)).toBe(true);
      rmSync(task.folder, { recursive: true });
    },
    80,
  );

  test("is read past a pipe, which nobody writes to", () => {
    const task = mailbox();
    for (const name of ["001.question", "002.answer", "003.done"])
      Bun.spawnSync(["mkfifo", join(task.ipc, name)]);
    writeFileSync(join(task.ipc, "002.question"), "Which?");
    expect(readMailbox(task)).toMatchObject([{ number: "002", answer: null }]);
  });
});
