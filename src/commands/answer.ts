import { defineCommand } from "citty";
import { notFound, refused, usageError } from "../core/error.ts";
import { isOpen, type Question } from "../core/question.ts";
import { derive, type Facts, isLive } from "../core/task.ts";
import { cut, oneLine } from "../core/text.ts";
import { json, positionalsOf } from "../cli/arguments.ts";
import { configured } from "../cli/configured.ts";
import { currentProject, requireTask } from "../cli/project.ts";
import { questionText } from "../render/human.ts";
import { print, printJson } from "../render/write.ts";
import { postAnswer, readAnswer } from "../store/mailbox.ts";
import { addNote } from "../supervise/notes.ts";
import type { ProjectPaths, TaskPaths } from "../store/paths.ts";
import { observe } from "../supervise/observe.ts";
import { resumeTask } from "../supervise/resume.ts";

const args = {
  id: { type: "positional", required: true, description: "the task" },
  words: {
    type: "positional",
    required: false,
    valueHint: "[NNN] ANSWER…",
    description:
      "the question's number, where several are open, and the answer; - reads it from stdin",
  },
  json,
} as const;

export default defineCommand({
  meta: {
    name: "answer",
    description: "answer a worker's question; one that has gone is resumed with it",
  },
  args,
  async run({ args: given, rawArgs }) {
    const [id = "", ...words] = positionalsOf(args, rawArgs);
    const project = currentProject();
    const task = requireTask(project, id);
    const { number, text } = readWords(words);
    const answer = await checkedAnswer(text);
    const facts = observe(task);

    const question = chooseQuestion(facts, number);
    if (question === null) addNote(task, `The answer is: ${answer}`);
    else if (!postAnswer(task, question.number, answer))
      throw alreadyAnswered(task, question.number);

    const resumed = await resumeIfGone(project, task);
    const to = question?.number ?? null;
    if (given.json) return printJson({ schema: 1, id, n: to, resumed });
    const what = to === null ? "answered" : `answered question ${to}`;
    print(`${what} of ${id}; ${whatFollows(facts, question, resumed)}`);
  },
});

/** Whether somebody will read the answer; past the worker's patience nobody can promise that. */
function whatFollows(facts: Facts, question: Question | null, resumed: number | null): string {
  if (resumed !== null) return `its worker had gone: resumed as run ${resumed}`;
  const patienceMs = facts.asked?.answerTimeoutMs ?? Infinity;
  const isLate = question !== null && Date.now() - question.askedMs > patienceMs;
  if (!isLate) return "the worker goes on";
  return `it had waited too long and may be ending without it: dispatch wait ${facts.id} tells`;
}

/** `ID ANSWER` or `ID NNN ANSWER`. */
function readWords(words: readonly string[]): { number: string | null; text: string } {
  const [first, second, ...rest] = words;
  if (first === undefined) throw usageError("missing the answer", 'dispatch answer ID "…"');
  if (second === undefined) return { number: null, text: first };
  if (rest.length > 0 || !/^\d{1,9}$/.test(first)) {
    throw usageError(
      `${words.length} words behind the id; expected [NNN] "ANSWER"`,
      "put quotes around the answer",
    );
  }
  return { number: first, text: second };
}

async function checkedAnswer(text: string): Promise<string> {
  const answer = (text === "-" ? await Bun.stdin.text() : text).trim();
  if (answer === "") throw usageError("the answer is empty");
  if (answer.includes("\0")) throw usageError("the answer holds a NUL byte; expected text");
  return answer;
}

/** The question that is meant; null for a blocked item that was never asked as a question. */
function chooseQuestion(facts: Facts, number: string | null): Question | null {
  const { id, questions } = facts;
  const open = questions.filter(isOpen);
  if (number !== null) {
    const question = questions.find((candidate) => Number(candidate.number) === Number(number));
    if (question !== undefined) return question;
    const known = questions.map((candidate) => candidate.number).join(", ");
    throw notFound(
      "unknown_question",
      `no question ${number} of ${id}`,
      known === "" ? "it has asked none" : `it has asked ${known}`,
    );
  }
  if (open.length === 1) return open[0]!;
  if (open.length > 1) {
    const list = open.map((question) => `${question.number}: ${questionText(question)}`).join("\n");
    throw usageError(
      `${open.length} questions of ${id} are open; say which:\n${list}`,
      `dispatch answer ${id} ${open[0]!.number} "…"`,
    );
  }
  if (derive(facts).kind === "blocked") return null;
  const last = questions.at(-1);
  if (last?.answer !== null && last !== undefined) {
    throw refused(
      "already_answered",
      `question ${last.number} of ${id} was answered: ${cut(oneLine(last.answer))}`,
      noteHint(id),
    );
  }
  throw notFound("no_question", `${id} has no open question`, noteHint(id));
}

const noteHint = (id: string) => `to tell it more: dispatch note ${id} "…"`;

function alreadyAnswered(task: TaskPaths, number: string) {
  const first = readAnswer(task, number) ?? "";
  return refused(
    "already_answered",
    `question ${number} of ${task.id} was answered: ${cut(oneLine(first))}`,
    noteHint(task.id),
  );
}

/** The number of the new run, or null while the worker is there to read the answer itself. */
async function resumeIfGone(project: ProjectPaths, task: TaskPaths): Promise<number | null> {
  const facts = observe(task);
  if (facts.asked === null || isLive(derive(facts))) return null;
  return resumeTask(project, task, facts, await configured(), { model: null, fresh: false });
}
