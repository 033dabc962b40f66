/**
 * Measures what handing tasks over costs a host session's context, with the real Claude Code as
 * the host and in the workers, and a scripted model.
 *
 *     bun run bench:context [--original FILE] [--runs N] [--write]
 *
 * `--original` names the original skill's SKILL.md, which is then measured beside this one;
 * `--write` updates docs/context-cost.md and needs it. Linux, tmux; nothing but the loopback can
 * be reached.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { pinned } from "../test/real/agents.ts";
import { runIsolated } from "../test/real/isolation.ts";
import { tokens } from "./bench/context/count.ts";
import * as original from "./bench/context/original.ts";
import * as ours from "./bench/context/ours.ts";
import { format, type Side, sideOf } from "./bench/context/report.ts";
import { bodyOf, type Measured } from "./bench/context/session.ts";

const documentPath = join(import.meta.dir, "../docs/context-cost.md");
const marks = { start: "<!-- bench:context -->\n", end: "<!-- /bench:context -->" };
const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const { values: given } = parseArgs({
  options: {
    original: { type: "string" },
    runs: { type: "string", default: "3" },
    write: { type: "boolean", default: false },
    /** Set for the part of it that runs in the network namespace. */
    isolated: { type: "boolean", default: false },
  },
});

async function measure(): Promise<void> {
  // Whatever a session has started goes with it.
  for (const signal of signals) process.on(signal, () => process.exit(1));
  const runs = Number(given.runs);
  if (!Number.isInteger(runs) || runs < 1)
    throw new Error(`--runs ${given.runs}: expected 1 or more`);
  if (given.write && given.original === undefined)
    throw new Error("--write needs --original FILE: what is published has both sides");

  const ownSide = await sideBy("dispatch", runs, ours.skill, ours);
  const path = given.original;
  const text = path === undefined ? null : original.readOriginal(resolve(path));
  const otherSide =
    text === null
      ? null
      : await sideBy("the original", runs, text.skill, {
          oneByOne: () => original.oneByOne(text),
          together: () => original.together(text),
        });
  const tables = format(ownSide, otherSide);
  console.log(tables);
  if (given.write) publish(tables, runs);
  process.exit();
}

async function sideBy(
  name: string,
  runs: number,
  skill: string,
  { oneByOne, together }: Record<"oneByOne" | "together", () => Promise<Measured>>,
): Promise<Side> {
  const measured: Measured[][] = [];
  for (let run = 1; run <= runs; run++) {
    console.error(`measuring ${name}, ${run} of ${runs} …`);
    measured.push([await oneByOne(), await together()]);
  }
  return sideOf(tokens(bodyOf(skill)), measured);
}

function publish(tables: string, runs: number): void {
  const document = readFileSync(documentPath, "utf8");
  const [before, rest] = document.split(marks.start);
  const after = rest?.split(marks.end)[1];
  if (after === undefined)
    throw new Error(`${documentPath} has no ${marks.start.trim()} … ${marks.end}`);
  const date = new Date().toISOString().slice(0, 10);
  const how = `Measured on ${date} with Claude Code ${pinned["@anthropic-ai/claude-code"]}; medians of ${runs} runs.`;
  writeFileSync(documentPath, `${before}${marks.start}\n${tables}\n${how}\n\n${marks.end}${after}`);
}

/** The same command again, where nothing but the loopback is. */
const again = [process.execPath, import.meta.path, ...process.argv.slice(2), "--isolated"];
await (given.isolated ? measure() : runIsolated("bench:context", again));
