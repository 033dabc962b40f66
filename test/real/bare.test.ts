/** The scripted server against the bare agents, with the command lines that dispatch uses. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { closeSync, openSync, watch } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentEnv, ensureAgents } from "./agents.ts";
import { startModelServer, type ModelServer, type Scenario, type Step } from "./model-server.ts";

// claude refuses --dangerously-skip-permissions to root; --allowedTools swallows all that follows.
const permissions =
  process.getuid!() === 0
    ? ["--permission-mode", "acceptEdits", "--allowedTools", "Bash", "Edit", "Write", "Read"]
    : ["--dangerously-skip-permissions"];
const claude = (...session: string[]) =>
  [
    "claude",
    "-p",
    "--output-format",
    "stream-json",
    "--verbose",
    ...session,
    "--model",
    "sonnet",
  ].concat(permissions);
const codexWith = (model: string, ...rest: string[]) =>
  [
    "codex",
    "exec",
    "-s",
    "workspace-write",
    "--skip-git-repo-check",
    "-C",
    project,
    "-m",
    model,
    "--json",
  ].concat(rest);
const codex = (...rest: string[]) => codexWith("gpt-5.5", ...rest);

let folder: string;
let project: string;
let env: Record<string, string>;
let server: ModelServer;

beforeEach(async () => {
  await ensureAgents();
  folder = await mkdtemp(join(tmpdir(), "dispatch-real-"));
  project = join(folder, "project");
  await mkdir(project);
  await mkdir(join(folder, "tmp"));
});

afterEach(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function models(...scenarios: Scenario[]): Promise<void> {
  server = startModelServer(scenarios);
  env = { ...(await agentEnv(join(folder, "home"), server.url)), TMPDIR: join(folder, "tmp") };
}

const model = (...steps: Step[]) => models({ steps });

/** Starts an agent as the leader of a process group. */
const start = (argv: string[], prompt: string) =>
  Bun.spawn(argv, {
    cwd: project,
    env,
    stdin: new Blob([prompt]),
    stdout: "pipe",
    stderr: "ignore",
    detached: true,
  });

/** Runs an agent to its end: its exit code and the JSON lines that it wrote. */
async function run(argv: string[], prompt: string) {
  const agent = start(argv, prompt);
  const [output, exitCode] = await Promise.all([agent.stdout.text(), agent.exited]);
  return {
    exitCode,
    events: output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  };
}

/** A shell step that reports that it runs, then waits until it is released; killing its agent may leave it alive. */
async function blockingStep() {
  const [started, release] = [join(project, "started"), join(project, "release")];
  await Bun.$`mkfifo ${started} ${release}`;
  const writer = openSync(release, "r+"); // the shell's read ends when the last writer closes
  const reader = Bun.spawn(["cat", started]); // its open(2) blocks until the shell opens the other end
  const command = "echo > started; read _ < release";
  return {
    step: { shell: command },
    // claude writes its transcript a little later than it acts, and resumes only what is in there.
    running: reader.exited.then(() => recorded(command)),
    release: () => closeSync(writer),
  };
}

/** Resolves when the text is in a transcript of the agent. */
function recorded(text: string): Promise<void> {
  const home = join(folder, "home");
  const look = () =>
    Bun.spawnSync([
      "grep",
      "-rqsF",
      text,
      join(home, ".claude/projects"),
      join(home, ".codex/sessions"),
    ]).success;
  return new Promise((resolve) => {
    const watcher = watch(home, { recursive: true }, lookAgain);
    lookAgain();
    function lookAgain() {
      if (!look()) return;
      watcher.close();
      resolve();
    }
  });
}

const written = (name: string) => Bun.file(join(project, name)).text();

function expectScriptPlayed() {
  expect(server.problems).toEqual([]);
  expect(server.left()).toBe(0);
}

describe("claude", () => {
  test("runs two shell steps and ends with a text", async () => {
    await model(
      { shell: "echo one >> out.txt" },
      { shell: "echo two >> out.txt" },
      { text: "All done." },
    );
    const id = crypto.randomUUID();

    const { exitCode, events } = await run(claude("--session-id", id), "Write the file.\n");

    expect(await written("out.txt")).toBe("one\ntwo\n");
    expect(exitCode).toBe(0);
    expect(events[0]).toMatchObject({ type: "system", subtype: "init", session_id: id });
    expect(events.at(-1)).toMatchObject({
      type: "result",
      is_error: false,
      result: "All done.",
      permission_denials: [],
      usage: { input_tokens: 3000, output_tokens: 150 },
    });
    expectScriptPlayed();
  });

  test("resumes after SIGKILL in the middle of a shell step", async () => {
    const blocking = await blockingStep();
    await model(
      { shell: "echo one >> out.txt" },
      blocking.step,
      { shell: "echo two >> out.txt" },
      { text: "All done." },
    );
    const id = crypto.randomUUID();

    const first = start(claude("--session-id", id), "Write the file.\n");
    await blocking.running;
    process.kill(-first.pid, "SIGKILL");
    await first.exited;
    const { exitCode, events } = await run(claude("--resume", id), "Go on.\n");
    blocking.release();

    expect(await written("out.txt")).toBe("one\ntwo\n");
    expect(exitCode).toBe(0);
    expect(events.at(-1)).toMatchObject({ type: "result", session_id: id, result: "All done." });
    expect(JSON.stringify(server.requests.at(-1)!.body.messages)).toContain("Write the file.");
    expectScriptPlayed();
  });
});

describe("what is counted when a session goes on in another process", () => {
  const usage = { input: 1_000, output: 50 };
  // Two requests, then one in a process of its own, then one of another session.
  const steps: Step[] = [
    { shell: "echo one >> out.txt" },
    { text: "Begun." },
    { text: "All done." },
    { text: "I am another." },
  ];
  const ends = (events: any[]) => events.at(-1);

  test("claude: cost and models of the session, usage of the process", async () => {
    await models({ usage, steps });
    const id = crypto.randomUUID();
    const first = ends((await run(claude("--session-id", id), "Write the file.\n")).events);
    const second = ends((await run(claude("--resume", id), "Go on.\n")).events);
    const other = ends((await run(claude(), "Write the file.\n")).events);

    const [name] = Object.keys(first.modelUsage) as [string];
    const counted = ({ modelUsage, usage, model_usage_since_last_result: since }: any) => ({
      session: modelUsage[name].inputTokens,
      process: usage.input_tokens,
      since: since[name].inputTokens,
    });
    expect(counted(first)).toEqual({ session: 2_000, process: 2_000, since: 2_000 });
    expect(counted(second)).toEqual({ session: 3_000, process: 1_000, since: 1_000 });
    expect(counted(other)).toEqual({ session: 1_000, process: 1_000, since: 1_000 });
    const each = other.total_cost_usd;
    expect(each).toBeGreaterThan(0);
    expect(first.total_cost_usd).toBeCloseTo(2 * each, 9);
    expect(second.total_cost_usd).toBeCloseTo(3 * each, 9);
    expectScriptPlayed();
  });

  test("codex: usage of the thread", async () => {
    await models({ usage, steps });
    const first = (await run(codex("-"), "Write the file.\n")).events;
    const second = (await run(codex("resume", first[0].thread_id, "-"), "Go on.\n")).events;
    const other = (await run(codex("-"), "Write the file.\n")).events;

    expect(ends(first).usage).toMatchObject({ input_tokens: 2_000, output_tokens: 100 });
    expect(ends(second).usage).toMatchObject({ input_tokens: 3_000, output_tokens: 150 });
    expect(ends(other).usage).toMatchObject({ input_tokens: 1_000, output_tokens: 50 });
    expectScriptPlayed();
  });
});

describe("codex", () => {
  test("runs two shell steps and ends with a text", async () => {
    await model(
      { shell: "echo one >> out.txt" },
      { shell: "echo two >> out.txt" },
      { text: "All done." },
    );

    const { exitCode, events } = await run(codex("-"), "Write the file.\n");

    expect(await written("out.txt")).toBe("one\ntwo\n");
    expect(exitCode).toBe(0);
    expect(events[0]).toMatchObject({ type: "thread.started" });
    expect(events.at(-2)).toMatchObject({
      type: "item.completed",
      item: { type: "agent_message", text: "All done." },
    });
    expect(events.at(-1)).toMatchObject({
      type: "turn.completed",
      usage: { input_tokens: 3000, output_tokens: 150 },
    });
    expectScriptPlayed();
  });

  test("resumes after SIGKILL in the middle of a shell step", async () => {
    const blocking = await blockingStep();
    await model(
      { shell: "echo one >> out.txt" },
      blocking.step,
      { shell: "echo two >> out.txt" },
      { text: "All done." },
    );

    const first = start(codex("-"), "Write the file.\n");
    await blocking.running;
    process.kill(-first.pid, "SIGKILL"); // the group: the launcher alone would leave the native process at work
    const id = JSON.parse((await first.stdout.text()).split("\n")[0]!).thread_id;
    const { exitCode, events } = await run(codex("resume", id, "-"), "Go on.\n");
    blocking.release();

    expect(await written("out.txt")).toBe("one\ntwo\n");
    expect(exitCode).toBe(0);
    expect(events[0]).toMatchObject({ type: "thread.started", thread_id: id });
    expect(JSON.stringify(server.requests.at(-1)!.body.input)).toContain("Write the file.");
    expectScriptPlayed();
  });
});

describe("the script", () => {
  const agents: [string, () => string[]][] = [
    ["claude", () => claude()],
    ["codex", () => codex("-")],
    ["codex in code mode", () => codexWith("gpt-6-sol", "-")],
  ];

  test.each(agents)(
    "makes %s repeat a question with the command that it printed",
    async (_, argv) => {
      const asker = `if test "$1" = 3; then echo "answer: blue"; else echo "not answered yet; run: sh ask.sh $(($1 + 1))"; fi`;
      await Bun.write(join(project, "ask.sh"), asker);
      await model(
        { poll: { shell: "sh ask.sh 1", until: "^answer: ", next: "run: (.*)$" } },
        { text: "All done." },
      );

      const { exitCode } = await run(argv(), "Ask.\n");

      expect(exitCode).toBe(0);
      expect(server.requests.filter(({ side }) => !side)).toHaveLength(4);
      expectScriptPlayed();
    },
  );

  test.each(agents)("lets %s get over an overload and a broken connection", async (_, argv) => {
    await model(
      { error: { status: 529 } },
      { shell: "echo one > out.txt" },
      { drop: true },
      { delay_ms: 1 },
      { text: "All done." },
    );

    const { exitCode } = await run(argv(), "Write the file.\n");

    expect(await written("out.txt")).toBe("one\n");
    expect(exitCode).toBe(0);
    expectScriptPlayed();
  });

  test.each(agents)("fails %s with an error that lasts", async (_, argv) => {
    await model({ error: { status: 400 }, lasts: true });

    const { exitCode, events } = await run(argv(), "Write the file.\n");

    expect(exitCode).toBe(1);
    expect(JSON.stringify(events)).toContain("scripted 400");
    expectScriptPlayed();
  });

  test.each(agents)("has %s hang until it is killed", async (_, argv) => {
    await model({ hang: true });

    const agent = start(argv(), "Write the file.\n");
    await server.arrival(({ side }) => !side);
    process.kill(-agent.pid, "SIGKILL");

    expect(await agent.exited).toBe(137);
    expectScriptPlayed();
  });

  test.each(agents)("reports to %s that it has ended too early", async (_, argv) => {
    await model({ shell: "true" });

    expect((await run(argv(), "Write the file.\n")).exitCode).toBe(0);

    expect(server.problems).toEqual(["script exhausted"]);
  });

  test("is chosen by the prompt when workers share a server", async () => {
    await models(
      {
        match: "paint the fence",
        steps: [{ shell: "echo paint > paint.txt" }, { text: "Painted." }],
      },
      {
        match: "mow the lawn",
        steps: [{ shell: "echo mow > mow.txt" }, { text: "Mown." }],
        usage: { input: 7, output: 3 },
      },
    );

    const painting = run(claude(), "Please paint the fence.\n");
    const mowing = run(codex("-"), "Please mow the lawn.\n");
    const [painter, mower] = await Promise.all([painting, mowing]);

    expect(painter.events.at(-1)).toMatchObject({ result: "Painted." });
    expect(mower.events.at(-1)).toMatchObject({ usage: { input_tokens: 14, output_tokens: 6 } });
    expect(await written("paint.txt")).toBe("paint\n");
    expect(await written("mow.txt")).toBe("mow\n");
    expectScriptPlayed();
  });
});
