/**
 * The same five tasks as the original skill has them handed over. Its text is read from a file
 * when the benchmark runs, and whatever it prescribes word for word is taken from there.
 *
 * Where it leaves a choice, the cheaper one is made for it: several calls go in one message,
 * progress is read in one command, and the end of a monitor whose worker has been reported
 * already is only acknowledged.
 */

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Step } from "../../../test/real/model-server.ts";
import { type Measured, openSession, type Session } from "./session.ts";
import * as script from "./tasks.ts";
import { checklist, planPath, prose, rateLimits, type Task, three, words } from "./tasks.ts";

/** What the text prescribes word for word, for a task. */
interface Prescribed {
  skill: string;
  /** How a call is described to the user. */
  scaffoldingDescription: (id: string) => string;
  workerDescription: (id: string) => string;
  monitorDescription: (id: string) => string;
  /** One command that makes the mailbox and the monitor's script. */
  scaffolding: (id: string) => string;
  workerPrompt: (task: Task) => string;
  answer: (id: string, answer: string) => string;
}

/** The task that the text's examples are about. */
const example = "security-review";
/** A monitor looks every three seconds. */
const longestPollMs = 4_500;
const monitorPath = (id: string) => `/tmp/monitor--${id}.sh`;

export function readOriginal(path: string): Prescribed {
  const text = readFileSync(path, "utf8");
  const missing = (what: string): never => {
    throw new Error(`${path} is not the original's SKILL.md: it has no ${what}`);
  };
  /** From the first line that fits to the next that fits the second pattern, without their indentation. */
  const passage = (from: RegExp, to: RegExp, what: string): string => {
    const lines = text.split("\n");
    const start = lines.findIndex((line) => from.test(line));
    const end = lines.findIndex((line, at) => at >= start && to.test(line));
    if (start < 0 || end < 0) return missing(what);
    const indentation = /^\s*/.exec(lines[start]!)![0];
    const some = lines.slice(start, end + 1);
    return some.map((line) => line.replace(indentation, "")).join("\n");
  };
  const described = [...text.matchAll(new RegExp(`description: "(.*${example})"`, "g"))];
  const description = (at: number) => {
    const found = described[at]?.[1] ?? missing("descriptions of its calls");
    return (id: string) => found.replaceAll(example, id);
  };

  const scaffolding = passage(
    new RegExp(`^\\s*mkdir -p .*/${example}/ipc$`),
    /^\s*chmod \+x/,
    "scaffolding",
  );
  const worker = passage(
    /^\s*You have a plan file at .*\{task-id\}/,
    /^\s*When all items are checked/,
    "prompt for workers",
  );
  const closing = worker.lastIndexOf("When all items");
  const answer = passage(/^\s*echo ".*001\.answer\.tmp$/, /^\s*mv .*001\.answer$/, "answer");
  return {
    skill: withFrontMatter(text),
    scaffoldingDescription: description(0),
    workerDescription: description(1),
    monitorDescription: description(2),
    scaffolding: (id) => scaffolding.replaceAll(example, id),
    workerPrompt: ({ id, context }) =>
      `${worker.slice(0, closing)}Context:\n${context}\n\n${worker.slice(closing)}`.replaceAll(
        "{task-id}",
        id,
      ),
    answer: (id, words) =>
      answer.replace(/"<.*?>"/, () => `"${words}"`).replaceAll("<task-id>", id),
  };
}

/** A page of the text has its description as the second paragraph, but no front matter. */
function withFrontMatter(text: string): string {
  if (text.startsWith("---\n")) return text;
  const description = text.split(/\n\n+/)[1]!.trim();
  return `---\nname: dispatch\ndescription: ${JSON.stringify(description)}\n---\n${text}`;
}

type Call = { name: string; input: unknown };
const bash = (command: string, description: string, isBackground = false): Call => ({
  name: "Bash",
  input: { command, description, ...(isBackground && { run_in_background: true }) },
});
const calls = (...tools: Call[]): Step => ({ tools });
const text = (said: string): Step => ({ text: said });

/** The moves that the text prescribes, in a session's own folders. */
function movesOf(prescribed: Prescribed, { home, project }: Session) {
  const monitor = ({ id }: Task) =>
    bash(`bash ${monitorPath(id)}`, prescribed.monitorDescription(id), true);
  const write = (task: Task): Call => ({
    name: "Write",
    input: {
      file_path: join(project, planPath(task)),
      content: `# ${task.title}\n\n${checklist(task)}`,
    },
  });
  const spawn = (task: Task): Call => ({
    name: "Agent",
    input: {
      description: prescribed.workerDescription(task.id),
      prompt: prescribed.workerPrompt(task),
      name: task.id,
      mode: "bypassPermissions",
      model: task.model,
      run_in_background: true,
    },
  });
  const readConfig = calls({
    name: "Read",
    input: { file_path: join(home, ".dispatch/config.yaml") },
  });
  return {
    readConfig,
    monitor,
    handOver: (tasks: readonly Task[]): Step[] => [
      readConfig,
      calls(...tasks.map(write)),
      calls(
        ...tasks.map(({ id }) =>
          bash(prescribed.scaffolding(id), prescribed.scaffoldingDescription(id)),
        ),
      ),
      calls(...tasks.flatMap((task) => [spawn(task), monitor(task)])),
    ],
    look: (task: Task) => bash(`cat ${planPath(task)}`, `Read the plan of ${task.id}`),
  };
}

/** A worker that asks as the prompt tells it to; it need not poll, since its gate opens later. */
const asks: Step[] = [
  {
    shell: `cd .dispatch/tasks/${rateLimits.id}/ipc && printf '%s\\n' '${script.question} [${script.options.join(" | ")}]' >q.tmp && mv q.tmp 001.question`,
  },
];

const mailbox = ({ id }: Task) => `.dispatch/tasks/${id}/ipc`;

/** What a worker does last; here it is done for it, so that its end comes before its monitor's. */
const markDone = (project: string, task: Task) =>
  writeFileSync(join(project, mailbox(task), ".done"), "");

async function open(prescribed: Prescribed) {
  const taken = script.all.map(({ id }) => monitorPath(id)).find(existsSync);
  if (taken !== undefined) throw new Error(`${taken} is there: somebody else uses the original`);
  const session = await openSession({
    skill: prescribed.skill,
    allow: ["Bash", "Read", "Write", "Agent"],
    workers: script.all.map((task) => script.workerOf(task, task === rateLimits ? asks : [])),
  });
  const removeMonitors = () => {
    for (const { id } of script.all) rmSync(monitorPath(id), { force: true });
  };
  process.once("exit", removeMonitors);
  const close = async () => {
    await session.close();
    process.off("exit", removeMonitors);
    removeMonitors();
  };
  return { ...session, close, moves: movesOf(prescribed, session) };
}

export async function oneByOne(prescribed: Prescribed): Promise<Measured> {
  const session = await open(prescribed);
  const { moves, project } = session;
  /** The worker ends, and then its monitor, which the worker's mark ends within three seconds. */
  const outcome = (task: Task) =>
    session.part(`outcome of ${task.id}`, async () => {
      await session.play([calls(moves.look(task)), text(task.report)], () => session.open(task.id));
      await session.play([text(`Nothing else of ${task.id}.`)], () => markDone(project, task));
    });
  try {
    await session.part("warmUp", () =>
      session.say(words.warmUp, moves.readConfig, text(prose.warmUp)),
    );
    await session.part("one", () =>
      session.say(words.one, ...moves.handOver([rateLimits]), text(prose.one)),
    );
    await session.part("question", async () => {
      const folder = mailbox(rateLimits);
      await session.play(
        [
          calls(bash(`ls ${folder}/`, "Find the open question")),
          calls(bash(`cat ${folder}/001.question`, "Read the question")),
          text(prose.question),
        ],
        () => {},
      );
      await session.say(
        words.answer,
        calls(
          bash(prescribed.answer(rateLimits.id, words.answer), "Answer rate-limits"),
          moves.monitor(rateLimits),
        ),
        text(prose.answered),
      );
    });
    await outcome(rateLimits);
    await session.part("three", () =>
      session.say(words.three, ...moves.handOver(three), text(prose.three)),
    );
    await session.part("idle", () => session.workOn(three, script.idleSteps));
    await session.part("status", () => {
      const plans = three.map((task) => `cat ${planPath(task)}`);
      const questions = three.map((task) => `${mailbox(task)}/*.question`);
      const command = [...plans, `ls ${questions.join(" ")} 2>/dev/null`].join("; ");
      return session.say(words.status, calls(bash(command, "Show progress")), text(prose.status));
    });
    for (const task of three) await outcome(task);
    await session.part("further", () =>
      session.say(words.further, ...moves.handOver([script.deadFlags]), text(prose.further)),
    );
    await outcome(script.deadFlags);
    return await session.measured();
  } finally {
    await session.close();
  }
}

/** Workers and monitors that all end while the host is busy, which is told of them in one message. */
export async function together(prescribed: Prescribed): Promise<Measured> {
  const session = await open(prescribed);
  const { moves, project } = session;
  try {
    await session.say(words.three, ...moves.handOver(three), text(prose.three));
    await session.workOn(three, script.idleSteps);
    await session.say(words.busy, calls(bash('read -r go <"$GATES/host"', "Run the slow check")));
    await session.partAfterTool("outcomes together", async () => {
      for (const task of three) {
        session.open(task.id);
        await session.lastRequest(task);
        markDone(project, task);
      }
      await Bun.sleep(longestPollMs);
      const reports = three.map(({ report }) => report).join("\n\n");
      await session.play([calls(...three.map(moves.look)), text(reports)], () =>
        session.open("host"),
      );
    });
    return await session.measured();
  } finally {
    await session.close();
  }
}
