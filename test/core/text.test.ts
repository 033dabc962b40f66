import { describe, expect, test } from "bun:test";
import { cut, nearest, oneLine, printable, shellQuoted } from "../../src/core/text.ts";

describe("a worker's text loses everything that a terminal or a reader could be fooled with", () => {
  test.each<[what: string, text: string, shown: string]>([
    ["tabs and newlines stay", "a\tb\nc", "a\tb\nc"],
    ["CRLF becomes a newline", "a\r\nb", "a\nb"],
    ["a lone CR would overwrite the line", "safe\rrm -rf", "saferm -rf"],
    ["colours", "\u001b[1;31mred\u001b[0m", "red"],
    ["cursor movement and clearing", "\u001b[2J\u001b[1;1Hhi", "hi"],
    ["private modes", "\u001b[?25lhi\u001b[?1049h", "hi"],
    ["a window title, ended by BEL", "\u001b]0;owned\u0007hi", "hi"],
    ["a window title, ended by ST", "\u001b]0;owned\u001b\\hi", "hi"],
    ["a hyperlink keeps its text", "\u001b]8;;http://x\u001b\\here\u001b]8;;\u001b\\", "here"],
    ["the clipboard", "\u001b]52;c;cm0gLXJm\u0007hi", "hi"],
    ["two-character sequences", "\u001bMhi\u001bE", "hi"],
    ["a lone ESC", "a\u001b", "a"],
    ["C1 controls, CSI among them", "a\u0085b\u009b31mc", "ab31mc"],
    ["BEL, backspace, DEL, NUL", "a\u0007b\bc\u007fd\0e", "abcde"],
    ["bidirectional overrides", "a\u202eb\u202cc\u2066d\u2069e", "abcde"],
    ["bidirectional marks", "a\u200eb\u200fc\u061cd", "abcd"],
    ["zero-width marks", "a\u200bb\u200cc\u200dd\u2060e\ufefff", "abcdef"],
    ["invisible tag characters", "a\u{e0001}\u{e0041}\u{e007f}b", "ab"],
    ["other scripts and emoji stay", "naïve 日本 שלום 😀", "naïve 日本 שלום 😀"],
  ])("%s", (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test("taking one sequence out never makes another", () => {
    expect(printable("\u001b\u001b[31m[31mx")).not.toContain("\u001b");
    expect(printable("\u001b\u200b[31mx")).not.toContain("\u001b");
  });

  test.each([
    ["  a \n\n b\t c ", "a b c"],
    ["a\u2028b\u2029c\u00a0d", "a b c d"],
    ["\u001b[31m\n", ""],
  ])("%j on one line is %j", (text, line) => {
    expect(oneLine(text)).toBe(line);
  });
});

describe("a long text is cut with an ellipsis, and no character in two", () => {
  test.each<[string, number, string]>([
    ["abcd", 4, "abcd"],
    ["abcde", 4, "abc…"],
    ["", 4, ""],
    ["abc", 1, "…"],
    ["ab😀", 4, "ab😀"],
    ["ab😀c", 4, "ab…"],
    ["a😀cd", 4, "a😀…"],
    ["😀😀", 2, "…"],
  ])("%j at %p is %j", (text, limit, expected) => {
    expect(cut(text, limit)).toBe(expected);
    expect(expected.isWellFormed()).toBe(true);
  });

  test("at 500 characters when nothing else is said", () => {
    expect(cut("x".repeat(500))).toBe("x".repeat(500));
    expect(cut("x".repeat(501))).toBe(`${"x".repeat(499)}…`);
  });
});

describe("a word is quoted for a shell as it needs", () => {
  test.each([
    ["opus", "opus"],
    ["src/a-b_c.ts", "src/a-b_c.ts"],
    ["A=b:c,d%e@f+g", "A=b:c,d%e@f+g"],
    ["", "''"],
    ["two words", "'two words'"],
    ["it's", String.raw`'it'\''s'`],
    ["$HOME", "'$HOME'"],
    ["`id`", "'`id`'"],
    ["~", "'~'"],
    ["a\nb", "'a\nb'"],
    ["a;b", "'a;b'"],
    ["naïve", "'naïve'"],
  ])("%j is %j", (word, quoted) => {
    expect(shellQuoted(word)).toBe(quoted);
  });

  test("and the shell reads back what was meant", () => {
    const words = ["it's", '$HOME `id` "x" \\', "a\nb", "*", "", "!", "#x"];
    const command = `printf '%s\\0' ${words.map(shellQuoted).join(" ")}`;
    const { stdout } = Bun.spawnSync(["/bin/sh", "-c", command]);
    expect(stdout.toString()).toBe(words.map((word) => `${word}\0`).join(""));
  });
});

describe("the nearest known word, where a third of it may be wrong", () => {
  const models = ["opus", "sonnet", "haiku", "gpt-5.3-codex", "gemini-3.1-pro"];
  test.each<[string, string | null]>([
    ["sonet", "sonnet"],
    ["sonnett", "sonnet"],
    ["SONNET", "sonnet"],
    ["opsu", "opus"],
    ["sonent", "sonnet"],
    ["usop", null],
    ["opu", "opus"],
    ["haikou", "haiku"],
    ["gpt-5.3-codx", "gpt-5.3-codex"],
    ["gemini-3-pro", "gemini-3.1-pro"],
    ["gpt", null],
    ["mistral", null],
    ["x".repeat(50), null],
  ])("%p: %p", (typed, expected) => {
    expect(nearest(typed, models)).toBe(expected);
  });

  test("the first of two that are as near", () => {
    expect(nearest("run", ["rub", "rum"])).toBe("rub");
  });

  test("none of none", () => {
    expect(nearest("run", [])).toBeNull();
  });
});
