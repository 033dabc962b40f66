import { describe, expect, test } from "bun:test";
import { badTaskId, idCandidates, isTaskId, slug } from "../../src/core/task-id.ts";

describe("a task id is kebab-case and nothing else, since it becomes a folder", () => {
  test.each<[string, boolean]>([
    ["paint", true],
    ["security-review", true],
    ["a", true],
    ["7", true],
    ["fix-2-bugs", true],
    ["", false],
    [".", false],
    ["..", false],
    ["../paint", false],
    ["a/b", false],
    ["a\\b", false],
    ["a.b", false],
    ["Paint", false],
    ["a_b", false],
    ["a b", false],
    ["-a", false],
    ["a-", false],
    ["a--b", false],
    ["a\n", false],
    ["\na", false],
    ["a\0", false],
    ["café", false],
    ["１", false],
  ])("%p: %p", (text, expected) => {
    expect(isTaskId(text)).toBe(expected);
  });

  test.each([
    [64, true],
    [65, false],
    [300, false],
  ])("of %p characters: %p", (length, expected) => {
    expect(isTaskId("a".repeat(length))).toBe(expected);
  });
});

describe("a prompt gives an id of its first four telling words", () => {
  test.each<[string, string | null]>([
    ["Fix the login bug", "fix-login-bug"],
    ["review src/auth for security issues", "review-src-auth-security"],
    ["Could you please update the README for me?", "update-readme"],
    ["don't touch the DB", "dont-touch-db"],
    ["don’t touch the DB", "dont-touch-db"],
    ["café à la crème", "cafe-la-creme"],
    ["add 2FA (TOTP)", "add-2fa-totp"],
    ["../../etc/passwd", "etc-passwd"],
    // Nothing but fillers is better than nothing at all.
    ["do it for them", "do-it-for-them"],
    ["the", "the"],
    // Who is to do it is not what it is about.
    ["use opus to fix the login bug", "fix-login-bug"],
    ["Have sonnet review the diff", "review-diff"],
    ["dispatch gpt-5.3-codex to add tests", "add-tests"],
    ["use opus", "opus"],
    ["reuse the parser", "reuse-parser"],
    ["日本語のテスト", null],
    ["", null],
    ["?!…", null],
    ["internationalization localization globalization work", "internationalization-localization"],
  ])("%p: %p", (prompt, expected) => {
    const id = slug(prompt);
    expect(id).toBe(expected);
    expect(id === null || isTaskId(id)).toBe(true);
  });

  test.each([
    ["one long word", "x".repeat(300), "x".repeat(40)],
    ["a word too many", `${"x".repeat(38)} yz`, "x".repeat(38)],
    ["words that just fit", `${"x".repeat(37)} yz`, `${"x".repeat(37)}-yz`],
  ])("of at most 40 characters: %s", (_, prompt, expected) => {
    expect(slug(prompt)).toBe(expected);
  });
});

test("the names to try when nobody chose one are counted from 2", () => {
  expect(idCandidates("paint").take(3).toArray()).toEqual(["paint", "paint-2", "paint-3"]);
});

test.each([
  [
    "My Task",
    'not a task id: "My Task"; expected kebab-case (a-z, 0-9, -), at most 64 characters',
    "for example: --id task",
  ],
  [
    "..",
    'not a task id: ".."; expected kebab-case (a-z, 0-9, -), at most 64 characters',
    "for example: --id my-task",
  ],
  [
    "Fix_Login\u001b[31m",
    'not a task id: "Fix_Login\\u001b[31m"; expected kebab-case (a-z, 0-9, -), at most 64 characters',
    "for example: --id fix-login-31m",
  ],
  [
    `${"A".repeat(40)}, and more`,
    `not a task id: "${"A".repeat(40)}…"; expected kebab-case (a-z, 0-9, -), at most 64 characters`,
    `for example: --id ${"a".repeat(40)}`,
  ],
])("a bad id is named, safely, with one that would do: %p", (text, message, hint) => {
  expect(badTaskId(text)).toMatchObject({ exitCode: 2, code: "usage", message, hint });
});
