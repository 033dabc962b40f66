/**
 * Two hundred workers at once: what becomes of each is true, each is told of once, and
 * the supervisor stays small. Its workers are plain shell scripts.
 */

import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cpuMsOf, memoryOf } from "../bench/process.ts";
import type { Violation } from "./check.ts";
import { addProgram, type Ground, makeGround, writeConfig } from "./ground.ts";
import { killAll, processesOf } from "./processes.ts";

const count = 200;
const restSeconds = 10;
const patienceMs = 120_000;
const sampleMs = 200;

/** By the number of its task, what a worker does once all of them are there, and what becomes of it. */
const kinds = [
  { name: "finishes", does: "tick", state: "done" },
  { name: "finishes-too", does: "tick", state: "done" },
  { name: "fails", does: "exit 3", state: "failed" },
  { name: "forgets", does: ":", state: "incomplete" },
  { name: "blocks", does: "mark '?'", state: "blocked" },
  { name: "breaks", does: "mark '!'", state: "failed" },
  { name: "is-killed", does: "kill -9 $$", state: "failed" },
  { name: "asks", does: "dispatch ask 'Which way?' >/dev/null || exit 9; tick", state: "done" },
] as const;
const kindOf = (index: number) => kinds[index % kinds.length]!;
const idOf = (index: number) => `${kindOf(index).name}-${index}`;

/** The gate is a FIFO that nobody writes to: it opens when the last writer lets go of it. */
const script = `
plan=$DISPATCH_TASK_DIR/plan.md
mark() { sed "s/- \\[ \\]/- [$1]/" "$plan" >"$plan.new" && mv "$plan.new" "$plan"; }
tick() { mark x; }
echo "$DISPATCH_RUN $DISPATCH_TASK start" >>"$CHAOS_GROUND/crowd"
read -r _ <"$CHAOS_GROUND/gate"
`;

export async function many(folder: string, program: string): Promise<Violation[]> {
  const ground = makeGround(folder, program, ["crowd"]);
  const config = [
    "default: finishes",
    "limits: { parallel: 200, stagger: 0s }",
    `backends: { ${kinds.map(({ name }) => `${name}: { command: ${name} }`).join(", ")} }`,
    `models: { ${kinds.map(({ name }) => `${name}: { backend: ${name} }`).join(", ")} }`,
  ];
  writeConfig(ground, `${config.join("\n")}\n`);
  for (const { name, does } of kinds)
    addProgram(
      folder,
      name,
      `#!/bin/sh\n${script}\n${does}\necho "$DISPATCH_RUN $DISPATCH_TASK end" >>"$CHAOS_GROUND/crowd"\n`,
    );
  try {
    return await crowd(ground);
  } finally {
    killAll(ground.mark);
  }
}

async function crowd(ground: Ground): Promise<Violation[]> {
  const fifo = join(ground.folder, "gate");
  Bun.spawnSync(["mkfifo", fifo]);
  // For reading too: opening it for writing alone would wait for a reader.
  const gate = openSync(fifo, "r+");
  const beganMs = performance.now();
  const started = await dispatch(ground, ["run", "-", "--json"], batch());
  const startedMs = performance.now();
  const waiting = dispatch(ground, ["wait", "--all", "--json", "--timeout", `${patienceMs}ms`]);
  const supervisor = watched(ground);
  await until(() => linesOf(ground).length >= count);
  const allMs = performance.now();
  const crowded = shownIn((await dispatch(ground, ["status", "--json"])).out);
  await Bun.sleep(restSeconds * 1_000);
  const rest = supervisor.now();
  closeSync(gate);
  const openMs = performance.now();
  const answered = answerAll(ground);
  const told = await waiting;
  const toldMs = performance.now();
  await answered;
  await until(() => processesOf(ground.mark).every(({ kind }) => kind !== "supervisor"));
  const figures = supervisor.end();
  const first = (await dispatch(ground, ["status", "--json"])).out;
  const second = (await dispatch(ground, ["status", "--json"])).out;

  const seconds = (ms: number) => (ms / 1_000).toFixed(1);
  const size = ({ rss, pss }: Figures) => `${rss.toFixed(0)} MB RSS, ${pss.toFixed(0)} MB PSS`;
  console.log(
    [
      `${count} workers: run returned after ${seconds(startedMs - beganMs)} s, all of them worked after ${seconds(allMs - beganMs)} s`,
      `the gate opened, all was told ${seconds(toldMs - openMs)} s later`,
      `the supervisor: at rest beside ${count} workers ${size(rest)}; at most ${size(figures)}`,
      `its CPU: ${seconds(rest.restCpuMs)} s of ${restSeconds} s of rest, ${seconds(figures.cpuMs)} s of ${seconds(figures.wallMs)} s in all, its acts included`,
    ].join("\n"),
  );
  const wrong = (rule: string, all: Iterable<string>): Violation[] =>
    [...all].map((what) => ({ rule, what }));
  return [
    ...wrong("run is accepted", started.code === 0 ? [] : [started.err]),
    ...wrong(
      "all run at once",
      crowded
        .filter(({ state }) => state !== "running")
        .map(({ id, state }) => `${id} is ${state}`),
    ),
    ...wrong("wait ends", told.code === 0 ? [] : [`${told.code}: ${told.err}`]),
    ...wrong("each is told once", miscounted(told.out)),
    ...wrong("the outcome is true", untrue(shownIn(first))),
    ...wrong("each was started once", twice(ground)),
    ...wrong("status stays", first === second ? [] : ["two looks differ"]),
  ];
}

const batch = () =>
  Array.from({ length: count }, (_, index) =>
    [
      `# Task ${index}`,
      `id: ${idOf(index)}`,
      `model: ${kindOf(index).name}`,
      "",
      "- [ ] it",
      "",
    ].join("\n"),
  ).join("\n");

interface Shown {
  id: string;
  state: string;
}
const shownIn = (out: string) => (JSON.parse(out) as { tasks: Shown[] }).tasks;

function* untrue(shown: readonly Shown[]): Generator<string> {
  for (let index = 0; index < count; index++) {
    const state = shown.find(({ id }) => id === idOf(index))?.state;
    const { state: wanted } = kindOf(index);
    if (state !== wanted) yield `${idOf(index)} is ${state}, not ${wanted}`;
  }
}

function* miscounted(out: string): Generator<string> {
  const events = out
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { event: string; id: string; state?: string });
  for (let index = 0; index < count; index++) {
    const mine = events.filter(({ id }) => id === idOf(index));
    const outcomes = mine.filter(({ event }) => event === "outcome");
    if (outcomes.length !== 1) yield `${idOf(index)} was told of ${outcomes.length} times`;
    const questions = mine.filter(({ event }) => event === "question").length;
    // One that is answered at once has nobody to be told of it.
    if (questions > (kindOf(index).name === "asks" ? 1 : 0))
      yield `${idOf(index)}: ${questions} questions were told`;
  }
}

function* twice(ground: Ground): Generator<string> {
  const starts = linesOf(ground).filter((line) => line.endsWith(" start"));
  for (const [id, lines] of Map.groupBy(starts, (line) => line.split(" ")[1]))
    if (lines.length > 1) yield `${id} was started ${lines.length} times`;
}

function linesOf({ folder }: Ground): string[] {
  const path = join(folder, "crowd");
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
}

/** One after the other, as soon as each is asked. */
async function answerAll(ground: Ground): Promise<void> {
  const asking = Array.from({ length: count }, (_, index) => index).filter(
    (index) => kindOf(index).name === "asks",
  );
  for (const index of asking) {
    const question = join(
      ground.projectOf("crowd"),
      ".dispatch/tasks",
      idOf(index),
      "ipc/001.question",
    );
    await until(() => existsSync(question));
    await dispatch(ground, ["answer", idOf(index), "001", "this way"]);
  }
}

async function dispatch(ground: Ground, argv: string[], stdin = "") {
  const child = Bun.spawn([ground.dispatch, ...argv], {
    cwd: ground.projectOf("crowd"),
    env: ground.env,
    stdin: Buffer.from(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, out, err };
}

async function until(isTrue: () => boolean): Promise<void> {
  for (const deadline = performance.now() + patienceMs; !isTrue(); await Bun.sleep(sampleMs / 4))
    if (performance.now() > deadline) return;
}

interface Figures {
  rss: number;
  pss: number;
  cpuMs: number;
  wallMs: number;
  /** CPU time within the last seconds of rest. */
  restCpuMs: number;
}

/** Samples the supervisor for as long as it lives; one that comes after it is sampled on. */
function watched(ground: Ground) {
  const beganMs = performance.now();
  const samples: { atMs: number; cpuMs: number; rss: number; pss: number }[] = [];
  const sample = () => {
    const pid = processesOf(ground.mark).find(({ kind }) => kind === "supervisor")?.pid;
    if (pid === undefined) return;
    try {
      samples.push({ atMs: performance.now(), cpuMs: cpuMsOf(pid), ...memoryOf(pid) });
    } catch {
      // It has just ended.
    }
  };
  const timer = setInterval(sample, sampleMs);
  const figures = (some: typeof samples): Figures => ({
    rss: Math.max(...some.map(({ rss }) => rss)),
    pss: Math.max(...some.map(({ pss }) => pss)),
    cpuMs: samples.at(-1)?.cpuMs ?? 0,
    wallMs: performance.now() - beganMs,
    restCpuMs: (some.at(-1)?.cpuMs ?? 0) - (some[0]?.cpuMs ?? 0),
  });
  return {
    now: () => {
      const sinceMs = performance.now() - restSeconds * 1_000;
      return figures(samples.filter(({ atMs }) => atMs > sinceMs));
    },
    end: () => {
      clearInterval(timer);
      return figures(samples);
    },
  };
}
