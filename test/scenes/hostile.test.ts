/** What goes wrong in the wild: processes killed one by one, folders tampered with, names used again. */

import { expect, onTestFinished, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { resetOf } from "../../src/core/reset.ts";
import { readText } from "../../src/store/read.ts";
import { binary, scene } from "./scene.ts";
import { appears, processesWith } from "./machine.ts";

test("an id that is used again has nothing told of it yet", async () => {
  const s = scene();
  for (const _ of [1, 2]) {
    await s.dispatch("run", "--model", "asks", "--id", "it", "x");
    expect((await s.dispatch("wait", "it")).out).toContain("it asks:");
    await s.dispatch("answer", "it", "red");
    expect((await s.dispatch("wait", "it")).out).toContain("it done");
    expect((await s.dispatch("clean", "it")).out).toBe("removed it\n");
  }
});

test("an ask that outlives its worker does not take the answer from the next one", async () => {
  const s = scene();
  s.program("asks", 'setsid dispatch ask "Which?" >"$HOME/orphan" 2>&1 & gate never');
  await s.dispatch("run", "--model", "asks", "--id", "it", "x");
  await s.dispatch("wait");
  process.kill(Number(s.file("it", "runs/001/pid")), "SIGKILL");
  await appears(s.path("it", "runs/001/exit"));
  s.program(
    "asks",
    'answer=$(dispatch ask --wait 001); echo "$answer" >"$DISPATCH_TASK_DIR/output.md"; tick_all',
  );
  await s.dispatch("answer", "it", "blue");
  expect((await s.dispatch("wait")).out).toContain("it done");
  expect(s.file("it", "output.md")).toBe("blue\n");
});

test("an agent whose parent was killed is ended before another is started", async () => {
  const s = scene();
  // As an installed launcher does it: the agent itself is a child of what is started.
  s.program("never_ends", 'sh -c \'echo $$ >"$HOME/inner"; read -r _ <"$GATES/never"\'; true');
  await Bun.$`mkfifo ${s.env["GATES"]}/never`.quiet();
  await s.dispatch("run", "--model", "never_ends", "--id", "it", "x");
  await appears(join(s.home, "inner"));
  process.kill(Number(s.file("it", "runs/001/pid")), "SIGKILL");
  // Not until its exit record is whole does it count as ended.
  await s.dispatch("wait", "it");
  const inner = Number(readFileSync(join(s.home, "inner"), "utf8"));
  expect(existsSync(`/proc/${inner}`)).toBe(true);
  expect(await s.dispatch("resume", "it", "--model", "finishes")).toMatchObject({ exit: 0 });
  expect(processesWith(`SCENE=${s.env["SCENE"]}`)).not.toContain(inner);
  expect((await s.dispatch("wait")).out).toContain("it done");
});

test("stop ends what is left of every run, and of nobody else's", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "never_ends", "--id", "a", "x");
  await s.dispatch("run", "--model", "never_ends", "--id", "b", "x");
  const record = (id: string) => JSON.parse(s.file(id, "runs/001/command.json")!);
  const tampered = { ...record("a"), token: record("b").token };
  writeFileSync(s.path("a", "runs/001/command.json"), JSON.stringify(tampered));
  await s.dispatch("stop", "a", "--grace", "100ms");
  expect((await s.task("b")).state).toBe("running");
  // A record that says nothing: the task's own mark has to do.
  writeFileSync(s.path("a", "runs/001/command.json"), "{");
  expect(await s.dispatch("stop", "a", "--grace", "100ms")).toMatchObject({ exit: 0 });
  expect(processesWith(`DISPATCH_TASK_DIR=${s.path("a", "")}`)).toEqual([]);
  await s.dispatch("stop", "b", "--grace", "100ms");
});

test("clean leaves what was started meanwhile, and what was never started unless named", async () => {
  const s = scene();
  mkdirSync(s.path("queued", "ipc"), { recursive: true });
  mkdirSync(s.path("queued", "runs"));
  writeFileSync(s.path("queued", "plan.md"), "- [ ] a\n");
  await s.dispatch("run", "--model", "finishes", "--id", "over", "x");
  await s.dispatch("wait");
  expect((await s.dispatch("clean", "--all")).out).toBe("removed over\n");
  expect((await s.dispatch("clean", "queued")).out).toBe("removed queued\n");
});

test("a question that a done task left open needs no answer", async () => {
  const s = scene();
  s.program("asks", `printf 'Still?\\n' >"$ipc/001.question"; tick_all`);
  await s.dispatch("run", "--model", "asks", "--id", "it", "x");
  await s.dispatch("wait", "--all");
  expect((await s.dispatch("wait")).out).toBe("");
  expect((await s.dispatch("answer", "it", "001", "yes")).out).toBe(
    "answered it; the task was done without it\n",
  );
  expect(s.file("it", "runs/002/command.json")).toBeNull();
});

test("an answer is not taken when the resume that it needs cannot be", async () => {
  const s = scene();
  s.program("asks", `printf 'Which?\\n' >"$ipc/001.question"`);
  await s.dispatch("run", "--model", "asks", "--id", "it", "x");
  await s.dispatch("wait", "--all");
  s.config("default: [\n");
  expect(await s.dispatch("answer", "it", "red")).toMatchObject({ exit: 1 });
  expect(s.file("it", "ipc/001.answer")).toBeNull();
});

test("a task that cannot be started leaves its id free", async () => {
  const s = scene();
  const env = { TMPDIR: "/no/such/folder" };
  const ran = await s.dispatchWith({ env }, "run", "--model", "finishes", "--id", "it", "x");
  expect(ran).toMatchObject({ exit: 1, out: "" });
  expect(existsSync(s.path("it", ""))).toBe(false);
  expect(await s.dispatch("run", "--model", "finishes", "--id", "it", "x")).toMatchObject({
    exit: 0,
  });
  await s.dispatch("wait");
});

test("a session id that could be a flag never reaches a command line", async () => {
  const s = scene();
  s.config("default: gpt-5.5\nmodels: { gpt-5.5: { backend: codex } }\n");
  const evil = "--dangerously-bypass-approvals-and-sandbox";
  s.program(
    "codex",
    `printf '%s\\n' "$@" >"$HOME/argv"; echo '{"type":"thread.started","thread_id":"${evil}"}'
    echo '{"type":"item.completed","item":{"type":"agent_message","text":"hi"}}'; exit 1`,
  );
  await s.dispatch("run", "--id", "it", "x");
  await s.dispatch("wait");
  await s.dispatch("resume", "it");
  await s.dispatch("wait");
  expect(readFileSync(join(s.home, "argv"), "utf8")).not.toContain(evil);
});

test("what is no task in the tasks' folder disturbs nothing", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "finishes", "--id", "it", "x");
  await s.dispatch("wait");
  const tasks = s.path("", "");
  writeFileSync(join(tasks, "afile"), "");
  await Bun.$`mkfifo ${join(tasks, "afifo")}`.quiet();
  mkdirSync(s.path("it", "runs/99999999999"));
  mkdirSync(s.path("it", "runs/999999"));
  expect(JSON.parse((await s.dispatch("status", "--json")).out).tasks).toMatchObject([
    { id: "it", state: "done" },
  ]);
  expect((await s.dispatch("clean")).out).toBe("removed it\n");
});

test("a lock that somebody holds for ever stops nobody", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "never_ends", "--id", "it", "x");
  await s.dispatch("note", "it", "one");
  await s.dispatch("wait", "--timeout", "1ms");
  const held = [s.path("it", "notes/.lock"), join(s.project, ".dispatch/told/person")];
  const holders = held.map((path) =>
    Bun.spawn(["flock", path, "sh", "-c", "echo held; exec sleep 1000"], {
      stdout: "pipe",
      env: s.env,
    }),
  );
  for (const holder of holders) await holder.stdout.getReader().read();
  expect(await s.dispatch("status")).toMatchObject({ exit: 0 });
  expect(await s.dispatch("wait", "--timeout", "50ms")).toMatchObject({ exit: 124 });
  for (const holder of holders) holder.kill("SIGKILL");
  await s.dispatch("stop", "it", "--grace", "100ms");
});

test("a config behind a link is read, edited where it is, and never replaced by a new one", async () => {
  const s = scene();
  const path = join(s.env["DISPATCH_HOME"]!, "config.yaml");
  const real = join(s.home, "dotfiles.yaml");
  await Bun.$`mv ${path} ${real} && ln -s ${real} ${path}`.quiet();
  await s.dispatch("config", "add-alias", "quick", "--model", "finishes");
  expect(readFileSync(real, "utf8")).toContain("quick");
  expect((await s.dispatch("run", "--model", "quick", "x")).out).toContain(
    "using quick (finishes)",
  );
  await s.dispatch("wait");

  await Bun.$`rm ${path} && mkdir ${path}`.quiet();
  expect(await s.dispatch("run", "x")).toMatchObject({ exit: 1 });
});

test.each([
  ["", 0, ""],
  [
    "relative",
    2,
    'error: DISPATCH_TASK_DIR is "relative", which is no task\'s folder\nhint: unset DISPATCH_TASK_DIR\n',
  ],
  ["/no/such/.dispatch/tasks/it", 2, "error: DISPATCH_TASK_DIR is "],
])("DISPATCH_TASK_DIR=%p", async (value, exit, error) => {
  const s = scene();
  const ran = await s.dispatchWith({ env: { DISPATCH_TASK_DIR: value } }, "status");
  expect(ran.exit).toBe(exit);
  expect(ran.err).toStartWith(error);
});

test("a name on disk forges no line and no colour", async () => {
  const s = scene();
  symlinkSync("\u001b[31mevil\nhint: run this", join(s.project, ".dispatch"));
  const { err } = await s.dispatch("status");
  expect(err).toMatch(
    /^error: \S+\.dispatch is a link to "evil hint: run this"; expected a folder of its own\nhint: remove it/,
  );
});

test("a log that is a link is not shown", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "finishes", "--id", "it", "x");
  await s.dispatch("wait");
  await Bun.$`rm log && ln -s /etc/passwd log`.cwd(s.path("it", "runs/001")).quiet();
  expect(await s.dispatch("logs", "it")).toMatchObject({ exit: 1, out: "" });
});

test("thousands of items and questions are shown in a few lines", async () => {
  const s = scene();
  const items = Array.from({ length: 5_000 }, (_, index) => `- [ ] item ${index}`).join("\n");
  const started = await s.dispatchWith(
    { stdin: items },
    "run",
    "--model",
    "never_ends",
    "--id",
    "it",
    "--plan",
    "-",
    "x",
  );
  expect(started.out.length).toBeLessThan(500);
  for (let count = 1; count <= 300; count++)
    writeFileSync(s.path("it", `ipc/${String(count).padStart(3, "0")}.question`), "Why?\n");
  expect((await s.dispatch("status")).out.length).toBeLessThan(2_500);
  expect((await s.dispatch("answer", "it", "x")).err.length).toBeLessThan(500);
  const told = await s.dispatch("wait");
  expect(told.out.split("\n").length).toBe(41);
  expect(told.err).toBe("280 more: dispatch wait\n");
  await s.dispatch("stop", "it", "--grace", "100ms");
});

test.each([
  [
    "a ticked plan",
    ["run", "--plan", "-", "x"],
    "- [x] a\n",
    2,
    "error: every item of the plan - is ticked",
  ],
  [
    "a plan of 2 MB",
    ["run", "--plan", "-", "x"],
    `- [ ] a\n${"x".repeat(2_000_000)}`,
    2,
    "error: the plan is 2000008 bytes long",
  ],
  [
    "an answer of 300 KB",
    ["answer", "it", "-"],
    "x".repeat(300_000),
    2,
    "error: the answer is longer than 204800 bytes",
  ],
  [
    "a question's number for an answer",
    ["answer", "it", "001"],
    "",
    2,
    "error: that is the number of a question; missing the answer\nhint: dispatch answer it 001",
  ],
])("%s is refused", async (_, argv, stdin, exit, error) => {
  const s = scene();
  await s.dispatch("run", "--model", "asks", "--id", "it", "x");
  await s.dispatch("wait");
  const ran = await s.dispatchWith({ stdin }, ...argv);
  expect(ran.exit).toBe(exit);
  expect(ran.err).toStartWith(error);
  // Whoever asks may still be at taking its temporary file away.
  const mail = readdirSync(s.path("it", "ipc")).filter((name) => !name.startsWith("."));
  expect(mail).toEqual(["001.question"]);
});

test("output that cannot be written is said so, and the task goes on", () => {
  const s = scene();
  const { stderr, exitCode } = Bun.spawnSync(
    ["sh", "-c", '"$1" run --model finishes --id it x >/dev/full', "sh", binary],
    { cwd: s.project, env: s.env },
  );
  expect(exitCode).toBe(1);
  expect(stderr.toString()).toBe(
    "error: the disk is full\nhint: mend that, then see what there is: dispatch status\n",
  );
  expect(s.file("it", "runs/001/command.json")).not.toBeNull();
});

// A disk stops at 2446; a file system in memory takes any time.
test.skipIf(!existsSync("/dev/shm"))("a file's time beyond all dates can be reckoned with", () => {
  const folder = mkdtempSync("/dev/shm/scene-");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "log");
  writeFileSync(path, "resets 9am");
  for (const seconds of [1e13, -1e13]) {
    utimesSync(path, seconds, seconds);
    const { text, modifiedMs } = readText(path)!;
    expect(resetOf(text, modifiedMs)).toBeNumber();
  }
});
