/** A task's result → text: what came of it, what it changed, what it took, and where its work was put. */

import { isAway, nextCommand } from "../core/next.ts";
import { type Item } from "../core/plan.ts";
import type { Sum } from "../core/spending.ts";
import { derive } from "../core/state.ts";
import { type Facts, shownPlan } from "../core/task.ts";
import { counted, cut, foreign, foreignLine, quoted } from "../core/text.ts";
import type { FileCounts, Work } from "../core/worktree.ts";
import { firstOf, itemText, outcomeLine, pathText, wholeLength } from "./human.ts";
import { sumText } from "./stats.ts";

/** Outcome, figures, then what the worker left. `output` is the text of output.md, or null; `spent` is of all its runs. */
export function resultText(
  facts: Facts,
  output: string | null,
  work: Work | null,
  spent: Sum,
  others: readonly string[],
): string {
  const state = derive(facts);
  // "next: dispatch result" is where the reader is already.
  const isAll = state.kind === "done" && (!isAway(facts) || work?.files.length === 0);
  const next = isAll ? null : nextCommand(facts, state, others);
  const lines = [
    outcomeLine(facts, state),
    ...(next === null ? [] : [`next: ${next}`]),
    ...(work === null ? [] : workText(facts, work)),
  ];
  const report = facts.run?.report;
  const reported = [
    ...(report?.model ? [`model ${foreignLine(report.model)}`] : []),
    ...(report?.session ? [`session ${foreignLine(report.session)}`] : []),
    ...(spent.runs === 0 ? [] : [sumText(spent, " tokens")]),
  ];
  if (reported.length > 0) lines.push(`reported: ${reported.join(", ")}`);
  lines.push(...firstOf(shownPlan(facts).items, 40, (item) => itemText(item, false)));
  if (output !== null) lines.push("", "what the worker wrote:", foreign(output).trimEnd());
  else if (!report?.text) lines.push("it left no output");
  else if (!lines[0]!.endsWith(quoted(report.text, wholeLength)))
    lines.push("", "what the worker said last:", foreign(report.text).trimEnd());
  return lines.join("\n");
}

/** How much changed, and where; then each file. */
function workText({ worktree }: Facts, { files, branch }: Work): string[] {
  if (files.length === 0) return worktree === null ? [] : ["it changed no file"];
  const sum = (counts: (number | null)[]) =>
    counts.reduce<number>((all, one) => all + (one ?? 0), 0);
  const [added, removed] = [
    sum(files.map((file) => file.added)),
    sum(files.map((file) => file.removed)),
  ];
  const head = `${worktree === null ? "changed meanwhile" : "changed"}: ${counted(files.length, "file")} (+${added} -${removed})`;
  const where =
    branch === null
      ? []
      : [
          `${counted(branch.commits, "commit")} on ${branch.name}`,
          ...(branch.uncommitted === 0
            ? []
            : [`${counted(branch.uncommitted, "file")} not committed`]),
        ];
  const merged =
    worktree?.merged == null ? [] : [`merged into ${foreignLine(worktree.merged.into)}`];
  return [
    [head, ...where, ...merged].join(", "),
    ...firstOf(files, 20, (file) => `  ${pathText(file.path)} ${fileCounts(file)}`),
  ];
}

const fileCounts = ({ added, removed }: FileCounts) =>
  added === null ? "(binary)" : `+${added} -${removed ?? 0}`;

/** Where work was put that would have been lost. */
export const rescuedText = ({
  refs,
  folder,
}: {
  refs: readonly string[];
  folder: string | null;
}): string[] => [
  ...refs.map((ref) => `kept: ${ref} (to get it back: git branch NAME ${ref})`),
  ...(folder === null ? [] : [`kept: ${folder}`]),
];

/** The body of a pull request: what was to be done, and what its worker says came of it. */
export function pullRequestText(items: readonly Item[], output: string | null): string {
  const list = items.map(
    ({ marker, text }) => `- [${marker === "x" ? "x" : " "}] ${foreignLine(text)}`,
  );
  return [
    list.join("\n"),
    ...(output === null ? [] : [cut(foreign(output).trim(), bodyLength)]),
  ].join("\n\n");
}
/** GitHub takes 65,536 characters. */
const bodyLength = 50_000;
