/** Staying with a task: its progress line by line, its questions asked of the person, its outcome. */

import { DispatchError } from "../core/error.ts";
import { eventsOf } from "../core/event.ts";
import { isOpen } from "../core/question.ts";
import { derive, isMoving, type State } from "../core/state.ts";
import { shownPlan } from "../core/task.ts";
import { itemText, questionText } from "../render/human.ts";
import { hint, print, talk } from "../render/write.ts";
import { answerCommand } from "../core/next.ts";
import { postAnswer } from "../store/mailbox.ts";
import type { ProjectPaths, TaskPaths } from "../store/paths.ts";
import { looks } from "../supervise/changes.ts";
import { newsText } from "./news.ts";
import { othersFor } from "./others.ts";
import { keepSupervised } from "./supervising.ts";
import { markTold } from "./telling.ts";
import { askPerson, isInteractive } from "../unix/terminal.ts";

/** Returns when the task is done; throws, with the exit code of its outcome, when it ended otherwise. */
export async function follow(project: ProjectPaths, task: TaskPaths): Promise<void> {
  const shown = new Set<string>();
  const once = (key: string, say: () => void) => {
    if (!shown.has(key)) say();
    shown.add(key);
  };
  for await (const [facts] of looks(project, [task.id])) {
    if (facts === undefined) continue;
    keepSupervised(project, [facts]);
    for (const item of shownPlan(facts).items) {
      if (item.marker !== " ")
        once(`${item.marker} ${item.text}`, () => print(itemText(item, false)));
    }
    const state = derive(facts);
    if (!isMoving(state)) {
      const outcomes = eventsOf(facts, Date.now()).filter(({ kind }) => kind !== "question");
      print(newsText(project, outcomes, await othersFor([facts])));
      markTold(project, facts);
      return endAs(state);
    }
    for (const question of facts.questions.filter(isOpen)) {
      once(`question ${question.number}`, () =>
        print(`? question ${question.number}: ${questionText(question)}`),
      );
      if (!isInteractive()) {
        once(`hint ${question.number}`, () => hint(answerCommand(task.id, question.number)));
        continue;
      }
      const answer = (await askPerson("> "))?.trim();
      if (answer === undefined)
        return talk.info(`left; it goes on without you: dispatch status ${task.id}`);
      if (answer !== "") postAnswer(task, question.number, answer);
    }
  }
}

function endAs(state: State): void {
  if (state.kind === "done") return;
  if (state.kind === "blocked")
    throw new DispatchError("needsPerson", "blocked", "the task needs you");
  throw new DispatchError("failed", state.kind, `the task ended: ${state.kind}`);
}
