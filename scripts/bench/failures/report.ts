/** What was measured → Markdown. */

import type { Agent, Failure } from "../../../test/real/failures.ts";
import { median, sample } from "../measure.ts";
import { grid } from "../table.ts";
import { type Bare, capS, type Dispatched } from "./runs.ts";

export interface Measured {
  failure: Failure;
  bare: Bare[];
  dispatched: Dispatched[];
}

const head = [
  "",
  "the bare CLI ends after",
  "exit code",
  "dispatch names the cause after",
  "cause",
  "the line that says so",
];

export const tableOf = (all: readonly Measured[], agent: Agent) =>
  grid([head, ...all.filter(({ failure }) => failure.agent === agent).map(cellsOf)]);

function cellsOf({ failure, bare, dispatched }: Measured): string[] {
  const { exit } = bare[0]!;
  const { shown } = dispatched[0]!;
  const isDone = shown?.state === "done";
  return [
    failure.what,
    exit === null ? `still trying after ${capS} s` : secondsOf(bare),
    exit === null ? "–" : String(exit),
    shown === null
      ? "no line, no cause: told as stalled after `stall_after` (15m)"
      : `${isDone ? "done after " : ""}${secondsOf(dispatched)}`,
    shown === null || isDone ? "–" : `\`${shown.cause}\`: ${shown.state}`,
    shown?.evidence ? quoted(shown.evidence) : "–",
  ];
}

const secondsOf = (runs: readonly { seconds: number }[]) =>
  `${median(sample(runs.map(({ seconds }) => seconds))).toFixed(1)} s`;

const longest = 110;
function quoted(line: string): string {
  const text = line.replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1").replaceAll("|", "\\|");
  return `\`${(text.length > longest ? `${text.slice(0, longest)}…` : text).replaceAll("`", "'")}\``;
}
