/** Figures → a Markdown table: each beside its reference, with their ratio. */

import { median, percentile, type Sample } from "./measure.ts";

export interface Row {
  what: string;
  unit: "ms" | "MB" | "ms CPU/s";
  dispatch: Sample;
  reference: { name: string; figures: Sample } | { missing: string };
  /** What it is meant to be, as the reader checks it. */
  aim?: string;
  /** Of a latency the worst counts: p99 and maximum instead of the spread. */
  isLatency?: boolean;
}

/** Rows that were measured together, and how, in one sentence. */
export interface Section {
  rows: Row[];
  how: string;
}

export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.what,
    figuresText(row, row.dispatch),
    "missing" in row.reference
      ? row.reference.missing
      : `${row.reference.name}: ${figuresText(row, row.reference.figures)}`,
    "missing" in row.reference ? "–" : ratioText(row.dispatch, row.reference.figures),
    row.aim ?? "–",
  ]);
  return grid([["", "dispatch", "beside it", "ratio", "aim"], ...cells]);
}

/** Lines of cells, the first of them the head. */
export function grid(lines: readonly string[][]): string {
  const widths = lines[0]!.map((_, column) =>
    Math.max(3, ...lines.map((line) => line[column]!.length)),
  );
  const text = (line: string[]) =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [text(lines[0]!), rule, ...lines.slice(1).map(text)].join("\n");
}

function figuresText({ unit, isLatency }: Row, figures: Sample): string {
  const middle = `**${figure(median(figures))}** ${unit}`;
  const [low, high, p99, worst] = [0.1, 0.9, 0.99, 1].map((share) =>
    figure(percentile(figures, share)),
  );
  const spread = isLatency === true ? `p99 ${p99}, max ${worst}` : `${low}–${high}`;
  return figures.length === 1 ? middle : `${middle} (${spread}, n=${figures.length})`;
}

const ratioText = (ours: Sample, theirs: Sample) => `${figure(median(ours) / median(theirs))}×`;

/** Two or three digits that count. */
function figure(value: number): string {
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  return value >= 0.1 ? value.toFixed(2) : value.toPrecision(2);
}
