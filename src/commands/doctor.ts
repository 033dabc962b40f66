import { defineCommand } from "citty";
import { counted } from "../core/text.ts";
import { json } from "../cli/arguments.ts";
import { currentProject } from "../cli/project.ts";
import { rescuedText } from "../render/result.ts";
import { print, printJson } from "../render/write.ts";
import { loadConfig } from "../store/config-file.ts";
import { backendNames } from "../backends/index.ts";
import { installedBackends } from "../supervise/discover.ts";
import { keptAt, rescuedRefs } from "../supervise/rescue.ts";
import { type Mended, mendStrays, type Stray, straysOf } from "../supervise/strays.ts";

const args = {
  fix: {
    type: "boolean",
    description: "adopt worktrees without a task that hold work, as tasks; remove the others",
  },
  json,
} as const;

export default defineCommand({
  meta: {
    name: "doctor",
    description: "what is amiss here: config, agent CLIs, worktrees without a task",
  },
  args,
  run({ args: given }) {
    const project = currentProject();
    const config = loadConfig(backendNames)?.config ?? null;
    const clis = installedBackends().map(({ label }) => label);
    const strays = straysOf(project);
    const mended = given.fix ? mendStrays(project, config?.default ?? "") : [];
    const rescued = rescuedRefs(project);
    if (given.json)
      return printJson({
        schema: 1,
        config: config !== null,
        clis,
        strays,
        rescued,
        mended: mended.map(mendedJson),
      });
    print(
      [
        config === null
          ? "no config yet: dispatch setup"
          : `config: its default is ${config.default ?? "not set (dispatch config default MODEL)"}`,
        clis.length === 0 ? "no agent CLI on PATH" : `agent CLIs: ${clis.join(", ")}`,
        ...(given.fix ? mended.flatMap(mendedText) : strayTexts(strays)),
        ...(rescued.length === 0
          ? []
          : [`work that was rescued: ${rescued.length} (git for-each-ref refs/dispatch/rescue)`]),
      ].join("\n"),
    );
  },
});

function strayTexts(strays: readonly Stray[]): string[] {
  if (strays.length === 0) return ["no worktree without a task"];
  return [
    ...strays.map(
      ({ id, path, unsaved }) =>
        `worktree without a task: ${path ?? `${id} (its folder is gone)`}, ${workText(unsaved)}`,
    ),
    "next: dispatch doctor --fix (those that hold work become tasks again)",
  ];
}

function workText(unsaved: Stray["unsaved"]): string {
  if (unsaved === null) return "which git does not know any more";
  const { commits, files } = unsaved;
  if (commits + files === 0) return "nothing in it that is not elsewhere";
  return `${counted(commits, "commit")} and ${counted(files, "uncommitted file")} that are nowhere else`;
}

const mendedText = (mended: Mended): string[] =>
  mended.kind === "adopted"
    ? [
        `${mended.id} is a task again: dispatch diff ${mended.id}, dispatch merge ${mended.id}, dispatch clean ${mended.id}`,
      ]
    : [`removed the worktree ${mended.id}`, ...rescuedText(mended.rescued)];

const mendedJson = (mended: Mended) =>
  mended.kind === "adopted"
    ? { id: mended.id, adopted: true, rescued: [] }
    : {
        id: mended.id,
        adopted: false,
        rescued: keptAt(mended.rescued),
      };
