import { expect, test } from "bun:test";
import { scene } from "./scene.ts";
import { killMarked } from "./machine.ts";

const plan = ["--item", "One", "--item", "Two"];

test("a worker that ticks everything is done, and says so once", async () => {
  const { dispatch, task, file } = scene();
  const started = await dispatch(
    "run",
    "--model",
    "finishes",
    "--id",
    "paint",
    ...plan,
    "paint it",
  );
  expect(started).toEqual({
    exit: 0,
    out: "dispatched paint using finishes. Plan: 1) One 2) Two\n",
    err: "",
  });

  const told = await dispatch("wait");
  expect(told.exit).toBe(0);
  expect(told.out).toMatch(/^paint done in 0s: "all done"\n$/);
  expect(await dispatch("wait")).toEqual({
    exit: 0,
    out: "",
    err: "nothing to wait for: no task is running\n",
  });

  expect(await task("paint")).toMatchObject({
    state: "done",
    run: 1,
    exit: 0,
    backend: "finishes",
    progress: { done: 2, total: 2 },
    next: "dispatch result paint",
  });
  expect(file("paint", "runs/001/exit")).toBe("0\n");
  expect(file("paint", "ipc/.done")).toBe("");
});

test.each([
  ["ends_without_ticking", "incomplete", null, "the worker ended with 2 of 2 items open"],
  ["half_done", "incomplete", null, "the worker ended with 1 of 2 items open"],
  ["fails", "failed", "crash", "the worker ended with exit code 1: something broke"],
  ["fails_an_item", "failed", "item_failed", "Two: the disk is on fire"],
  ["deletes_plan", "incomplete", null, "the worker ended with 2 of 2 items open"],
  ["drops_items", "incomplete", null, "the worker ended with 1 of 2 items open"],
  ["rewords", "done", null, null],
])("a worker that %s is %s", async (model, state, cause, why) => {
  const { dispatch, task } = scene();
  await dispatch("run", "--model", model, "--id", "it", ...plan, "do it");
  expect((await dispatch("wait", "it")).exit).toBe(0);
  const seen = await task("it");
  expect([seen.state, seen.cause, seen.evidence ?? seen.reason]).toEqual([state, cause, why]);
});

test("a worker that floods its log is read to its last words", async () => {
  const { dispatch } = scene();
  await dispatch("run", "--model", "floods", "--id", "flood", "flood it");
  expect((await dispatch("wait")).out).toMatch(/^flood done in \S+: "last words"\n/);
  const raw = await dispatch("logs", "flood", "--raw");
  expect(raw.out.length).toBeGreaterThan(40_000_000);
});

test("a program that turns out not to run has failed to start", async () => {
  const s = scene();
  s.config(
    "default: it\nbackends: { it: { command: sh -c 'exec /no/such/program' } }\nmodels: { it: { backend: it } }\n",
  );
  await s.dispatch("run", "--id", "it", "x");
  expect((await s.dispatch("wait")).out).toMatch(
    /^it failed \(start_failed\), 0\/1 items in 0s: "the worker's command could not be run \(exit 127\)/,
  );
});

test("nothing but sh is needed on PATH", async () => {
  const s = scene();
  s.program(
    "fails",
    'while read -r line; do :; done <"$DISPATCH_TASK_DIR/plan.md"; echo "builtins only"; exit 3',
  );
  const env = { PATH: s.env["PATH"]!.split(":")[0]! };
  expect(await s.dispatchWith({ env }, "run", "--model", "fails", "--id", "it", "x")).toMatchObject(
    { exit: 0, err: "" },
  );
  expect((await s.dispatchWith({ env }, "wait")).out).toContain("exit code 3: builtins only");
});

test("killed without a trace, a task is lost, and resumes", async () => {
  const { dispatch, task, env } = scene();
  await dispatch("run", "--model", "waits", "--id", "it", ...plan, "do it");
  killMarked(`SCENE=${env["SCENE"]}`);
  expect((await dispatch("wait")).out).toContain("it lost, 0/2 items");
  expect(await task("it")).toMatchObject({ state: "lost", exit: null, next: "dispatch resume it" });

  expect((await dispatch("resume", "it", "--model", "finishes")).out).toBe(
    "resumed it as run 2, in a fresh session\n",
  );
  expect((await dispatch("wait")).out).toContain("it done in ");
});

test("of many who resume a task at once, one starts a worker", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "half_done", "--id", "it", ...plan, "do it");
  await s.dispatch("wait");
  const all = await Promise.all(
    [1, 2, 3, 4, 5].map(() => s.dispatch("resume", "it", "--model", "waits")),
  );
  expect(all.map(({ exit }) => exit).toSorted((a, b) => a - b)).toEqual([0, 4, 4, 4, 4]);
  expect(s.file("it", "runs/003/command.json")).toBeNull();
  await s.open("go");
  expect((await s.dispatch("wait")).out).toContain("it done");
});

test("a shim that is killed leaves its worker running, and nothing starts it twice", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "waits", "--id", "it", "do it");
  const worker = Number(s.file("it", "runs/001/pid"));
  const shim = Number(/^PPid:\s+(\d+)/m.exec(await Bun.file(`/proc/${worker}/status`).text())![1]);
  process.kill(shim, "SIGKILL");
  expect((await s.task("it")).state).toBe("running");
  expect(await s.dispatch("resume", "it")).toMatchObject({ exit: 4 });
  await s.open("go");
  expect((await s.dispatch("wait")).out).toContain("it lost, 1/1 items");
});
