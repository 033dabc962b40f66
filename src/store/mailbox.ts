/**
 * The mailbox: `ipc/`, strictly worker-initiated. The worker writes questions
 * and acknowledgements, the dispatcher writes answers to questions that are
 * there, and each of the three happens once.
 */

import { parseQuestion, type Question } from "../core/question.ts";
import { cut } from "../core/text.ts";
import {
  ackPath,
  answerPath,
  ordinal,
  questionNumber,
  questionPath,
  type TaskPaths,
} from "./paths.ts";
import { create } from "./publish.ts";
import { isFile, readNames, readText } from "./read.ts";

/** A question may be this long; more of it is not read. */
const longestQuestion = 64 * 1024;

/** Every question, in the order of its number, with what became of it. */
export function readMailbox(task: TaskPaths): Question[] {
  return readNames(task.ipc)
    .flatMap((name) => questionNumber(name) ?? [])
    .sort((a, b) => Number(a) - Number(b))
    .flatMap((number) => {
      const question = readText(questionPath(task, number), longestQuestion);
      if (question === null) return [];
      const parsed = parseQuestion(question.text);
      const answer = answerFile(task, number);
      return {
        ...parsed,
        text: question.isCut
          ? `${cut(parsed.text)} (cut: the question is longer than ${longestQuestion} bytes)`
          : parsed.text,
        number,
        askedMs: question.modifiedMs,
        answer: answer?.text ?? null,
        answeredMs: answer?.modifiedMs ?? null,
        acknowledged: isFile(ackPath(task, number)),
      };
    });
}

/** The answer, or null while there is none. The newline that `echo` adds is not part of it. */
export const readAnswer = (task: TaskPaths, number: string): string | null =>
  answerFile(task, number)?.text ?? null;

function answerFile(task: TaskPaths, number: string): { text: string; modifiedMs: number } | null {
  const file = readText(answerPath(task, number));
  return file && { text: file.text.replace(/\r?\n$/, ""), modifiedMs: file.modifiedMs };
}

/** Publishes a question under the next free number: the count of questions plus one, or after. */
export function postQuestion(task: TaskPaths, body: string): string {
  const asked = readNames(task.ipc).filter(questionNumber).length;
  for (let count = asked + 1; ; count++) {
    const number = ordinal(count);
    if (create(questionPath(task, number), body)) return number;
  }
}

/** False when the question has been answered before; the first answer stands. */
export function postAnswer(task: TaskPaths, number: string, answer: string): boolean {
  return create(answerPath(task, number), `${answer}\n`);
}

/** The worker has read the answer. Doing so again changes nothing. */
export function acknowledge(task: TaskPaths, number: string): void {
  create(ackPath(task, number), "");
}
