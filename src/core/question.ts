/**
 * The mailbox's texts. A question is plain text, as a worker that knows only
 * the files writes it; choices, where there are any, stand at its end:
 *
 *     Which colour?
 *
 *     Options:
 *     - red
 *     - blue
 *     Default: red
 */

import { collapsed } from "./text.ts";

export interface QuestionText {
  text: string;
  options: string[];
  /** What the worker will assume when nobody answers, or null. */
  default: string | null;
}

export interface Question extends QuestionText {
  /** As in its file name: `001`. */
  number: string;
  /** Epoch milliseconds: when its file was written. */
  askedMs: number;
  /** Null while nobody has answered. */
  answer: string | null;
  /** Epoch milliseconds. */
  answeredMs: number | null;
  /** The worker has read the answer. */
  acknowledged: boolean;
}

export function formatQuestion(question: QuestionText): string {
  // A choice is one line of the file: with a newline in it, or with nothing, it would not be read back as one.
  const options = question.options.map(collapsed).filter((option) => option !== "");
  const fallback = collapsed(question.default ?? "");
  let body = question.text.trim();
  if (options.length > 0)
    body += `\n\nOptions:\n${options.map((option) => `- ${option}`).join("\n")}`;
  if (fallback !== "") body += `${options.length > 0 ? "\n" : "\n\n"}Default: ${fallback}`;
  return `${body}\n`;
}

export function parseQuestion(body: string): QuestionText {
  let rest = body.replaceAll("\r\n", "\n").trim();
  const fallback = /(?:^|\n)Default: (.+)$/.exec(rest);
  if (fallback) rest = rest.slice(0, fallback.index).trimEnd();
  const choices = /(?:^|\n)Options:((?:\n- .+)+)$/.exec(rest);
  if (choices) rest = rest.slice(0, choices.index).trimEnd();
  return {
    text: rest === "" ? "(the question is empty)" : rest,
    options: choices
      ? choices[1]!
          .trim()
          .split("\n")
          .map((line) => line.slice(2))
      : [],
    default: fallback ? fallback[1]! : null,
  };
}

export const isOpen = (question: Question) => question.answer === null;

/** Answered, and the worker has not yet read it. */
export const isUndelivered = (question: Question) =>
  question.answer !== null && !question.acknowledged;
