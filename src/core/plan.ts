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
const fenceLine = /^\s*(`{3,}|~{3,})/;
const headingStart = /^ {0,3}#{1,6}\s/;

export function parsePlan(text: string): { plan: Plan; problems: PlanProblem[] } {
  return parseLines(text.replace(/^\ufeff/, "").split("\n"), text.includes("\0"), Infinity);
}

/** @param fencesUntil the line from which on fences count as text, since one there is never closed */
function parseLines(
  lines: readonly string[],
  isBinary: boolean,
  fencesUntil: number,
): { plan: Plan; problems: PlanProblem[] } {
  const plan: Plan = { title: null, items: [] };
  const problems: PlanProblem[] = [];
  if (isBinary) problems.push({ line: 0, message: "is binary, not Markdown" });

  let fence: { mark: string; line: number } | null = null;
  let current: Item | null = null;
  let noteLines: string[] = [];
  const closeItem = () => {
    if (current && noteLines.length > 0) current.note = noteLines.join("\n");
    current = null;
    noteLines = [];
  };

  for (const [index, raw] of lines.entries()) {
    const line = raw.replace(/\r$/, "");
    const mark = index < fencesUntil ? fenceLine.exec(line)?.[1] : undefined;
    if (fence !== null) {
      // What closes a fence says nothing else.
      if (mark?.startsWith(fence.mark) && line.trim() === mark) fence = null;
      continue;
    }
    if (mark !== undefined) {
      fence = { mark, line: index };
      continue;
    }
    const item = itemLine.exec(line);
    if (item) {
      closeItem();
      const marker = readMarker(item[1]!);
      if (marker === null) {
        problems.push({ line: index + 1, message: `unknown marker [${item[1]}], read as open` });
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
  // Items must not vanish behind a fence that a worker forgot to close.
  if (fence !== null) return parseLines(lines, isBinary, fence.line);
  if (plan.items.length === 0) {
    problems.push({ line: 0, message: "has no items; expected lines like '- [ ] a step'" });
  }
  return { plan, problems };
}

/** Without its hashes, those that close it included. By hand: a pattern would be slow on hostile lines. */
function headingText(line: string): string {
  const text = line.replace(headingStart, "").trim();
  let end = text.length;
  while (text[end - 1] === "#") end--;
  return text.slice(0, end).trimEnd();
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
  const unmatched = plan.items.map((item) => item.text);
  const dropped = asked.filter((text) => {
    const at = unmatched.indexOf(text);
    if (at !== -1) unmatched.splice(at, 1);
    return at === -1;
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
