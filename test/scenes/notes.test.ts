import { expect, test } from "bun:test";
import { appears } from "./machine.ts";
import { scene } from "./scene.ts";

test("a note stands in the plan, though the worker rewrites it", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "rewrites", "--id", "it", "x");
  await s.dispatch("status");
  // The agent has read the plan before the note, and writes what it read after it.
  expect((await s.dispatch("note", "it", "installed with npx\nnot by hand")).out).toBe(
    "noted in the plan of it\n",
  );
  const block = "> **Note from dispatcher:** installed with npx\n> not by hand\n";
  expect(s.file("it", "plan.md")).toContain(block);
  await s.open("noted");
  await appears(`${s.env["GATES"]}/rewritten`);
  expect(s.file("it", "plan.md")).not.toContain("npx");
  await s.dispatch("status");
  expect(s.file("it", "plan.md")).toContain(block);
  await s.open("rewritten");
  expect((await s.dispatch("wait")).out).toContain("it done");
  expect(s.file("it", "plan.md")!.split("npx")).toHaveLength(2);
});

test("notes from many at once are all kept", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "never_ends", "--id", "it", "x");
  const notes = ["one", "two", "three", "four", "five", "six"];
  await Promise.all(notes.map((text) => s.dispatch("note", "it", `note ${text}`)));
  for (const text of notes)
    expect(s.file("it", "plan.md")!.split(`note ${text}\n`)).toHaveLength(2);
  await s.dispatch("stop", "it", "--grace", "100ms");
});

test("a long note stands whole and once; a longer one is refused", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "never_ends", "--id", "it", "x");
  const lines = (count: number) => "a\n".repeat(count);
  const long = await s.dispatchWith({ stdin: lines(100_000) }, "note", "it", "-");
  expect(long).toMatchObject({ exit: 0, out: "noted in the plan of it\n" });
  await s.dispatch("note", "it", "and another");
  const plan = s.file("it", "plan.md")!;
  expect(plan.split("> a\n")).toHaveLength(100_000);
  await s.dispatch("status");
  expect(s.file("it", "plan.md")).toBe(plan);
  expect(await s.dispatchWith({ stdin: lines(110_000) }, "note", "it", "-")).toMatchObject({
    exit: 2,
    err: "error: the note is longer than 204800 bytes\nhint: put it into a file and name that\n",
  });
  await s.dispatch("stop", "it", "--grace", "100ms");
});

test.each([
  [["note", "it", ""], 2, "the note is empty"],
  [["note", "nope", "x"], 3, "no task nope"],
])("dispatch %p", async (argv, exit, message) => {
  const s = scene();
  await s.dispatch("run", "--model", "finishes", "--id", "it", "x");
  const ran = await s.dispatch(...argv);
  expect(ran.exit).toBe(exit);
  expect(ran.err).toContain(message);
  await s.dispatch("wait");
});
