/** The five tasks as this skill has them handed over. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hooks } from "../../../skills/dispatch/.claude-plugin/plugin.json";
import type { Step } from "../../../test/real/model-server.ts";
import { type Measured, openSession, type Session } from "./session.ts";
import * as script from "./tasks.ts";
import { checklist, prose, rateLimits, type Task, three, words } from "./tasks.ts";

export const skill = readFileSync(
  join(import.meta.dir, "../../../skills/dispatch/SKILL.md"),
  "utf8",
);

const setting = () => ({
  skill,
  allow: ["Bash"],
  hooks,
  workers: script.all.map((task) => script.workerOf(task, task === rateLimits ? [asks] : [])),
});

const asks: Step = {
  poll: {
    shell: `dispatch ask "${script.question}" ${script.options.map((option) => `--option ${option}`).join(" ")}`,
    until: "REDIS_URL",
    next: "run: (.*)$",
  },
};

const bash = (command: string, description: string): Step => ({
  tool: { name: "Bash", input: { command, description } },
});
const text = (said: string): Step => ({ text: said });

const handOver = (tasks: readonly Task[], description: string) =>
  bash(`dispatch run - <<'EOF'\n${tasks.map(batchText).join("\n")}EOF`, description);
const batchText = (task: Task) =>
  `# ${task.title}\nmodel: ${task.model}\n\n${checklist(task)}\n${task.context}\n`;

/** Outcomes that come one by one, each to an idle session. */
export async function oneByOne(): Promise<Measured> {
  const session = await openSession(setting());
  const outcome = (task: Task) =>
    session.part(`outcome of ${task.id}`, () =>
      session.play([text(task.report)], () => session.open(task.id)),
    );
  try {
    await session.part("warmUp", () =>
      session.say(words.warmUp, bash("dispatch", "Check dispatch"), text(prose.warmUp)),
    );
    await session.part("one", () =>
      session.say(words.one, handOver([rateLimits], "Dispatch rate-limits"), text(prose.one)),
    );
    await session.part("question", async () => {
      await session.play([text(prose.question)], () => {});
      await session.say(
        words.answer,
        bash(`dispatch answer rate-limits 001 "${words.answer}"`, "Answer rate-limits"),
        text(prose.answered),
      );
    });
    await outcome(rateLimits);
    await session.part("three", () => handOverThree(session));
    await session.part("idle", () => session.workOn(three, script.idleSteps));
    await session.part("status", () =>
      session.say(words.status, bash("dispatch status", "Show progress"), text(prose.status)),
    );
    for (const task of three) await outcome(task);
    await session.part("further", () =>
      session.say(
        words.further,
        handOver([script.deadFlags], "Dispatch dead-flags"),
        text(prose.further),
      ),
    );
    await outcome(script.deadFlags);
    return await session.measured();
  } finally {
    await session.close();
  }
}

/** Outcomes that come before the turn is over that has handed the tasks over: all in one wake. */
export async function together(): Promise<Measured> {
  const session = await openSession(setting());
  try {
    await session.say(
      words.three,
      handOver(three, "Dispatch three tasks"),
      bash('read -r go <"$GATES/host"', "Run the slow check"),
    );
    await session.workOn(three, script.idleSteps);
    for (const task of three) {
      session.open(task.id);
      await session.ended(task);
    }
    await session.play([text(prose.three)], () => session.open("host"));
    await session.part("outcomes together", () =>
      session.play([text(three.map(({ report }) => report).join("\n\n"))], () => {}),
    );
    return await session.measured();
  } finally {
    await session.close();
  }
}

const handOverThree = (session: Session) =>
  session.say(words.three, handOver(three, "Dispatch three tasks"), text(prose.three));
