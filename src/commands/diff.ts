import { defineCommand } from "citty";
import { notFound, usageError } from "../core/error.ts";
import type { DiffJson } from "../core/json.ts";
import type { Facts } from "../core/task.ts";
import type { Work } from "../core/worktree.ts";
import { json } from "../cli/arguments.ts";
import { currentProject, requireTask } from "../cli/project.ts";
import { workToJson } from "../render/json.ts";
import { printJson, talk } from "../render/write.ts";
import type { ProjectPaths } from "../store/paths.ts";
import { withWork, workOf } from "../supervise/work.ts";
import { observe } from "../supervise/observe.ts";
import { showGit } from "../unix/git.ts";

const args = {
  id: { type: "positional", required: true, description: "the task" },
  stat: { type: "boolean", description: "the files, and how much of each" },
  tool: { type: "boolean", description: "in your diff tool (git difftool)" },
  json,
} as const;

export default defineCommand({
  meta: { name: "diff", description: "what a task has changed, committed or not" },
  args,
  run({ args: given }) {
    if (given.stat && given.tool) throw usageError("--stat and --tool exclude each other");
    const project = currentProject();
    const facts = observe(requireTask(project, given.id));
    if (given.json)
      return printJson(diffJson(facts, workOf(project, facts) ?? nothingToTell(facts)));
    const code = withWork(project, facts, (work) => show(project, facts, work, given));
    if (code === null) nothingToTell(facts);
    if (code !== 0) process.exitCode = 1;
  },
});

function show(
  project: ProjectPaths,
  facts: Facts,
  { from, to, env, paths }: Parameters<Parameters<typeof withWork>[2]>[0],
  { stat, tool }: { stat?: boolean | undefined; tool?: boolean | undefined },
): number {
  if (facts.worktree === null) {
    if (paths.length === 0) {
      talk.info("nothing of the checkout changed while it ran");
      return 0;
    }
    talk.info("what changed in the checkout while it ran, by whatever hand:");
  }
  const how = tool ? ["difftool", "--dir-diff"] : ["diff", ...(stat ? ["--stat"] : [])];
  const literal = { ...env, GIT_LITERAL_PATHSPECS: "1" };
  return showGit(project.root, [...how, from, to, "--", ...paths], literal);
}

function nothingToTell({ id, worktree }: Facts): never {
  throw worktree === null
    ? notFound("no_diff", `git cannot tell what ${id} has changed`, `dispatch result ${id}`)
    : notFound("no_diff", `nothing of the work of ${id} is there`, `dispatch status ${id}`);
}

const diffJson = ({ id }: Facts, work: Work): DiffJson => ({ schema: 1, id, ...workToJson(work) });
