import { defineCommand } from "citty";
import { sumOf } from "../core/spending.ts";
import { foreign } from "../core/text.ts";
import { json } from "../cli/arguments.ts";
import { othersFor } from "../cli/others.ts";
import { currentProject, requireTask } from "../cli/project.ts";
import { sumToJson, taskToJson, workToJson } from "../render/json.ts";
import { resultText } from "../render/result.ts";
import { print, printJson } from "../render/write.ts";
import { readText } from "../store/read.ts";
import { placesOf } from "../supervise/left.ts";
import { observe } from "../supervise/observe.ts";
import { spendingOf } from "../supervise/spending.ts";
import { workOf } from "../supervise/work.ts";

const args = { id: { type: "positional", required: true, description: "the task" }, json } as const;

export default defineCommand({
  meta: {
    name: "result",
    description: "a task's outcome, its items, what it changed, spent, and wrote to output.md",
  },
  args,
  async run({ args: given }) {
    const project = currentProject();
    const task = requireTask(project, given.id);
    const facts = observe(task);
    const output = readText(task.output, 1024 * 1024)?.text ?? null;
    const work = workOf(project, facts);
    const spent = sumOf(spendingOf(task));
    if (given.json) {
      const final = facts.run?.report.text ?? null;
      return printJson({
        schema: 1,
        ...taskToJson(facts, placesOf(project, facts)),
        changed: work?.files.map(({ path }) => foreign(path)) ?? null,
        work: work === null ? null : workToJson(work),
        spent: sumToJson(spent),
        output_text: output === null ? null : foreign(output),
        final_text: final === null ? null : foreign(final),
      });
    }
    const others = (await othersFor([facts]))(facts);
    print(resultText(facts, output, work, spent, others));
  },
});
