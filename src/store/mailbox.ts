/**
 * The mailbox: `ipc/`, strictly worker-initiated. The worker writes questions
 * and acknowledgements, the dispatcher writes answers to questions that are
 * there, and each of the three happens once.
 */

import { statSync } from "node:fs";
import { parseQuestion, type Question } from "../core/question.ts";
import { cut } from "../core/text.ts";
import { ackPath, answerPath, ordinal, questionPath, type TaskPaths } from "./paths.ts";
import { create } from "./publish.ts";
import { readNames, readText } from "./read.ts";

/** A question may be this long; more of it is not read. */
const longestQuestion = 64 * 1024;
const questionName = /^(\d{1,9})\.question$/;

/** Every question, in the order of its number, with what became of it. */
export function readMailbox(task: TaskPaths): Question[] {
  const names = readNames(task.ipc);
  const present = new Set(names);
  return names
    .flatMap((name) => questionName.exec(name)?.[1] ?? [])
    .sort((a, b) => Number(a) - Number(b))
    .flatMap((number) => {
      const question = readText(questionPath(task, number), longestQuestion);
      if (question === null) return [];
      const parsed = parseQuestion(question.text);
      return {
        ...parsed,
        text: question.isCut
          ? `${cut(parsed.text)} (cut: the question is longer than ${longestQuestion} bytes)`
          : parsed.text,
        number,
        askedMs: question.modifiedMs,
        answer: present.has(`${number}.answer`) ? readAnswer(task, number) : null,
        acknowledged: present.has(`${number}.done`),
      };
    });
}

/** The answer, or null while there is none. The newline that `echo` adds is not part of it. */
export function readAnswer(task: TaskPaths, number: string): string | null {
  const file = readText(answerPath(task, number));
  return file === null ? null : file.text.replace(/\r?\n$/, "");
}

/** Publishes a question under the next free number: the count of questions plus one, or after. */
export function postQuestion(task: TaskPaths, body: string): string {
  const asked = readNames(task.ipc).filter((name) => questionName.test(name)).length;
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

/** The worker's own mark that all is done. */
export function hasCompletionMark(task: TaskPaths): boolean {
  return statSync(task.completionMark, { throwIfNoEntry: false })?.isFile() ?? false;
}
