import { defineCommand } from "citty";
import type { Config } from "../core/config.ts";
import { DispatchError, notFound, refused, usageError } from "../core/error.ts";
import { answerCommand } from "../core/next.ts";
import { isOpen, type Question } from "../core/question.ts";
import { derive, isLive } from "../core/state.ts";
import type { Facts } from "../core/task.ts";
import { quoted } from "../core/text.ts";
import { checkText, givenText, json } from "../cli/arguments.ts";
import { configured } from "../cli/configured.ts";
import { currentProject, requireTask } from "../cli/project.ts";
import { keepSupervised } from "../cli/supervising.ts";
import { adopt } from "../cli/telling.ts";
import { withWake } from "../cli/waking.ts";
import { questionText } from "../render/human.ts";
import { print, printJson } from "../render/write.ts";
import { postAnswer, readAnswer } from "../store/mailbox.ts";
import { step } from "../store/step.ts";
import { addNote } from "../supervise/notes.ts";
import type { ProjectPaths, TaskPaths } from "../store/paths.ts";
import { observe, observeAll } from "../supervise/observe.ts";
import { resumeTask } from "../supervise/resume.ts";

const longestAnswer = 200 * 1024;

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
  async run({ args: given }) {
    const [id = "", ...words] = given._;
    const project = currentProject();
    const task = requireTask(project, id);
    const { number, text } = readWords(words);
    const answer = await checkedAnswer(text);
    const facts = observe(task);
    const question = chooseQuestion(facts, number, answer);
    // A config that cannot be read must keep a resume from failing half way.
    const config = mayNeedResume(facts) ? await configured() : null;

    if (question === null) addNote(task, `The answer is: ${answer}`);
    else if (!postAnswer(task, question.number, answer))
      throw alreadyAnswered(id, question.number, readAnswer(task, question.number) ?? "");

    step("after an answer is posted");
    const follows = await whatFollows(project, task, question, config);
    keepSupervised(project, observeAll(project, [id]));
    const to = question?.number ?? null;
    adopt(project, facts);
    const said = `answered ${id}; ${followsText(follows)}`;
    // Whoever was woken by the question is to be woken again.
    const whole = follows.reader === "done" ? said : withWake(project, said);
    if (given.json) printJson({ schema: 1, id, n: to, ...follows });
    else print(whole);
  },
});

const mayNeedResume = (facts: Facts) =>
  facts.asked !== null && !isLive(derive(facts)) && derive(facts).kind !== "done";

/** What becomes of an answer: who reads it, or that nobody can say so. */
type Follows =
  | { reader: "worker" | "late" | "done" | "another"; resumed: null }
  | { reader: "queued"; resumed: null; reason: string }
  | { reader: "resumed"; resumed: number };

async function whatFollows(
  project: ProjectPaths,
  task: TaskPaths,
  question: Question | null,
  config: Config | null,
): Promise<Follows> {
  const facts = observe(task);
  if (!mayNeedResume(facts)) {
    if (derive(facts).kind === "done") return { reader: "done", resumed: null };
    const patienceMs = facts.asked?.answerTimeoutMs ?? Infinity;
    const isLate = question !== null && Date.now() - question.askedMs > patienceMs;
    return { reader: isLate ? "late" : "worker", resumed: null };
  }
  try {
    const wish = { model: null, fresh: false };
    const run = await resumeTask(project, task, facts, config ?? (await configured()), wish);
    return run.kind === "waits"
      ? { reader: "queued", resumed: null, reason: run.reason }
      : { reader: "resumed", resumed: run.number };
  } catch (error) {
    // Whoever resumes it at this moment tells it of every open question.
    if (error instanceof DispatchError && error.code === "run_taken")
      return { reader: "another", resumed: null };
    throw error;
  }
}

function followsText(follows: Follows): string {
  switch (follows.reader) {
    case "worker":
      return "the worker goes on";
    case "late":
      return "it had waited too long: where it ends without it, it is started again";
    case "done":
      return "the task was done without it";
    case "another":
      return "its worker had gone, and is just being resumed";
    case "resumed":
      return `its worker had gone: resumed as run ${follows.resumed}`;
    case "queued":
      return `its worker had gone, and goes on when it can: ${follows.reason}`;
  }
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
  const answer = (await givenText(text)).trim();
  checkText(answer, "answer");
  if (Buffer.byteLength(answer) > longestAnswer) {
    throw usageError(
      `the answer is longer than ${longestAnswer} bytes`,
      "put it into a file and name that",
    );
  }
  return answer;
}

/** The question that is meant; null for a blocked item that was never asked as a question. */
function chooseQuestion(facts: Facts, number: string | null, answer: string): Question | null {
  const { id, questions } = facts;
  const open = questions.filter(isOpen);
  if (number === null && open.some((question) => question.number === answer)) {
    throw usageError(
      `that is the number of a question; missing the answer`,
      answerCommand(id, answer),
    );
  }
  if (number !== null) {
    const question = questions.find((candidate) => Number(candidate.number) === Number(number));
    if (question !== undefined) return question;
    const known = questions
      .slice(-10)
      .map((candidate) => candidate.number)
      .join(", ");
    throw notFound(
      "unknown_question",
      `no question ${number} of ${id}`,
      known === "" ? "it has asked none" : `it has asked ${known}`,
    );
  }
  if (open.length === 1) return open[0]!;
  if (open.length > 1) {
    const list = open
      .slice(0, 10)
      .map((question) => `${question.number}: ${questionText(question)}`);
    throw usageError(
      `${open.length} questions of ${id} are open; say which:\n${list.join("\n")}`,
      answerCommand(id, open[0]!.number),
    );
  }
  if (derive(facts).kind === "blocked") return null;
  const last = questions.at(-1);
  if (last !== undefined && last.answer !== null)
    throw alreadyAnswered(id, last.number, last.answer);
  throw notFound("no_question", `${id} has no open question`, noteHint(id));
}

const noteHint = (id: string) => `to tell it more: dispatch note ${id} "…"`;

const alreadyAnswered = (id: string, number: string, first: string) =>
  refused(
    "already_answered",
    `question ${number} of ${id} was answered: ${quoted(first)}`,
    noteHint(id),
  );
