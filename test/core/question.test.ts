import { describe, expect, test } from "bun:test";
import {
  formatQuestion,
  isOpen,
  isUndelivered,
  parseQuestion,
  type QuestionText,
} from "../../src/core/question.ts";
import { question } from "./builders.ts";

const plain = (text: string): QuestionText => ({ text, options: [], default: null });

describe("a question is plain text, with its choices at its end", () => {
  test.each<[what: string, body: string, expected: QuestionText]>([
    ["as a worker that knows only the files writes it", "Which colour?\n", plain("Which colour?")],
    ["of several lines", "Which?\n\n- one\n- two\n", plain("Which?\n\n- one\n- two")],
    ["empty", "", plain("(the question is empty)")],
    ["white space only", " \n\t\n", plain("(the question is empty)")],
    [
      "with options",
      "Which colour?\n\nOptions:\n- red\n- dark blue\n",
      { text: "Which colour?", options: ["red", "dark blue"], default: null },
    ],
    [
      "with options and a default",
      "Which colour?\n\nOptions:\n- red\n- blue\nDefault: red\n",
      { text: "Which colour?", options: ["red", "blue"], default: "red" },
    ],
    ["with a default", "Which?\n\nDefault: red\n", { text: "Which?", options: [], default: "red" }],
    [
      "with CRLF",
      "Which?\r\n\r\nOptions:\r\n- a\r\n- b\r\nDefault: a\r\n",
      { text: "Which?", options: ["a", "b"], default: "a" },
    ],
    [
      "with choices and no question",
      "Options:\n- a\n- b\n",
      { text: "(the question is empty)", options: ["a", "b"], default: null },
    ],
    [
      "with the word Options in its middle",
      "Options:\n- a\n\nWhich of these?",
      plain("Options:\n- a\n\nWhich of these?"),
    ],
    ["with the word Default in its middle", "Default: x\nor y?", plain("Default: x\nor y?")],
    ["with Options: and nothing below it", "Which?\nOptions:\n", plain("Which?\nOptions:")],
  ])("%s", (_, body, expected) => {
    expect(parseQuestion(body)).toEqual(expected);
  });

  test.each<[what: string, question: QuestionText, body: string]>([
    ["plain", plain(" Which colour? \n"), "Which colour?\n"],
    [
      "options",
      { text: "Which?", options: ["red", "blue"], default: null },
      "Which?\n\nOptions:\n- red\n- blue\n",
    ],
    ["default", { text: "Which?", options: [], default: "red" }, "Which?\n\nDefault: red\n"],
    [
      "both",
      { text: "Which?", options: ["red", "blue"], default: "red" },
      "Which?\n\nOptions:\n- red\n- blue\nDefault: red\n",
    ],
  ])("it is written so: %s", (_, asked, body) => {
    expect(formatQuestion(asked)).toBe(body);
  });

  // Asking again with the same words must find the question that is there: the
  // comparison goes through both directions.
  test.each<[what: string, question: QuestionText]>([
    ["plain", plain("Which colour?")],
    ["many lines", plain("Which?\n\n1. a\n2. b")],
    ["all of it", { text: "Which?\nReally?", options: ["a - b", "c: d"], default: "c: d" }],
    ["an option that looks like one", { text: "Which?", options: ["- a", "[ ] b"], default: null }],
  ])("it is read back as it was written: %s", (_, asked) => {
    expect(parseQuestion(formatQuestion(asked))).toEqual(asked);
  });

  test("an option and a default of several lines stay an option and a default", () => {
    const body = formatQuestion({
      text: "Which?",
      options: ["keep\nthe old one", "drop it"],
      default: "keep\nthe old one",
    });
    expect(parseQuestion(body)).toEqual({
      text: "Which?",
      options: ["keep the old one", "drop it"],
      default: "keep the old one",
    });
  });
});

test("a blank choice is none, and keeps no other from being read", () => {
  const body = formatQuestion({ text: "Which?", options: ["red", " "], default: "" });
  expect(parseQuestion(body)).toEqual({ text: "Which?", options: ["red"], default: null });
});

test.each<[what: string, own: Parameters<typeof question>[0], open: boolean, undelivered: boolean]>(
  [
    ["asked", {}, true, false],
    ["answered", { answer: "red" }, false, true],
    ["answered with nothing", { answer: "" }, false, true],
    ["answered and read", { answer: "red", acknowledged: true }, false, false],
    ["given up by the worker, and not answered", { acknowledged: true }, true, false],
  ],
)(
  "a question is open until it is answered, undelivered until it is read: %s",
  (_, own, open, undelivered) => {
    expect(isOpen(question(own))).toBe(open);
    expect(isUndelivered(question(own))).toBe(undelivered);
  },
);
