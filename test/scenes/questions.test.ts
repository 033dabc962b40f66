import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { scene } from "./scene.ts";
import { appears, killMarked } from "./machine.ts";

test("a question reaches the waiter, and its answer the same worker", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "asks", "--id", "paint", "paint it");
  expect(await s.dispatch("wait")).toEqual({
    exit: 0,
    out: 'paint asks: "Which colour? [red | blue]"\nthe user replies: dispatch answer paint 001 "…"\n',
    err: "",
  });
  expect((await s.task("paint")).state).toBe("waiting");
  expect(s.file("paint", "ipc/001.question")).toBe("Which colour?\n\nOptions:\n- red\n- blue\n");

  expect(await s.dispatch("answer", "paint", "blue")).toEqual({
    exit: 0,
    out: "answered paint; the worker goes on\n",
    err: "",
  });
  expect((await s.dispatch("wait")).out).toContain("paint done in ");
  expect(s.file("paint", "output.md")).toBe("painted blue\n");
  expect(s.file("paint", "ipc/001.answer")).toBe("blue\n");
  expect(s.file("paint", "ipc/001.done")).toBe("");
});

test("two questions are numbered, and each is answered once", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "asks_twice", "--id", "it", "--item", "a", "--item", "b", "x");
  await s.dispatch("wait");
  await s.dispatch("answer", "it", "001", "one");
  expect((await s.dispatch("wait")).out).toContain('it asks: "Second?"');
  const again = await s.dispatch("answer", "it", "001", "other");
  expect(again).toEqual({
    exit: 4,
    out: "",
    err: 'error: question 001 of it was answered: "one"\nhint: to tell it more: dispatch note it "…"\n',
  });
  await s.dispatch("answer", "it", "two");
  expect((await s.dispatch("wait")).out).toContain("it done");
  expect(s.file("it", "output.md")).toBe("one then two\n");
});

test.each([
  [["answer", "it"], 2, "error: missing the answer"],
  [["answer", "it", " "], 2, "error: the answer is empty"],
  [
    ["answer", "it", "use", "blue", "please"],
    2,
    'error: 3 words behind the id; expected [NNN] "ANSWER"',
  ],
  [["answer", "it", "7", "blue"], 3, "error: no question 7 of it\nhint: it has asked 001\n"],
])("dispatch %p answers nothing", async (argv, exit, error) => {
  const s = scene();
  await s.dispatch("run", "--model", "asks", "--id", "it", "x");
  await s.dispatch("wait");
  const ran = await s.dispatch(...argv);
  expect(ran.exit).toBe(exit);
  expect(ran.err).toStartWith(error);
  expect(s.file("it", "ipc/001.answer")).toBeNull();
});

test("of many who answer at once, one is taken", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "asks", "--id", "it", "x");
  await s.dispatch("wait");
  const answers = await Promise.all(
    ["a", "b", "c", "d"].map((text) => s.dispatch("answer", "it", "001", text)),
  );
  expect(answers.map(({ exit }) => exit).toSorted((a, b) => a - b)).toEqual([0, 4, 4, 4]);
});

test("a worker that knows only the files is asked and answered", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "asks_by_files", "--id", "it", "x");
  expect((await s.dispatch("wait")).out).toContain('it asks: "By hand?"');
  await s.dispatch("answer", "it", "yes, by hand");
  await s.open("answered");
  expect((await s.dispatch("wait")).out).toContain("it done");
  expect(s.file("it", "output.md")).toBe("yes, by hand\n");
});

test("ask returns within the shell's limit, each time with another command", async () => {
  const s = scene();
  s.program(
    "asks",
    `DISPATCH_ASK_LIMIT=1; export DISPATCH_ASK_LIMIT; answer=$(ask "Which colour?"); echo "$answer"; tick_all`,
  );
  await s.dispatch("run", "--model", "asks", "--id", "it", "x");
  await s.dispatch("wait");
  // Several tries have passed once the log says so; then the answer still arrives.
  const log = s.path("it", "runs/001/log");
  for await (const _ of Bun.spawn([
    "tail",
    "-n",
    "+1",
    "-f",
    "--pid",
    s.file("it", "runs/001/pid")!.trim(),
    log,
  ]).stdout) {
    if (s.file("it", "runs/001/log")!.includes("--try 4")) break;
  }
  await s.dispatch("answer", "it", "green");
  expect((await s.dispatch("wait")).out).toContain("it done in ");
  const told = [...s.file("it", "runs/001/log")!.matchAll(/run: (dispatch ask .*)/g)].map(
    ([, command]) => command!,
  );
  expect(told.slice(0, 3)).toEqual([
    "dispatch ask --wait 001 --try 2",
    "dispatch ask --wait 001 --try 3",
    "dispatch ask --wait 001 --try 4",
  ]);
  expect(new Set(told).size).toBe(told.length);
  // Asked again and again, it still is one question.
  expect(s.file("it", "ipc/002.question")).toBeNull();
});

test("a worker whose shell was killed asks again, and it is the same question", async () => {
  const s = scene();
  s.program(
    "asks",
    `dispatch ask "Which colour?" & first=$!; gate kill; kill -9 $first; answer=$(ask "Which colour?"); echo "$answer"; tick_all`,
  );
  await s.dispatch("run", "--model", "asks", "--id", "it", "x");
  await s.dispatch("wait");
  await s.open("kill");
  await s.dispatch("answer", "it", "green");
  expect((await s.dispatch("wait")).out).toContain("it done");
  expect(s.file("it", "ipc/002.question")).toBeNull();
});

test("past answer_timeout the worker leaves its context, and the answer starts it again", async () => {
  const s = scene();
  s.config(`default: it
answer_timeout: 50ms
backends: { gives_up: { command: gives_up }, shows_prompt: { command: shows_prompt } }
models: { it: { backend: gives_up } }
`);
  await s.dispatch("run", "--id", "it", "x");
  await s.dispatch("wait", "--all");
  expect(await s.task("it")).toMatchObject({ state: "blocked", items: [{ marker: "?" }] });
  expect(s.file("it", "context.md")).toBe("what I know\n");
  expect(s.file("it", "runs/001/log")).toContain("nobody has answered question 001 within 0s");

  s.program(
    "gives_up",
    `for last; do :; done; printf '%s' "$last" >"$DISPATCH_TASK_DIR/output.md"; sed 's/- \\[?\\]/- [x]/' "$plan" >"$plan.new"; mv "$plan.new" "$plan"; dispatch ask --wait 001`,
  );
  expect((await s.dispatch("answer", "it", "I am here")).out).toBe(
    "answered it; its worker had gone: resumed as run 2\n",
  );
  expect((await s.dispatch("wait")).out).toContain("it done");
  const prompt = s.file("it", "output.md")!;
  expect(prompt).toContain("It left its context in .dispatch/tasks/it/context.md");
  expect(prompt).toContain('The answer to question 001 ("Anybody there?") is: I am here');
  expect(s.file("it", "ipc/001.done")).toBe("");
});

test("an answer that comes while the worker gives up is not lost, and nobody says that it was read", async () => {
  const s = scene();
  s.config(
    "default: it\nanswer_timeout: 1ms\nbackends: { it: { command: gives_up } }\nmodels: { it: { backend: it } }\n",
  );
  s.program("gives_up", `ask "Anybody?" >/dev/null && tick || { gate late; mark '?'; }`);
  await s.dispatch("run", "--id", "it", "x");
  await appears(`${s.env["GATES"]}/late`);
  expect((await s.dispatch("answer", "it", "here")).out).toBe(
    "answered it; it had waited too long: where it ends without it, it is started again\n",
  );
  await s.open("late");
  // Item and all is open again for the next run, which is told the answer.
  await s.dispatch("wait");
  expect(await s.task("it")).toMatchObject({ run: 2, questions: [{ acknowledged: true }] });
});

test("killed while it waits, a worker is resumed by the answer", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "asks", "--id", "it", "x");
  await s.dispatch("wait");
  killMarked(`SCENE=${s.env["SCENE"]}`);
  expect((await s.dispatch("wait")).out).toContain("it blocked, 0/1 items");
  expect((await s.dispatch("answer", "it", "red")).out).toContain("resumed as run 2");
  expect((await s.dispatch("wait")).out).toContain("it done");
  expect(s.file("it", "output.md")).toBe("painted red\n");
  expect(s.file("it", "ipc/002.question")).toBeNull();
});

test("a blocked item that was never a question is answered all the same", async () => {
  const s = scene();
  s.program("half_done", `mark '?'; echo stuck`);
  await s.dispatch("run", "--model", "half_done", "--id", "it", "x");
  expect((await s.dispatch("wait")).out).toContain("it blocked, 0/1 items");
  s.program("half_done", `sed 's/- \\[?\\]/- [x]/' "$plan" >"$plan.new"; mv "$plan.new" "$plan"`);
  expect((await s.dispatch("answer", "it", "use tabs")).out).toContain("resumed as run 2");
  expect((await s.dispatch("wait")).out).toContain("it done");
  expect(s.file("it", "plan.md")).toContain("> **Note from dispatcher:** The answer is: use tabs");
});

test("each host session is told of its own tasks, each thing once", async () => {
  const s = scene();
  const a = { env: { CLAUDE_CODE_SESSION_ID: "session-a" } };
  const b = { env: { CLAUDE_CODE_SESSION_ID: "session-b" } };
  await s.dispatchWith(a, "run", "--model", "finishes", "--id", "mine", "x");
  await s.dispatch("wait", "--all");
  expect((await s.dispatchWith(b, "wait")).out).toBe("");
  expect((await s.dispatchWith(a, "wait")).out).toContain("mine done");
  expect((await s.dispatchWith(a, "wait")).out).toBe("");
});

const hostile = (s: ReturnType<typeof scene>, name: string, content: string | Uint8Array) => {
  mkdirSync(s.path("it", "ipc"), { recursive: true });
  writeFileSync(s.path("it", "plan.md"), "# It\n- [ ] a\n");
  writeFileSync(s.path("it", `ipc/${name}.question`), content);
};

test.each([
  ["empty", "001", "", "(the question is empty)"],
  ["not UTF-8", "001", new Uint8Array([0x66, 0xff, 0x66]), "f\ufffdf"],
  ["out of order", "007", "Seven?", "Seven?"],
  ["full of escapes", "001", "\u001b[2J\u001b]0;title\u0007Sure?\u202e", "Sure?"],
])("a question file that is %s is shown as far as it goes", async (_, number, content, shown) => {
  const s = scene();
  hostile(s, number, content);
  expect((await s.task("it")).questions).toMatchObject([
    { n: number, text: shown, answered: false },
  ]);
  expect(await s.dispatch("answer", "it", "ok")).toMatchObject({ exit: 0 });
  expect(s.file("it", `ipc/${number}.answer`)).toBe("ok\n");
});

test("a question of 5 MB is cut, and can be answered", async () => {
  const s = scene();
  hostile(s, "001", "x".repeat(5_000_000));
  const [question] = (await s.task("it")).questions;
  expect(question.text.length).toBeLessThan(1_000);
  expect(question.text).toContain("cut");
});

test("a question that is a link or a FIFO is no question", async () => {
  const s = scene();
  hostile(s, "001", "Real?");
  await Bun.$`ln -s /etc/passwd 002.question && mkfifo 003.question`
    .cwd(s.path("it", "ipc"))
    .quiet();
  expect((await s.task("it")).questions).toMatchObject([{ n: "001" }]);
  await appears(s.path("it", "ipc/001.question"));
});
