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
