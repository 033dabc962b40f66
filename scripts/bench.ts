/**
 * Measures the built binary, each figure beside its reference in the same run,
 * and writes docs/benchmarks.md. Linux only. `--quick`: few samples, printed only.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { cpuRows, memoryRows } from "./bench/idle.ts";
import { runRows } from "./bench/run.ts";
import { makeScratch, type Scratch } from "./bench/scratch.ts";
import { statusJsonRows, statusRow, versionRow } from "./bench/startup.ts";
import { formatTable, type Section } from "./bench/table.ts";
import { waitRows } from "./bench/wait.ts";
import { worktreeRows } from "./bench/worktree.ts";

const isQuick = process.argv.includes("--quick");
const documentPath = join(import.meta.dir, "../docs/benchmarks.md");

async function main(): Promise<void> {
  const scratch = makeScratch();
  process.on("exit", () => scratch.remove());
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => process.exit(1));
  const machine = machineText();
  const document = format(await measured(scratch), machine);
  console.log(document);
  if (!isQuick) {
    mkdirSync(join(documentPath, ".."), { recursive: true });
    writeFileSync(documentPath, document);
  }
  process.exit();
}

async function measured(scratch: Scratch): Promise<Section[]> {
  const few = (many: number, quick: number) => (isQuick ? quick : many);
  const parts: [string, () => Promise<Section>][] = [
    ["--version", () => versionRow(scratch, few(100, 5))],
    ["status", () => statusRow(scratch, few(100, 5))],
    ["run", () => runRows(scratch, few(50, 3))],
    ["run --worktree", () => worktreeRows(scratch, few(10, 2))],
    ["wait", () => waitRows(scratch, { many: few(200, 5), few: few(40, 2), loops: few(20, 2) })],
    ["status --json", () => statusJsonRows(scratch, few(30, 3))],
    ["memory", () => memoryRows(scratch)],
    ["CPU at rest", () => cpuRows(scratch, few(12, 3))],
  ];
  const sections: Section[] = [];
  for (const [name, measure] of parts) {
    console.error(`measuring ${name} …`);
    sections.push(await measure());
  }
  return sections;
}

/** Told at the start, before the measuring itself is the load. */
function machineText(): string {
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const model = /^model name\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
  return [
    `${cpus().length} cores${model === undefined ? "" : ` (${model})`}`,
    `${memory} GB of memory`,
    `Linux ${/^[\d.]+\d/.exec(release())?.[0]} ${process.arch}`,
    `Bun ${Bun.version}`,
    `${new Date().toISOString().slice(0, 10)}`,
    `load ${loadavg()[0]!.toFixed(1)} at the start`,
  ].join(", ");
}

const format = (sections: readonly Section[], machine: string) => `# Benchmarks

Made by \`bun run bench\`. Each figure stands beside its reference, measured in turns with it in the
same run, so the ratio tells more than the milliseconds do. Medians, with the 10th to 90th
percentile, or with p99 and maximum where the worst counts.

${formatTable(sections.flatMap(({ rows }) => rows))}

The machine: ${machine}.

How it was measured:

${sections.map(({ how }) => `- ${how}`).join("\n")}
`;

void main();
