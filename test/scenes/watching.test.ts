import { expect, test } from "bun:test";
import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary, scene } from "./scene.ts";
import { appears } from "./machine.ts";

test("status shows what needs you first, then what runs, then what ended", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "finishes", "--id", "a-done", "x");
  await s.dispatch("wait");
  await s.dispatch(
    "run",
    "--model",
    "never_ends",
    "--id",
    "b-runs",
    "--item",
    "One",
    "--item",
    "Two",
    "x",
  );
  await s.dispatch("run", "--model", "asks", "--id", "c-asks", "x");
  await s.dispatch("wait", "c-asks");
  const { out } = await s.dispatch("status");
  expect(out.replaceAll(/, \ds$/gm, "")).toBe(`? c-asks (asks) — 0/1 items complete, waiting
  ⋯ x (in progress)
  question 001: "Which colour? [red | blue]"
  next: dispatch answer c-asks 001 "…"
● b-runs (never_ends) — 0/2 items complete
  ⋯ One (in progress)
  ○ Two
✓ a-done (finishes) — COMPLETE (1/1)
`);
  expect((await s.dispatch()).out).toStartWith(
    "Config loaded; default: finishes; 2 running, 1 ended.\n? c-asks",
  );
  await s.dispatch("stop", "b-runs", "c-asks", "--grace", "100ms");
});

test("run --follow shows progress, says how to answer, and ends as the task does", async () => {
  const s = scene();
  const child = Bun.spawn(
    [
      binary,
      "run",
      "--follow",
      "--model",
      "asks_twice",
      "--id",
      "it",
      "--item",
      "One",
      "--item",
      "Two",
      "x",
    ],
    {
      cwd: s.project,
      env: s.env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  await appears(s.path("it", "ipc/001.question"));
  await s.dispatch("answer", "it", "001", "a");
  await appears(s.path("it", "ipc/002.question"));
  await s.dispatch("answer", "it", "002", "b");
  expect(await child.exited).toBe(0);
  expect((await child.stdout.text()).replace(/, \ds/, ""))
    .toBe(`dispatched it using asks_twice. Plan: 1) One 2) Two
? question 001: "First?"
  ✓ One
? question 002: "Second?"
  ✓ Two
it done in 0s
output: .dispatch/tasks/it/output.md
`);
  expect(await child.stderr.text()).toBe(
    'hint: dispatch answer it 001 "…"\nhint: dispatch answer it 002 "…"\n',
  );
});

test.each([
  ["fails", 1],
  ["finishes", 0],
])("run --follow of a worker that %s exits %i", async (model, exit) => {
  const s = scene();
  expect(await s.dispatch("run", "--follow", "--model", model, "x")).toMatchObject({ exit });
});

test("wait --timeout gives up with 124, and --all stays to the last", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "waits", "--id", "slow", "x");
  expect(await s.dispatch("wait", "--timeout", "10ms")).toEqual({
    exit: 124,
    out: "",
    err: "nothing to tell in that time\nhint: dispatch status\n",
  });
  await s.dispatch("run", "--model", "fails", "--id", "quick", "x");
  const all = s.dispatch("wait", "--all", "--json");
  await s.open("go");
  const events = (await all).out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events.map(({ event, id, state }) => [event, id, state])).toEqual([
    ["outcome", "quick", "failed"],
    ["outcome", "slow", "done"],
  ]);
});

test("logs -f stays until the worker ends", async () => {
  const s = scene();
  s.program("waits", 'echo "before"; gate go; echo "after"; tick_all');
  await s.dispatch("run", "--model", "waits", "--id", "it", "x");
  const logs = s.dispatch("logs", "it", "-f");
  await s.open("go");
  expect((await logs).out).toBe("before\nafter\n");
});

test("a task of the original skill is read as it stands", async () => {
  const s = scene();
  const folder = s.path("security-review", "");
  mkdirSync(join(folder, "ipc"), { recursive: true });
  writeFileSync(
    join(folder, "plan.md"),
    "# Security Review\n\n- [x] Scan for secrets\n- [ ] Audit\n",
  );
  writeFileSync(join(folder, "ipc/001.question"), "Should I flag INFO level logs?\n");
  expect(await s.task("security-review")).toMatchObject({
    title: "Security Review",
    state: "waiting",
    progress: { done: 1, total: 2 },
  });
  expect((await s.dispatch("answer", "security-review", "yes")).out).toBe(
    "answered security-review; the worker goes on\n",
  );
  expect(s.file("security-review", "ipc/001.answer")).toBe("yes\n");
  cpSync(join(folder, "ipc/001.answer"), join(folder, "ipc/001.done"));
  writeFileSync(join(folder, "plan.md"), "# Security Review\n- [x] Scan\n- [x] Audit\n");
  expect((await s.task("security-review")).state).toBe("done");
});

test("the demo runs the whole flow", async () => {
  const s = scene();
  const { out, exit } = await s.dispatch("demo");
  expect(exit).toBe(0);
  expect(out).toContain('greeting asks: "Which greeting? [Hello | Ahoy]"');
  expect(out).toContain("Hello, from an agent in a context of its own.");
  expect(readdirSync(s.env["TMPDIR"]!)).toEqual([]);
});

test("status --watch shows each change, and ends when all has ended", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "waits", "--id", "it", "x");
  const watching = s.dispatch("status", "--watch", "--json");
  await s.open("go");
  const states = (await watching).out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).tasks[0].state);
  expect(states.at(-1)).toBe("done");
});
