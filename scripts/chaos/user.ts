/** The user when it is quiet: answers, resumes and gives up, as `status` says that it is needed. */

import { type Driver, openQuestions } from "./driver.ts";
import type { TaskPlan } from "./plan.ts";

/** More often nobody would resume a task whose worker does what it should. */
const mostResumes = 10;

/** What `status --json` says of a task, as far as the user goes by it. */
interface Shown {
  id: string;
  state: string;
  reason: string | null;
  until: string | null;
  questions: { n: string; answered: boolean; acknowledged: boolean }[];
}

export class User {
  readonly #resumes = new Map<string, number>();
  readonly #answers = { count: 0 };

  constructor(readonly driver: Driver) {}

  /** A parent that was not there yet, or a command that was killed: it is asked for again. */
  async askForWhatIsMissing(): Promise<void> {
    const { driver } = this;
    for (const { id, project } of driver.plan.tasks) {
      const { exit } = await driver.dispatch(project, ["status", id, "--json"]);
      if (exit === 3) await driver.dispatch(project, driver.runWords([id]).argv);
    }
  }

  async giveUp(): Promise<void> {
    for (const { id, project, isGivenUp } of this.driver.plan.tasks)
      if (isGivenUp) await this.driver.dispatch(project, ["stop", id, "--grace", "500ms"]);
  }

  /** Does what each of the project's tasks needs; returns those that are not at rest. */
  async goOn(project: string, round: number): Promise<string[]> {
    const { driver } = this;
    const { out } = await driver.dispatch(project, ["status", "--json"]);
    const shown = (out === "" ? [] : JSON.parse(out).tasks) as Shown[];
    if (round < 2 && shown.some(({ state }) => state === "lost")) {
      await driver.dispatch(project, ["resume", "--all"]);
      return ["lost tasks were resumed"];
    }
    const restless: string[] = [];
    for (const plan of driver.plan.tasks.filter((task) => task.project === project)) {
      const task = shown.find(({ id }) => id === plan.id);
      if (task === undefined) restless.push(`${plan.id} is not there`);
      else if (!(await this.#isAtRest(plan, task, shown)))
        restless.push(
          `${plan.id} is ${task.state}${task.reason === null ? "" : `: ${task.reason}`}`,
        );
    }
    return restless;
  }

  /** False where it moves, or has just been made to. */
  async #isAtRest(plan: TaskPlan, task: Shown, all: readonly Shown[]): Promise<boolean> {
    const { driver } = this;
    const { id, project } = plan;
    const hasEnded = !["queued", "running", "waiting", "stopping"].includes(task.state);
    if (task.state === "done") return true;
    const open = openQuestions(driver.ground, project).filter((each) => each.task === id);
    const isHeldForLong =
      (task.state === "held" || task.state === "queued") &&
      (isFar(task.until) || (task.reason?.includes("has reached its limit") ?? false));
    if (plan.isGivenUp && hasEnded && task.state !== "held") return true;
    if (plan.script.hopeless !== null && hasEnded && this.#count(id) > 1) return true;
    if (["waiting", "blocked"].includes(task.state) && open.length > 0) {
      for (const { number } of open)
        await driver.dispatch(project, ["answer", id, number, this.#answer()]);
      return false;
    }
    if (task.state === "blocked" && task.questions.every(({ acknowledged }) => acknowledged))
      return this.#again(id, project, ["answer", id, this.#answer()]);
    if (task.state === "held" && task.until === null) {
      const parents = all.filter((each) => plan.after.includes(each.id));
      const isHopeless = parents.every(
        (parent) =>
          parent.state !== "done" &&
          driver.plan.tasks.some(
            (each) => each.id === parent.id && (each.isGivenUp || each.script.hopeless !== null),
          ),
      );
      return isHopeless ? this.#again(id, project, ["resume", id]) : false;
    }
    if (isHeldForLong || (hasEnded && task.state !== "held"))
      return this.#again(id, project, ["resume", id]);
    return false;
  }

  #count(id: string): number {
    return this.#resumes.get(id) ?? 0;
  }

  async #again(id: string, project: string, argv: string[]): Promise<boolean> {
    if (this.#count(id) < mostResumes) await this.driver.dispatch(project, argv);
    this.#resumes.set(id, this.#count(id) + 1);
    return false;
  }

  #answer(): string {
    return `answer ${this.#answers.count++} in the quiet`;
  }
}

const isFar = (until: string | null) => until !== null && Date.parse(until) > Date.now() + 5_000;
