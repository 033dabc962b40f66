import { defineCommand } from "citty";
import { usageError } from "../core/error.ts";
import { derive, isLive } from "../core/state.ts";
import { checkText, givenText, json } from "../cli/arguments.ts";
import { currentProject, requireTask } from "../cli/project.ts";
import { print, printJson } from "../render/write.ts";
import { addNote } from "../supervise/notes.ts";
import { observe } from "../supervise/observe.ts";

/** A plan that is longer than it is read would hide what stands at its end. */
const longestNote = 200 * 1024;

const args = {
  id: { type: "positional", required: true, description: "the task" },
  text: {
    type: "positional",
    required: true,
    description: "the note, in quotes; - reads it from stdin",
  },
  json,
} as const;

export default defineCommand({
  meta: { name: "note", description: "tell a running worker more: appended to its plan" },
  args,
  async run({ args: given }) {
    const task = requireTask(currentProject(), given.id);
    const text = (await givenText(given.text)).trim();
    checkText(text, "note");
    if (Buffer.byteLength(text) > longestNote)
      throw usageError(
        `the note is longer than ${longestNote} bytes`,
        "put it into a file and name that",
      );
    const stands = addNote(task, text);
    const live = isLive(derive(observe(task)));
    if (given.json) return printJson({ schema: 1, id: task.id, live, in_plan: stands });
    const where = stands ? "noted in the plan" : "kept for the plan, which is not there now,";
    const next = live ? "" : `; nobody is working on it: dispatch resume ${task.id}`;
    print(`${where} of ${task.id}${next}`);
  },
});
