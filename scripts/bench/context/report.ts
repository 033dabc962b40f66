/** What was measured → Markdown. */

import { grid } from "../table.ts";
import { type Cost, sum, total } from "./count.ts";
import type { Measured, Part } from "./session.ts";
import { all, deadFlags, planTokens, rateLimits, type Task, three, words } from "./tasks.ts";

/** One side's sessions. */
export interface Side {
  /** Tokens of SKILL.md: without its front matter, and the line in the listing of skills. */
  body: number;
  listing: number;
  /** The median of some runs of each part. */
  parts: Record<string, Part>;
  /** How much the runs of a part differed at most. */
  spread: number;
}

/** Makes a side of several runs, each in whatever sessions it takes. */
export function sideOf(body: number, runs: readonly (readonly Measured[])[]): Side {
  const whole = runs.map((sessions) => Object.assign({}, ...sessions.map(({ parts }) => parts)));
  const byName = Object.keys(whole[0]).map((name): [string, Part[]] => [
    name,
    whole.map((run) => run[name] as Part).toSorted((a, b) => total(a) - total(b)),
  ]);
  return {
    body,
    listing: runs[0]![0]!.listing,
    parts: Object.fromEntries(byName.map(([name, parts]) => [name, middle(parts)])),
    spread: Math.max(...byName.map(([, parts]) => total(parts.at(-1)!) - total(parts[0]!))),
  };
}

const middle = <T>(sorted: readonly T[]): T => sorted[Math.floor((sorted.length - 1) / 2)]!;

interface Row {
  what: string;
  parts: (side: Side) => readonly Part[];
  /** The tasks whose plans are written in it. */
  tasks?: readonly Task[];
  /** At most so many tokens, beyond the plans. */
  aim?: number;
}

const outcomeOf = ({ id }: Task) => `outcome of ${id}`;
const named =
  (...names: string[]) =>
  ({ parts }: Side) =>
    names.map((name) => parts[name]!);
const medianOutcome = (side: Side) => [
  middle(named(...all.map(outcomeOf))(side).toSorted((a, b) => total(a) - total(b))),
];
const costOf = (row: Row, side: Side) => sum(row.parts(side));
const requestsOf = (row: Row, side: Side) =>
  row.parts(side).reduce((n, { requests }) => n + requests, 0);

const rows: readonly Row[] = [
  { what: "warm-up: `/dispatch`", parts: named("warmUp") },
  { what: "one task, typed as `/dispatch …`", parts: named("one"), tasks: [rateLimits] },
  { what: "one task more, in plain words", parts: named("further"), tasks: [deadFlags] },
  { what: "three tasks, typed as `/dispatch …`", parts: named("three"), tasks: three },
  { what: "a question and its answer", parts: named("question"), aim: 250 },
  { what: "an outcome (the median of five)", parts: medianOutcome, aim: 120 },
  { what: "three outcomes, one by one", parts: named(...three.map(outcomeOf)) },
  { what: "three outcomes, together", parts: named("outcomes together") },
  { what: "the status of three running tasks", parts: named("status") },
  { what: "idle, while three workers do six steps", parts: named("idle"), aim: 0 },
  {
    what: "three tasks, handed over and reported one by one",
    parts: named("three", ...three.map(outcomeOf)),
    tasks: three,
    aim: 1_200,
  },
  {
    what: "three tasks, handed over and reported together",
    parts: named("three", "outcomes together"),
    tasks: three,
    aim: 1_200,
  },
  {
    what: "**the whole script: five tasks**",
    parts: ({ parts }) =>
      Object.keys(parts).flatMap((name) => (name === "outcomes together" ? [] : parts[name]!)),
    tasks: all,
  },
];

const bodyAim = 1_000;

export function format(ours: Side, original: Side | null): string {
  const sections = [
    `What this skill adds to a host session's conversation, in tokens:`,
    sideTable(ours),
    `Before anything is said, the skill is one line in the listing that every session has: ${ours.listing} tokens. Its body, which the host puts into the conversation each time \`/dispatch\` is typed, has ${number(ours.body)}.`,
    `The aims, for what is added beyond the plans' own text:`,
    [...rows.flatMap((row) => aimLine(row, ours)), bodyLine(ours)].join("\n"),
  ];
  if (original !== null) {
    sections.push(
      "The original skill, by the same script:",
      sideTable(original),
      `Its line in the listing has ${original.listing} tokens, its body ${number(original.body)}.`,
      "Side by side, beyond the plans' own text:",
      comparison(ours, original),
    );
  }
  const spread = Math.max(ours.spread, original?.spread ?? 0);
  sections.push(`Between runs, a part differed by ${spread} tokens at most.`);
  return `${sections.join("\n\n")}\n`;
}

function sideTable(side: Side): string {
  const head = [
    "",
    "skill's texts",
    "model's words",
    "user's words",
    "host's envelope",
    "total",
    "plans' own text",
    "beyond it",
    "requests",
  ];
  const lines = rows.map((row) => {
    const cost = costOf(row, side);
    const figures = [cost.own, cost.model, cost.user, cost.envelope, total(cost)].map(number);
    const plans = row.tasks === undefined ? "–" : number(planTokens(row.tasks));
    const rest = [beyond(row, cost), requestsOf(row, side)].map(number);
    return [row.what, ...figures, plans, ...rest];
  });
  return grid([head, ...lines]);
}

const beyond = ({ tasks = [] }: Row, cost: Cost) => total(cost) - planTokens(tasks);

function aimLine(row: Row, side: Side): string[] {
  const { what, aim } = row;
  if (aim === undefined) return [];
  const cost = costOf(row, side);
  const all = beyond(row, cost);
  const without = all - cost.envelope;
  const verdict =
    all <= aim
      ? "met"
      : `missed; without the host's envelope ${number(without)}, ${without <= aim ? "which meets it" : "missed too"}`;
  return [`- ${what}: ${number(all)}; aim ${number(aim)}: ${verdict}.`];
}

const bodyLine = ({ body }: Side) =>
  `- the skill's body: ${number(body)}; aim ${number(bodyAim)}: ${body <= bodyAim ? "met" : "missed"}.`;

function comparison(ours: Side, original: Side): string {
  const line = (what: string, a: number, b: number) => [
    what,
    number(a),
    number(b),
    a === 0 ? "–" : `${(b / a).toFixed(1)}×`,
  ];
  const lines = rows.map((row) => {
    const [a, b] = [ours, original].map((side) => beyond(row, costOf(row, side)));
    return line(row.what, a!, b!);
  });
  const whole = rows.at(-1)!;
  const typed = Object.values(words).filter((text) => text.startsWith("/dispatch")).length;
  const [a, b] = [ours, original].map(
    (side) => beyond(whole, costOf(whole, side)) - typed * side.body,
  );
  lines.push(line(`the same, without the skill's body, which is in it ${typed} times`, a!, b!));
  return grid([["", "dispatch", "the original", "ratio"], ...lines]);
}

const number = (value: number) => value.toLocaleString("en");
