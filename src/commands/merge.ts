import { homedir } from "node:os";
import { defineCommand } from "citty";
import { settingsFor } from "../core/config.ts";
import { usageError } from "../core/error.ts";
import { derive } from "../core/state.ts";
import { counted } from "../core/text.ts";
import { json } from "../cli/arguments.ts";
import { configured } from "../cli/configured.ts";
import { currentProject, requireTask } from "../cli/project.ts";
import { rescuedText } from "../render/result.ts";
import { print, printJson, talk } from "../render/write.ts";
import { note } from "../store/journal.ts";
import { bringHome, type Home, requireWork, type Way } from "../supervise/merge.ts";
import { observe } from "../supervise/observe.ts";
import { keptAt } from "../supervise/rescue.ts";

const args = {
  id: { type: "positional", required: true, description: "the task" },
  squash: { type: "boolean", description: "as one commit" },
  rebase: { type: "boolean", description: "its commits on top of yours, without a merge" },
  keep: { type: "boolean", description: "leave its worktree and branch" },
  json,
} as const;

export default defineCommand({
  meta: { name: "merge", description: "bring a task's work from its worktree to your branch" },
  args,
  async run({ args: given }) {
    if (given.squash && given.rebase) throw usageError("--squash and --rebase exclude each other");
    const way: Way = given.squash ? "squash" : given.rebase ? "rebase" : "merge";
    const project = currentProject();
    const facts = observe(requireTask(project, given.id));
    requireWork(facts);
    const { kind } = derive(facts);
    if (kind !== "done") talk.warn(`${facts.id} is ${kind}, not done`);
    const { worktree } = settingsFor(await configured(), project.root, homedir());
    const home = bringHome(project, facts, way, given.keep ?? worktree.keep);
    note(project, facts.id, `brought home to ${home.into} (${way})`);
    if (given.json) return printJson({ schema: 1, id: facts.id, way, ...homeJson(home) });
    print(homeText(facts.id, home));
  },
});

function homeText(id: string, { into, commits, rest, kept, rescued }: Home): string {
  const what =
    commits === 0
      ? `${into} has all of ${id} already`
      : `merged ${id} into ${into}: ${counted(commits, "commit")}`;
  const more = [
    ...(rest === 0 ? [] : [`${counted(rest, "file")} that its worker had not committed`]),
    ...(kept === null ? [] : [`its worktree stays (${kept})`]),
  ];
  return [[what, ...more].join("; "), ...rescuedText(rescued)].join("\n");
}

const homeJson = ({ into, commit, commits, rest, kept, rescued }: Home) => ({
  into,
  commit,
  commits,
  uncommitted_files: rest,
  kept,
  rescued: keptAt(rescued),
});
