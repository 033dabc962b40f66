/**
 * The plan: a Markdown checklist, and the only progress state there is.
 *
 *     # Title
 *     - [x] done, with an optional note
 *     - [?] blocked
 *       the explanation stands below its item
 *     - [!] failed
 *     - [ ] open
 *
 *     > **Note from dispatcher:** appended while the worker runs
 *
 * Workers write this file with whatever care a model has, so reading it never
 * throws: bullets of any kind, nested items, CRLF and lines of no meaning are
 * all taken as they are, and nothing here ever writes one back.
 */

import { collapsed } from "./text.ts";

export type Marker = " " | "x" | "?" | "!";

export interface Item {
  marker: Marker;
  text: string;
  /** The explanation below the item, or null. */
  note: string | null;
  /** 1-based. */
  line: number;
}

export interface Plan {
  title: string | null;
  items: Item[];
}

/** What keeps a text from being a plan; `line` is 1-based, 0 for the whole file. */
export interface PlanProblem {
  line: number;
  message: string;
}

const itemLine = /^\s*(?:[-*+]|\d{1,9}[.)])\s+\[(.)\](?:\s(.*))?$/su;
export const fenceLine = /^\s*(`{3,}|~{3,})/;
const headingStart = /^ {0,3}#{1,6}(?:\s|$)/;

export function parsePlan(text: string): { plan: Plan; problems: PlanProblem[] } {
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  const plan: Plan = { title: null, items: [] };
  const problems: PlanProblem[] = [];
  if (text.includes("\0")) problems.push({ line: 0, message: "is binary, not Markdown" });

  const isFenced = fencedLines(lines);
  let current: Item | null = null;
  let noteLines: string[] = [];
  const closeItem = () => {
    if (current && noteLines.length > 0) current.note = noteLines.join("\n");
    current = null;
    noteLines = [];
  };

  for (const [index, line] of lines.entries()) {
    if (isFenced[index]) continue;
    const item = itemLine.exec(line);
    if (item) {
      closeItem();
      const marker = readMarker(item[1]!);
      if (marker === null) {
        problems.push({ line: index + 1, message: `unknown marker [${item[1]}]; expected [ ]` });
      }
      current = {
        marker: marker ?? " ",
        text: (item[2] ?? "").trim(),
        note: null,
        line: index + 1,
      };
      plan.items.push(current);
      continue;
    }
    if (headingStart.test(line)) {
      closeItem();
      plan.title ??= headingText(line);
    } else if (line.trim() === "" || line.trimStart().startsWith(">")) {
      // A blank line, or the quote block of a note, ends what belongs to an item.
      closeItem();
    } else if (current) {
      noteLines.push(line.trim());
    }
  }
  closeItem();
  if (plan.items.length === 0) {
    problems.push({ line: 0, message: "has no items; expected lines like '- [ ] a step'" });
  }
  return { plan, problems };
}

/**
 * For each line, whether it belongs to a fenced block. A fence that is never
 * closed is none, and neither is any below it: items must not vanish behind a
 * fence that a worker forgot to close.
 */
export function fencedLines(lines: readonly string[]): boolean[] {
  const isFenced = lines.map(() => false);
  for (let at = 0; at < lines.length; at++) {
    const mark = fenceLine.exec(lines[at]!)?.[1];
    if (mark === undefined) continue;
    let end = at + 1;
    while (end < lines.length && !closesFence(lines[end]!, mark)) end++;
    if (end === lines.length) break;
    isFenced.fill(true, at, end + 1);
    at = end;
  }
  return isFenced;
}

/** At least as long as what opened it, with nothing else on its line. */
export function closesFence(line: string, opening: string): boolean {
  const mark = fenceLine.exec(line)?.[1];
  return mark !== undefined && mark.startsWith(opening) && line.trim() === mark;
}

/** Without its hashes, those that close it included; `C#` keeps its own. By hand: a pattern would be slow on hostile lines. */
export function headingText(line: string): string {
  const text = line.replace(headingStart, "").trim();
  let end = text.length;
  while (text[end - 1] === "#") end--;
  return end === 0 || /\s/.test(text[end - 1]!) ? text.slice(0, end).trimEnd() : text;
}

function readMarker(mark: string): Marker | null {
  switch (mark) {
    case " ":
      return " ";
    case "x":
    case "X":
      return "x";
    case "?":
    case "!":
      return mark;
    default:
      return null;
  }
}

/** A new plan, as it is first written. */
export function formatPlan(title: string, items: readonly string[]): string {
  const lines = items.map((item) => `- [ ] ${collapsed(item)}`);
  return `# ${title}\n\n${lines.join("\n")}\n`;
}

/**
 * The plan as it must be shown: items that were asked for and that the worker
 * dropped from its file come back as open. Rewording keeps the count, so only
 * a plan with fewer items than were asked for has lost any.
 */
export function withDroppedItems(plan: Plan, asked: readonly string[]): Plan {
  const lost = asked.length - plan.items.length;
  if (lost <= 0) return plan;
  const unmatched = new Map<string, number>();
  for (const { text } of plan.items) unmatched.set(text, (unmatched.get(text) ?? 0) + 1);
  const dropped = asked.filter((text) => {
    const count = unmatched.get(text) ?? 0;
    if (count > 0) unmatched.set(text, count - 1);
    return count === 0;
  });
  const items = dropped.slice(0, lost).map((text): Item => ({
    marker: " ",
    text,
    note: "no longer in the plan",
    line: 0,
  }));
  return { ...plan, items: [...plan.items, ...items] };
}

export function progress(plan: Plan): { done: number; total: number } {
  return {
    done: plan.items.filter((item) => item.marker === "x").length,
    total: plan.items.length,
  };
}

/** The quote block that carries a note to the worker, with room around it. */
export function formatNote(text: string): string {
  const [first, ...rest] = text.trim().split(/\r?\n/);
  const quoted = [
    `> **Note from dispatcher:** ${first}`,
    ...rest.map((line) => `> ${line}`.trimEnd()),
  ];
  return `\n${quoted.join("\n")}\n`;
}
