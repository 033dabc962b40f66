import { defineCommand } from "citty";
import { basename } from "node:path";
import { formatDuration } from "../core/duration.ts";
import { DispatchError, notFound, refused, usageError } from "../core/error.ts";
import {
  formatQuestion,
  isOpen,
  isUndelivered,
  parseQuestion,
  type Question,
} from "../core/question.ts";
import { shellQuoted } from "../core/text.ts";
import { checkText, json, valuesOf } from "../cli/arguments.ts";
import { currentProject, requireTask } from "../cli/project.ts";
import { print, printJson } from "../render/write.ts";
import { acknowledge, postQuestion, readAnswer, readMailbox } from "../store/mailbox.ts";
import { keepNotes } from "../supervise/notes.ts";
import { type RunPaths, runPaths, type TaskPaths } from "../store/paths.ts";
import { step } from "../store/step.ts";
import { latestRun, readExit, readPid, readRecord } from "../store/runs.ts";
import { readAsked } from "../store/tasks.ts";
import { defaultAnswerTimeoutMs } from "../core/config.ts";
import { numbersOf, processIdentity } from "../unix/processes.ts";
import { watchTicks } from "../unix/watch.ts";

const heartbeatMs = 1_000;
/** Where the worker's CLI is not known: shorter than any agent's shell limit. */
const unknownLimitMs = 25_000;
const longestQuestion = 60 * 1024;

const args = {
  question: { type: "positional", required: false, description: "the question, in quotes" },
  option: { type: "string", valueHint: "TEXT…", description: "a choice" },
  default: {
    type: "string",
    valueHint: "TEXT",
    description: "what you will assume without an answer",
  },
  wait: {
    type: "string",
    valueHint: "NNN",
    description: "go on waiting for the answer to that question",
  },
  try: {
    type: "string",
    valueHint: "N",
    description: "counts the waits, so that no command is the same twice",
  },
  task: {
    type: "string",
    valueHint: "ID",
    description: "the task, for a worker without DISPATCH_TASK",
  },
  json,
} as const;

export default defineCommand({
  meta: { name: "ask", description: "for workers: ask the user, print the answer" },
  args,
  async run({ args: given, rawArgs }) {
    const task = ownTask(given.task);
    const question =
      given.wait === undefined
        ? take(task, given.question ?? "", valuesOf(args, rawArgs, "option"), given.default ?? null)
        : find(task, given.wait);
    const attempt = Number(given.try ?? "1") || 1;

    const patienceMs = readAsked(task)?.answerTimeoutMs ?? defaultAnswerTimeoutMs;
    const leftMs = question.askedMs + patienceMs - Date.now();
    const limitMs = Number(process.env["DISPATCH_ASK_LIMIT"]) || unknownLimitMs;
    const answer = await answerWithin(
      task,
      question.number,
      Math.max(0, Math.min(leftMs, limitMs)),
    );
    if (answer !== null) {
      // Left over from a worker that has ended, it must not acknowledge for the next one.
      if (isOrphaned(task)) throw refused("run_over", "the run that asked this has ended");
      if (given.json) printJson({ schema: 1, n: question.number, answer });
      else print(answer);
      step("before an answer is acknowledged");
      // After the print: killed in between, the worker asks again and is told again.
      return acknowledge(task, question.number);
    }
    throw leftMs > limitMs
      ? notYet(question.number, attempt)
      : givenUp(task, question.number, patienceMs);
  },
});

function ownTask(id: string | undefined): TaskPaths {
  const project = currentProject();
  const own = process.env["DISPATCH_TASK_DIR"];
  const asker = id ?? (own === undefined ? undefined : basename(own));
  if (asker === undefined)
    throw usageError(
      "only a worker can ask, and DISPATCH_TASK_DIR is not set",
      'dispatch ask --task ID "…"',
    );
  return requireTask(project, asker);
}

/** Whether the run that this process belongs to is over; a worker that does not say its run is trusted. */
function isOrphaned(task: TaskPaths): boolean {
  const token = process.env["DISPATCH_RUN"];
  if (token === undefined || token === "") return false;
  const run = runPaths(task, latestRun(task));
  const record = readRecord(run);
  return record !== null && (record.token !== token || readExit(run) !== null || isKilled(run));
}

/** A worker that was killed with its shim leaves no record; its shell may go on waiting for nobody. */
function isKilled(run: RunPaths): boolean {
  const pid = readPid(run);
  const isSeen = process.env["DISPATCH_PIDS"] === numbersOf();
  return pid !== null && isSeen && processIdentity(pid) === null;
}

/** A question that was asked before and is still open, or whose answer was never read, is not asked twice. */
function take(task: TaskPaths, text: string, options: string[], fallback: string | null): Question {
  checkText(text, "question", 'dispatch ask "your question"');
  const body = formatQuestion({ text, options, default: fallback });
  checkText(body, "question");
  if (Buffer.byteLength(body) > longestQuestion) {
    throw usageError(
      `the question is longer than ${longestQuestion} bytes`,
      "ask shorter, and name a file for the details",
    );
  }
  keepNotes(task);
  const wanted = formatQuestion(parseQuestion(body));
  const pending = readMailbox(task).find(
    (question) =>
      (isOpen(question) || isUndelivered(question)) && formatQuestion(question) === wanted,
  );
  return pending ?? find(task, postQuestion(task, body));
}

function find(task: TaskPaths, number: string): Question {
  const question = readMailbox(task).find(
    (candidate) => Number(candidate.number) === Number(number),
  );
  if (question === undefined)
    throw notFound("unknown_question", `no question ${number} of ${task.id}`);
  return question;
}

async function answerWithin(
  task: TaskPaths,
  number: string,
  patienceMs: number,
): Promise<string | null> {
  const until = AbortSignal.timeout(Math.ceil(patienceMs));
  for await (const _ of watchTicks(task.ipc, heartbeatMs, { until })) {
    const answer = readAnswer(task, number);
    if (answer !== null) return answer;
  }
  return readAnswer(task, number);
}

const notYet = (number: string, attempt: number) =>
  new DispatchError(
    "timedOut",
    "not_answered_yet",
    `not answered yet; run: dispatch ask --wait ${number} --try ${attempt + 1}`,
  );

function givenUp(task: TaskPaths, number: string, patienceMs: number): DispatchError {
  const where = (path: string) => shellQuoted(path);
  return new DispatchError(
    "needsPerson",
    "no_answer",
    `nobody has answered question ${number} within ${formatDuration(patienceMs)}; write what the next worker must know to ${where(task.context)}, mark the item [?] in ${where(task.plan)} with the question below it, and stop: the answer will start you again`,
  );
}
