import { defineCommand } from "citty";
import { DispatchError, exitCodes, notFound, usageError } from "../core/error.ts";
import type { FileChange } from "../core/settings.ts";
import { didYouMean } from "../core/text.ts";
import { json } from "../cli/arguments.ts";
import { diffText } from "../render/diff.ts";
import { print, printJson, talk } from "../render/write.ts";
import {
  carryOut,
  planInstall,
  planUninstall,
  type SkillPlan,
  skillPlaces,
} from "../supervise/skill.ts";
import { isSkill } from "../store/paths.ts";
import { askPerson, isInteractive } from "../unix/terminal.ts";

const args = {
  action: { type: "positional", required: true, description: "one of: install, uninstall, path" },
  yes: { type: "boolean", description: "write without asking" },
  "skill-only": { type: "boolean", description: "only SKILL.md: no settings, hooks or rules" },
  json,
} as const;

interface Given {
  yes: boolean;
  skillOnly: boolean;
  json: boolean;
}

const actions: Record<string, (given: Given) => unknown> = {
  install: (given) => change(planInstall(given.skillOnly), given),
  uninstall: (given) => change(planUninstall(given.skillOnly), given),
  path,
};

export default defineCommand({
  meta: {
    name: "skill",
    description: "the /dispatch skill for agent CLIs, its hooks and permissions: install, …",
  },
  args,
  async run({ args: given }) {
    const { action } = given;
    const run = Object.hasOwn(actions, action) ? actions[action]! : undefined;
    if (run === undefined) {
      throw usageError(
        `unknown skill action ${action}${didYouMean(action, Object.keys(actions))}`,
        `one of: ${Object.keys(actions).join(", ")}`,
      );
    }
    await run({
      yes: given.yes === true,
      skillOnly: given["skill-only"] === true,
      json: given.json === true,
    });
  },
});

/** Nothing is written that nobody has said yes to. */
async function change(plan: SkillPlan, given: Given): Promise<void> {
  const { kind, changes } = plan;
  for (const each of plan.left) talk.info(`left alone: ${each}`);
  if (changes.length === 0) {
    if (given.json) return printJson(changesToJson(changes, false));
    return print(kind === "install" ? `already installed: ${list(plan.places)}` : "not installed");
  }
  const isPerson = isInteractive() && !given.json;
  if (!given.json) show(changes, isPerson, given.yes);
  const isAgreed = given.yes || (isPerson && (await askAgreement()));
  if (isAgreed) carryOut(plan);
  if (given.json) {
    printJson(changesToJson(changes, isAgreed));
    if (!isAgreed) process.exitCode = exitCodes.needsPerson;
  } else if (isAgreed) {
    const files = list(changes.map((file) => file.path));
    print(kind === "install" ? `installed: ${files}` : `taken back, from: ${files}`);
  } else throw notAgreed(kind, given, isPerson);
}

/** What becomes of a person's own files; and, before they agree, all that is to run. The skill itself is only named. */
function show(changes: readonly FileChange[], isPerson: boolean, isAgreed: boolean): void {
  const shown = changes.filter((file) => isEdit(file) || (!isAgreed && !isSkill(file.path)));
  if (shown.length > 0) print(diffText(shown, isPerson));
  if (isAgreed) return;
  for (const { path, before } of changes.filter((file) => !shown.includes(file)))
    print(`${before === null ? "new" : "gone"}: ${path}`);
}

const isEdit = ({ before, after }: FileChange) => before !== null && after !== null;

const askAgreement = async () =>
  /^y(es)?$/i.test((await askPerson("write this? [y/N] "))?.trim() ?? "");

function notAgreed(kind: string, { skillOnly }: Given, wasAsked: boolean): DispatchError {
  const [message, hint] = wasAsked
    ? ["nothing was written", null]
    : [
        "nothing was written: the user has to agree to it",
        `they can read it and agree in a terminal: dispatch skill ${kind}${skillOnly ? " --skill-only" : ""}; or, once they have: --yes`,
      ];
  return new DispatchError("needsPerson", "not_agreed", message, hint);
}

const changesToJson = (changes: readonly FileChange[], written: boolean) => ({
  schema: 1,
  changes: changes.map(({ path, before, after }) => ({
    path,
    action: before === null ? "create" : after === null ? "delete" : "change",
  })),
  written,
});

function path(given: Given): void {
  const paths = skillPlaces();
  if (paths.length === 0)
    throw notFound("not_installed", "the skill is not installed", "dispatch skill install");
  if (given.json) printJson({ schema: 1, paths });
  else print(paths.join("\n"));
}

const list = (paths: readonly string[]) => paths.join(", ");
