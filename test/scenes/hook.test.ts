/** What a host hears by itself: the hooks of Claude Code, the queue of Codex, and the last line of `run`. */

import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { appears } from "./machine.ts";
import { binary, type Scene, scene } from "./scene.ts";

/** An attended Claude Code session whose process lives until it is killed. */
function session(s: Scene, id: string) {
  const process = Bun.spawn(["sleep", "1000"], {
    env: s.env,
    stdio: ["ignore", "ignore", "ignore"],
  });
  const env = {
    CLAUDECODE: "1",
    CLAUDE_CODE_ENTRYPOINT: "cli",
    CLAUDE_CODE_SESSION_ID: id,
    CLAUDE_PID: String(process.pid),
  };
  return {
    process,
    env,
    dispatch: (...argv: string[]) => s.dispatchWith({ env }, ...argv),
    /** A hook that goes on running; `left` resolves with how it ended. */
    hook: (event: string) => {
      const child = Bun.spawn([binary, "hook", event], {
        cwd: s.project,
        env: { ...s.env, ...env },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      });
      const left = Promise.all([child.exited, child.stdout.text(), child.stderr.text()]).then(
        ([exit, out, err]) => ({ exit, out, err }),
      );
      return { child, left };
    },
  };
}

const silent = { exit: 0, out: "", err: "" };
const question = (id: string) => ({
  exit: 2,
  out: "",
  err: `${id} asks: "Which colour? [red | blue]"\nthe user replies: dispatch answer ${id} 001 "…"\n`,
});
const waiting = (s: Scene, { process: { pid } }: ReturnType<typeof session>) =>
  appears(join(s.project, ".dispatch/told", `${pid}.waiter`));

test.each(["session-start", "prompt", "stop"])(
  "hook %s leaves at once, without a word, where it has no business",
  async (event) => {
    const s = scene();
    const one = session(s, "one");
    expect(await one.dispatch("hook", event)).toEqual(silent);
    await one.dispatch("run", "--model", "asks", "--id", "it", "x");
    await s.dispatch("wait", "it");
    for (const other of [
      { CLAUDE_CODE_ENTRYPOINT: "sdk-cli" },
      { DISPATCH_TASK: "it", DISPATCH_TASK_DIR: s.path("it", "") },
    ]) {
      const ran = await s.dispatchWith({ env: { ...one.env, ...other } }, "hook", event);
      expect(ran).toEqual(silent);
    }
    expect(await s.dispatch("hook", event)).toEqual(silent);
  },
);

test("an idle session is woken by a question, then by the outcome, each once", async () => {
  const s = scene();
  const one = session(s, "one");
  const ran = await one.dispatch("run", "--model", "asks", "--id", "it", "x");
  expect(ran.out).toBe("dispatched it using asks\nthen, in the background: dispatch wait\n");
  expect(await one.hook("stop").left).toEqual(question("it"));
  const second = one.hook("stop");
  await waiting(s, one);
  await one.dispatch("answer", "it", "red");
  expect(await second.left).toMatchObject({
    exit: 2,
    err: expect.stringMatching(/^it done in \S+\noutput: \.dispatch\/tasks\/it\/output\.md\n$/),
  });
  // Nothing runs, nothing is new: no process stays behind an idle session.
  expect(await one.hook("stop").left).toEqual(silent);
  expect(await one.hook("prompt").left).toEqual(silent);
  expect(await one.dispatch("hook", "session-start")).toEqual(silent);
});

test("of several waiters of a session the newest stays, and tells", async () => {
  const s = scene();
  const one = session(s, "one");
  await one.dispatch("run", "--model", "waits", "--id", "it", "x");
  const older = one.hook("stop");
  await waiting(s, one);
  const newer = one.hook("prompt");
  expect(await older.left).toEqual(silent);
  await s.open("go");
  expect(await newer.left).toMatchObject({ exit: 2, err: expect.stringContaining("it done") });
});

test("sessions hear of their own tasks only", async () => {
  const s = scene();
  const [one, two] = [session(s, "one"), session(s, "two")];
  await one.dispatch("run", "--model", "asks", "--id", "first", "x");
  await two.dispatch("run", "--model", "asks", "--id", "second", "x");
  expect(await two.hook("stop").left).toEqual(question("second"));
  expect(await one.hook("stop").left).toEqual(question("first"));
  expect(await two.dispatch("hook", "session-start")).toMatchObject({
    out: question("second").err,
  });
});

test("a session that was killed leaves its news to the next one", async () => {
  const s = scene();
  const one = session(s, "one");
  await one.dispatch("run", "--model", "asks", "--id", "asked", "x");
  expect(await one.hook("stop").left).toEqual(question("asked"));
  await one.dispatch("run", "--model", "waits", "--id", "running", "x");
  const orphan = one.hook("stop");
  await waiting(s, one);
  one.process.kill("SIGKILL");
  await one.process.exited;
  expect(await orphan.left).toEqual(silent);

  const two = session(s, "two");
  const environment = join(s.home, "session-env.sh");
  const env = { ...two.env, CLAUDE_ENV_FILE: environment };
  // Told before, but never acted on; and again when it is resumed.
  for (let time = 0; time < 2; time++) {
    const started = await s.dispatchWith({ env }, "hook", "session-start");
    expect(started).toEqual({ exit: 0, out: question("asked").err, err: "" });
  }
  expect(readFileSync(environment, "utf8")).toBe("export DISPATCH_WAKE=hook\n");
  const waiter = two.hook("stop");
  await waiting(s, two);
  await s.open("go");
  expect(await waiter.left).toMatchObject({
    exit: 2,
    err: expect.stringContaining("running done"),
  });
  await two.dispatch("answer", "asked", "red");
  expect(await two.hook("stop").left).toMatchObject({
    exit: 2,
    err: expect.stringContaining("asked done"),
  });
});

test("a cleared session, another one in the same process, goes on with its tasks", async () => {
  const s = scene();
  const before = session(s, "before");
  const after = { ...before.env, CLAUDE_CODE_SESSION_ID: "after" };
  await before.dispatch("run", "--model", "waits", "--id", "it", "x");
  expect(await s.dispatchWith({ env: after }, "hook", "session-start")).toEqual(silent);
  await s.open("go");
  await s.dispatch("wait", "it");
  const told = await s.dispatchWith({ env: after }, "hook", "stop");
  expect(told).toMatchObject({ exit: 2, err: expect.stringContaining("it done") });
  expect(await before.dispatch("hook", "stop")).toEqual(silent);
});

test("of several sessions that come after one, one hears of its tasks; then the next after that", async () => {
  const s = scene();
  const first = session(s, "first");
  await first.dispatch("run", "--model", "waits", "--id", "it", "x");
  await first.dispatch("run", "--model", "finishes", "--id", "other", "x");
  await s.dispatch("wait", "other");
  first.process.kill("SIGKILL");
  await first.process.exited;

  const heirs = [session(s, "second"), session(s, "third")];
  const told = [];
  for (const heir of heirs) told.push((await heir.dispatch("hook", "session-start")).out);
  expect(told).toEqual([expect.stringContaining("other done"), ""]);
  await s.open("go");
  await s.dispatch("wait", "it");
  expect(await heirs[1]!.dispatch("hook", "stop")).toEqual(silent);
  expect(await heirs[0]!.dispatch("hook", "stop")).toMatchObject({
    exit: 2,
    err: expect.stringContaining("it done"),
  });
  heirs[0]!.process.kill("SIGKILL");
  await heirs[0]!.process.exited;
  expect(await session(s, "fourth").dispatch("hook", "session-start")).toEqual(silent);
});

test("a wait whose session was killed leaves the news to the next one", async () => {
  const s = scene();
  const one = session(s, "one");
  await one.dispatch("run", "--model", "waits", "--id", "it", "x");
  const orphan = one.dispatch("wait");
  one.process.kill("SIGKILL");
  await one.process.exited;
  expect(await orphan).toEqual(silent);
  await s.open("go");
  await s.dispatch("wait", "it");
  const { out } = await session(s, "two").dispatch("hook", "session-start");
  expect(out).toContain("it done");
});

test("a session that goes on with a person's task hears of it", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "asks", "--id", "it", "x");
  await s.dispatch("wait");
  const one = session(s, "one");
  expect(await one.hook("stop").left).toEqual(silent);
  await one.dispatch("answer", "it", "red");
  await s.dispatch("wait");
  expect(await one.hook("stop").left).toMatchObject({
    exit: 2,
    err: expect.stringContaining("it done"),
  });
});

test("what a session has gone on with is its successor's too, and nothing is told to it twice", async () => {
  const s = scene();
  const [asker, other] = [session(s, "asker"), session(s, "other")];
  await s.dispatch("run", "--model", "asks", "--id", "persons", "x");
  await asker.dispatch("run", "--model", "asks", "--id", "askers", "x");
  await s.dispatch("wait", "persons");
  await s.dispatch("wait", "askers");
  await other.dispatch("answer", "persons", "red");
  await other.dispatch("answer", "askers", "red");
  const told = await other.dispatch("wait", "--all");
  for (const id of ["persons", "askers"]) expect(told.out).toContain(`${id} done`);

  // It comes to hear of all that the asker asked for, and has heard this.
  asker.process.kill("SIGKILL");
  await asker.process.exited;
  expect(await other.dispatch("hook", "session-start")).toEqual(silent);

  await s.dispatch("run", "--model", "asks", "--id", "later", "x");
  await s.dispatch("wait", "later");
  await other.dispatch("note", "later", "hurry");
  await other.dispatch("answer", "later", "red");
  await s.dispatch("wait", "later");
  other.process.kill("SIGKILL");
  await other.process.exited;
  const { out } = await session(s, "heir").dispatch("hook", "session-start");
  expect(out).toContain("later done");
});

test.each(["folder", "FIFO"])(
  "where the ledger of a session that has gone is a %s, its heir hears of its tasks once all the same",
  async (kind) => {
    const s = scene();
    const one = session(s, "one");
    await one.dispatch("run", "--model", "finishes", "--id", "theirs", "x");
    await s.dispatch("wait", "theirs");
    one.process.kill("SIGKILL");
    await one.process.exited;
    const name = new Bun.CryptoHasher("sha256").update("one").digest("hex").slice(0, 16);
    const ledger = join(s.project, ".dispatch/told", name);
    rmSync(ledger, { force: true });
    if (kind === "folder") mkdirSync(ledger);
    else Bun.spawnSync(["mkfifo", ledger]);
    const heir = session(s, "heir");
    await heir.dispatch("run", "--model", "finishes", "--id", "own", "x");
    await s.dispatch("wait", "own");
    const told = await heir.hook("stop").left;
    expect(told.exit).toBe(2);
    for (const id of ["own", "theirs"]) expect(told.err).toContain(`${id} done`);
    expect(await heir.hook("stop").left).toEqual(silent);
  },
);

test("a session that was killed while it handed a task over leaves it to the next one", async () => {
  const s = scene();
  const one = session(s, "one");
  await one.dispatch("run", "--model", "finishes", "--id", "first", "x");
  await s.dispatch("wait", "first");
  await s.dispatch("clean", "first");
  await one.dispatch("run", "--model", "finishes", "--id", "other", "x");
  one.process.kill("SIGKILL");
  await one.process.exited;
  // As an heir sees it that looks before the task is there.
  const [there, away] = [s.path("other", ""), join(s.home, "away")];
  await s.dispatch("wait", "other");
  renameSync(there, away);
  await s.dispatch("run", "--model", "finishes", "--id", "persons", "x");
  const heir = session(s, "heir");
  expect(await heir.dispatch("hook", "session-start")).toEqual(silent);
  renameSync(away, there);
  expect((await heir.dispatch("hook", "session-start")).out).toContain("other done");
});

test("a waiter of an heir lets the session that has come back hear of its own", async () => {
  const s = scene();
  const asker = session(s, "asker");
  await asker.dispatch("run", "--model", "waits", "--id", "it", "x");
  asker.process.kill("SIGKILL");
  await asker.process.exited;
  const heir = session(s, "heir");
  await heir.dispatch("hook", "session-start");
  const waiter = heir.hook("stop");
  await waiting(s, heir);
  const back = session(s, "asker");
  await back.dispatch("hook", "session-start");
  expect(await waiter.left).toEqual(silent);
  await s.open("go");
  await s.dispatch("wait", "it");
  expect(await back.hook("stop").left).toMatchObject({
    exit: 2,
    err: expect.stringContaining("it done"),
  });
});

test.each([
  ["a task folder that is none", { DISPATCH_TASK_DIR: "/nonsense" }, null],
  ["a ledger that is a FIFO", {}, 'rm -f "$TOLD"/*; mkfifo "$TOLD/$LEDGER"'],
  ["a ledger that is a folder", {}, 'rm -f "$TOLD"/*; mkdir "$TOLD/$LEDGER"'],
  [
    "a date with a newline",
    {},
    `sed -i 's/^created: .*/created: "Nov 20 2026\\n"/' "$TASK/task.yaml"`,
  ],
  ["no date", {}, `sed -i 's/^created: .*/created: garbage/' "$TASK/task.yaml"`],
])("no session is woken for ever by %s", async (_, more, damage) => {
  const s = scene();
  const one = session(s, "one");
  await one.dispatch("run", "--model", "finishes", "--id", "it", "x");
  await s.dispatch("wait");
  if (damage !== null) {
    const env = {
      TOLD: join(s.project, ".dispatch/told"),
      LEDGER: new Bun.CryptoHasher("sha256").update("one").digest("hex").slice(0, 16),
      TASK: s.path("it", ""),
    };
    Bun.spawnSync(["sh", "-c", damage], { env: { ...s.env, ...env } });
  }
  const ends: number[] = [];
  for (let turn = 0; turn < 3; turn++)
    ends.push((await s.dispatchWith({ env: { ...one.env, ...more } }, "hook", "stop")).exit);
  expect(ends.slice(1)).not.toContain(2);
});

test("a task whose files cannot be used keeps nobody from hearing of the others", async () => {
  const s = scene();
  const one = session(s, "one");
  await one.dispatch("run", "--model", "never_ends", "--id", "broken", "x");
  await one.dispatch("run", "--model", "finishes", "--id", "it", "x");
  mkdirSync(s.path("broken", "notes/.lock"), { recursive: true });
  writeFileSync(s.path("broken", "notes/001.md"), "x");
  await s.dispatch("wait", "it");
  expect(await one.hook("stop").left).toMatchObject({
    exit: 2,
    err: expect.stringContaining("it done"),
  });
});

test.each([
  ["a person", {}, ""],
  [
    "Claude Code",
    { CLAUDECODE: "1", CLAUDE_CODE_ENTRYPOINT: "cli", CLAUDE_CODE_SESSION_ID: "a" },
    "then, in the background: dispatch wait\n",
  ],
  [
    "Claude Code with hooks",
    {
      CLAUDECODE: "1",
      CLAUDE_CODE_ENTRYPOINT: "cli",
      CLAUDE_CODE_SESSION_ID: "a",
      DISPATCH_WAKE: "hook",
    },
    "",
  ],
  [
    "a headless Claude Code",
    { CLAUDECODE: "1", CLAUDE_CODE_ENTRYPOINT: "sdk-cli", CLAUDE_CODE_SESSION_ID: "a" },
    "then: dispatch wait\n",
  ],
  ["a headless Codex", { CODEX_THREAD_ID: "a" }, "then: dispatch wait\n"],
  ["another host", { GEMINI_SESSION_ID: "a" }, "then, now and again: dispatch status\n"],
])("%s is told what it has to do to hear of a task", async (_, env, line) => {
  const s = scene();
  const { out } = await s.dispatchWith({ env }, "run", "--model", "finishes", "--id", "it", "x");
  expect(out).toBe(`dispatched it using finishes\n${line}`);
});

test("an interactive Codex session finds its news in its queue", async () => {
  const s = scene();
  const thread = "0199-aa";
  const log = join(s.home, `.codex/sessions/2026/11/20/rollout-x-${thread}.jsonl`);
  mkdirSync(join(log, ".."), { recursive: true });
  writeFileSync(log, '{"payload":{"originator":"codex-tui"}}\n');
  s.program(
    "codex",
    'printf "%s\\n" "$@" >"$GATES/queued.new"; mv "$GATES/queued.new" "$GATES/queued-$(ls "$GATES" | grep -c queued-)"',
  );
  s.program("asks_price", 'answer=$(ask "Is \\$skill worth it?") || exit 7; tick_all');
  s.config(
    "default: it\nbackends: { it: { command: asks_price } }\nmodels: { it: { backend: it } }\n",
  );
  const env = { CODEX_THREAD_ID: thread };
  const { out } = await s.dispatchWith({ env }, "run", "--id", "it", "x");
  expect(out).toBe("dispatched it using it (the default)\n");
  const queued = async (count: number) => {
    const file = join(s.env["GATES"]!, `queued-${count}`);
    await appears(file);
    return readFileSync(file, "utf8");
  };
  expect(await queued(0)).toBe(
    `queue\n--thread\n${thread}\n--message=Automated message of dispatch, not typed by the user:\nit asks: "Is $ skill worth it?"\nthe user replies: dispatch answer it 001 "…"\n`,
  );
  await s.dispatchWith({ env }, "answer", "it", "yes");
  expect(await queued(1)).toContain("it done in ");
});

test("in a sandbox that would end its worker, nothing is started", async () => {
  const s = scene();
  const env = { CODEX_THREAD_ID: "a", CODEX_SANDBOX: "seatbelt" };
  const ran = await s.dispatchWith({ env }, "run", "--model", "finishes", "--id", "it", "x");
  expect(ran).toMatchObject({ exit: 4, out: "" });
  expect(ran.err).toStartWith("error: codex's sandbox would end the worker");
  expect((await s.dispatch("status")).out).toContain("no tasks");
  // There, it cannot make the first config either.
  rmSync(s.env["DISPATCH_HOME"]!, { recursive: true });
  writeFileSync(s.env["DISPATCH_HOME"]!, "");
  expect(await s.dispatchWith({ env }, "run", "x")).toEqual(ran);
});

test("an unknown hook is an error, and wakes nobody", async () => {
  expect(await scene().dispatch("hook", "stpo")).toEqual({
    exit: 1,
    out: "",
    err: "error: no hook stpo; did you mean stop?\nhint: hooks: session-start, prompt, stop, queue\n",
  });
});
