/**
 * Whole tasks with the real agents, from the compiled binary, against the
 * scripted model server: handed over, asked, answered, done; and the same with
 * the worker killed while it waits.
 */

import { describe, expect, onTestFinished, test } from "bun:test";
import { join } from "node:path";
import { appears, killMarked, processesWith } from "../scenes/machine.ts";
import type { Scenario } from "./model-server.ts";
import { stage as setStage } from "./stage.ts";

async function stage(scenarios: Scenario | Scenario[]) {
  const s = await setStage(scenarios);
  onTestFinished(s.strike);
  return s;
}

const limitMs = 60_000;

const agents = [
  { agent: "claude", model: "sonnet", backend: "claude" },
  { agent: "codex", model: "gpt-5.5", backend: "codex" },
];

const taskFolder = ".dispatch/tasks/paint";
const tick = (item: string) => `sed -i 's/- \\[ \\] ${item}/- [x] ${item}/' ${taskFolder}/plan.md`;
const beforeTheQuestion = [
  { shell: `cat ${taskFolder}/plan.md` },
  { shell: `echo prepared > prepared.txt && ${tick("Prepare")}` },
];
const afterTheAnswer = [
  {
    shell: `cp ${taskFolder}/ipc/001.answer ${taskFolder}/output.md && ${tick("Ask")} && ${tick("Paint")}`,
  },
  { shell: `touch ${taskFolder}/ipc/.done` },
  { text: "Painted it as you said." },
];
const question = {
  poll: {
    shell: 'dispatch ask "Which colour?" --option red --option blue',
    until: "^(red|blue)$",
    next: "run: (.*)$",
  },
};

const items = ["--item", "Prepare", "--item", "Ask", "--item", "Paint"];
const whole = { input: 1_000, output: 50 };

describe.each(agents)("the real $agent", ({ model, backend }) => {
  test(
    "does a whole task: plan, question, answer, outcome",
    async () => {
      const script = [...beforeTheQuestion, question, ...afterTheAnswer];
      const s = await stage({ usage: whole, steps: script });
      const started = await s.dispatch(
        "run",
        "--model",
        model,
        "--id",
        "paint",
        ...items,
        "paint the fence",
      );
      expect(started).toMatchObject({ exit: 0 });
      expect((await s.dispatch("wait")).out).toBe(
        'paint asks: "Which colour? [red | blue]"\nthe user replies: dispatch answer paint 001 "…"\n',
      );
      expect(await s.task("paint")).toMatchObject({
        state: "waiting",
        backend,
        progress: { done: 1, total: 3 },
      });
      expect(s.read("prepared.txt")).toBe("prepared\n");

      expect(await s.dispatch("answer", "paint", "blue")).toMatchObject({
        exit: 0,
        out: "answered paint; the worker goes on\n",
      });
      expect((await s.dispatch("wait")).out).toContain("paint done in ");

      const task = await s.task("paint");
      expect(task).toMatchObject({
        state: "done",
        exit: 0,
        run: 1,
        progress: { done: 3, total: 3 },
      });
      expect(task.questions).toMatchObject([{ n: "001", answered: true, acknowledged: true }]);
      expect(task.session).toMatch(/^[0-9a-f-]{36}$/);
      expect(task.tokens.output).toBeGreaterThanOrEqual(50 * 5);
      expect(s.read(`${taskFolder}/output.md`)).toBe("blue\n");
      expect(s.read(`${taskFolder}/ipc/.done`)).toBe("");
      expect((await s.dispatch("result", "paint")).out).toContain("\nblue");
      expect((await s.dispatch("logs", "paint")).out).toContain("Painted it as you said.");
      expect(s.server.problems).toEqual([]);
      expect(s.server.left()).toBe(0);
    },
    limitMs,
  );

  test(
    "killed while it waits, goes on in its own session with the answer",
    async () => {
      const acknowledge = { shell: "dispatch ask --wait 001" };
      const s = await stage({
        steps: [...beforeTheQuestion, question, acknowledge, ...afterTheAnswer],
      });
      await s.dispatch("run", "--model", model, "--id", "paint", ...items, "paint the fence");
      expect((await s.dispatch("wait")).out).toContain("paint asks:");
      const { session } = await s.task("paint");
      killMarked(`SCENE=${s.scene}`);
      expect((await s.dispatch("wait")).out).toContain("paint blocked, 1/3 items");

      expect((await s.dispatch("answer", "paint", "red")).out).toBe(
        "answered paint; its worker had gone: resumed as run 2\n",
      );
      expect((await s.dispatch("wait")).out).toContain("paint done in ");
      const task = await s.task("paint");
      expect(task).toMatchObject({ state: "done", run: 2, session });
      expect(task.questions).toMatchObject([{ n: "001", answered: true, acknowledged: true }]);
      expect(JSON.parse(s.read(`${taskFolder}/runs/002/command.json`)!)).toMatchObject({
        resumes: 1,
        session,
      });
      expect(s.read(`${taskFolder}/output.md`)).toBe("red\n");
      expect(s.server.problems).toEqual([]);
      expect(s.server.left()).toBe(0);
    },
    limitMs,
  );

  test(
    "stopped in the middle of a command, leaves nothing running",
    async () => {
      const s = await stage({ steps: [{ shell: "touch busy; sleep 1000" }] });
      await s.dispatch("run", "--model", model, "--id", "paint", ...items, "paint the fence");
      await appears(join(s.project, "busy"));
      const before = processesWith(`SCENE=${s.scene}`);
      expect(before.length).toBeGreaterThan(0);
      expect((await s.dispatch("stop", "paint")).out).toBe("stopped paint\n");
      expect(processesWith(`SCENE=${s.scene}`)).toEqual([]);
      expect((await s.task("paint")).state).toBe("stopped");
    },
    limitMs,
  );

  test(
    "answered by another model than was asked for, says so",
    async () => {
      const script = { model: "another-model", steps: afterTheAnswer.slice(1) };
      const s = await stage(script);
      await s.dispatch("run", "--model", model, "--id", "paint", "paint the fence");
      expect((await s.dispatch("wait")).out).toContain("paint incomplete");
      expect((await s.dispatch("result", "paint")).out).toContain("reported: model another-model,");
      expect(await s.task("paint")).toMatchObject({ model, answered_by: "another-model" });
      expect((await s.dispatch("logs", "paint")).out).toContain("model another-model\n");
    },
    limitMs,
  );

  test(
    "refused by its API, has failed, and says why",
    async () => {
      const error = { status: 401, headers: { "x-should-retry": "false" } };
      const s = await stage({ steps: [{ error, lasts: true }] });
      await s.dispatch("run", "--model", model, "--id", "paint", ...items, "paint the fence");
      expect((await s.dispatch("wait")).out).toContain("paint failed (auth), 0/3 items");
    },
    limitMs,
  );
});
