import { defineCommand } from "citty";
import { shownPlan } from "../core/task.ts";
import { json } from "../cli/arguments.ts";
import { currentProject, requireTask } from "../cli/project.ts";
import { pullRequestText } from "../render/result.ts";
import { print, printJson } from "../render/write.ts";
import { note } from "../store/journal.ts";
import { readText } from "../store/read.ts";
import { requireWork } from "../supervise/merge.ts";
import { observe } from "../supervise/observe.ts";
import { openPullRequest } from "../supervise/pull-request.ts";

const args = {
  id: { type: "positional", required: true, description: "the task" },
  base: {
    type: "string",
    valueHint: "BRANCH",
    description: "where it is to go (the branch it began at)",
  },
  title: { type: "string", valueHint: "TEXT", description: "another title than the task's" },
  draft: { type: "boolean", description: "as a draft" },
  json,
} as const;

export default defineCommand({
  meta: {
    name: "pr",
    description: "push a task's branch and open a pull request for it (with gh)",
  },
  args,
  run({ args: given }) {
    const project = currentProject();
    const task = requireTask(project, given.id);
    const facts = observe(task);
    requireWork(facts);
    const title = given.title ?? facts.asked?.title ?? facts.id;
    const body = pullRequestText(
      shownPlan(facts).items,
      readText(task.output)?.text ?? facts.run?.report.text ?? null,
    );
    const opened = openPullRequest(project, facts, {
      title,
      body,
      base: given.base ?? null,
      isDraft: given.draft ?? false,
    });
    note(project, facts.id, `pushed to ${opened.remote}; ${opened.url}`);
    if (given.json) return printJson({ schema: 1, id: facts.id, ...opened });
    print(opened.url);
  },
});
