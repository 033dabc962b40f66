import { defineCommand } from "citty";
import { usageError } from "../core/error.ts";
import { type By, bys, wonBy } from "../core/spending.ts";
import { didYouMean } from "../core/text.ts";
import { json } from "../cli/arguments.ts";
import { currentProject, requireTask } from "../cli/project.ts";
import { statsToJson } from "../render/json.ts";
import { statsText } from "../render/stats.ts";
import { print, printJson } from "../render/write.ts";
import { readPaid } from "../store/paid.ts";
import { spendingOfAll } from "../supervise/spending.ts";

const args = {
  ids: {
    type: "positional",
    required: false,
    valueHint: "ID…",
    description: "these tasks only; removed ones, too",
  },
  by: {
    type: "string",
    valueHint: bys.join("|"),
    description: "a line for each of them (task)",
  },
  json,
} as const;

export default defineCommand({
  meta: {
    name: "stats",
    description: "tokens and cost of all runs, as reported, and what your sessions paid for them",
  },
  args,
  run({ args: given }) {
    const by = readBy(given.by ?? "task");
    const project = currentProject();
    const all = spendingOfAll(project);
    const ids = given._;
    for (const id of ids) if (!all.some(({ task }) => task === id)) requireTask(project, id);
    const wanted = ids.length === 0 ? all : all.filter(({ task }) => ids.includes(task));
    // What a session paid is not told apart by task.
    const paid = ids.length === 0 ? readPaid(project) : null;
    if (given.json) return printJson(statsToJson(project.root, wanted, by, paid));
    print(statsText(wanted, by, wonBy(wanted, paid)));
  },
});

function readBy(text: string): By {
  const by = bys.find((known) => known === text);
  if (by !== undefined) return by;
  throw usageError(
    `--by ${text}: expected ${bys.join(", ")}${didYouMean(text, bys)}`,
    "dispatch stats --help",
  );
}
