/**
 * What a worker is told. Short, since every worker pays for it; whole, since a
 * worker knows nothing else of dispatch. Paths are given as the worker sees them.
 */

import type { Asked } from "./task.ts";
import { isOpen, isUndelivered, type Question } from "./question.ts";
import { formatDuration } from "./duration.ts";

export interface PromptPaths {
  plan: string;
  ipc: string;
  context: string;
  /** What the tasks before this one have left. */
  outputs: readonly string[];
  /** The branch of the worker's own worktree; null where it works in the checkout itself. */
  branch: string | null;
}

/** For a first run, or a later one that starts with nothing of the earlier in mind. */
export function freshPrompt(
  asked: Asked,
  paths: PromptPaths,
  promptPrefix: string | null,
  before: { questions: readonly Question[]; hasContext: boolean } | null,
  told: string | null,
): string {
  const sections = [
    promptPrefix,
    work(asked, paths),
    before === null ? null : handover(paths, before),
    told,
    paths.branch === null ? null : ownWorktree(paths.branch),
    asking(asked, paths),
    ending(paths),
    context(asked, paths),
  ];
  return `${sections.filter((section) => section !== null).join("\n\n")}\n`;
}

/** For a session that goes on: it has read all of the above already. */
export function resumePrompt(
  paths: PromptPaths,
  questions: readonly Question[],
  told: string | null,
): string {
  const answered = questions.filter(isUndelivered);
  const sections = [
    answered.length > 0
      ? `${answered.map(answerText).join("\n\n")}\n\n${acknowledge(answered)} (or create ${paths.ipc}/${answered[0]!.number}.done).`
      : (told ?? "You were interrupted."),
    ...(answered.length > 0 && told !== null ? [told] : []),
    ...questions.filter(isOpen).map(openText),
    `Go on with ${paths.plan} from the first item that is not [x]. Items ticked [x] are done: do not repeat them. An item marked [?] is open again. All else that you were told still holds.`,
  ];
  return `${sections.join("\n\n")}\n`;
}

function work(asked: Asked, paths: PromptPaths): string {
  const start = asked.ownPlan
    ? `Your plan is ${paths.plan}. It holds one item, the task itself. Before anything else, replace that item with a checklist of your own (\`- [ ] step\` lines): concrete, verifiable steps, as few as the task needs.`
    : `Your plan is the checklist in ${paths.plan}.`;
  return `${start} Take its items in order: do the work, tick it in the file ([ ] → [x], with a short note below it if one helps), go to the next. Re-read the file before each item: quote blocks that begin "Note from dispatcher" are instructions that came later; heed them and keep them.`;
}

const ownWorktree = (branch: string) =>
  `You work in a git worktree of your own, on the branch ${branch}: change files of this folder only, and commit your work there (no push, no other branch).`;

function asking(asked: Asked, paths: PromptPaths): string {
  const patience = formatDuration(asked.answerTimeoutMs);
  return `If you need a decision or a fact that only the user has, do not guess: run \`dispatch ask "your question"\` in the foreground (add \`--option "…"\` for each choice). It prints the answer; when it prints another command instead, run that one. Do not end your turn while a question is open.
If \`dispatch\` cannot be run: write the question to ${paths.ipc}/<NNN>.question (temp file + mv; NNN counts from 001), poll for ${paths.ipc}/<NNN>.answer, then create ${paths.ipc}/<NNN>.done and continue. No answer within ${patience}: write your context to ${paths.context}, mark the item [?] with the question below it, and stop.`;
}

function ending(paths: PromptPaths): string {
  return `An error that you cannot get past: mark the item [!], say below it what is wrong, and end.
When every item is ticked, \`touch ${paths.ipc}/.done\` and end with a summary of at most five lines, what came of it first.`;
}

function context(asked: Asked, paths: PromptPaths): string | null {
  const lines = [`Context:`, asked.prompt.trim()];
  if (asked.context !== null) lines.push(asked.context.trim());
  const files = [...paths.outputs, ...asked.files];
  if (files.length > 0) lines.push(`Read first: ${files.join(", ")}`);
  if (asked.folder !== "") lines.push(`The request was made in the folder ${asked.folder}.`);
  return lines.filter((line) => line !== "").join("\n");
}

function handover(
  paths: PromptPaths,
  before: { questions: readonly Question[]; hasContext: boolean },
): string {
  const lines = [
    "A worker before you stopped part way. Items ticked [x] are done: check that they hold, do not repeat them. An item marked [?] or [!] is open again. Continue from there.",
  ];
  if (before.hasContext) lines.push(`It left its context in ${paths.context}: read that first.`);
  lines.push(...before.questions.filter((question) => !isOpen(question)).map(answerText));
  const unread = before.questions.filter(isUndelivered);
  if (unread.length > 0) lines.push(`${acknowledge(unread)}.`);
  lines.push(...before.questions.filter(isOpen).map(openText));
  return lines.join("\n");
}

const acknowledge = (questions: readonly Question[]) =>
  `First acknowledge: run \`${questions.map(({ number }) => `dispatch ask --wait ${number}`).join(" && ")}\``;

const openText = ({ number, text }: Question) =>
  `Question ${number} ("${text}") is still open: \`dispatch ask --wait ${number}\` waits for its answer.`;

const answerText = (question: Question) =>
  `The answer to question ${question.number} ("${question.text}") is: ${question.answer}`;
