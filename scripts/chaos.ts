/**
 * The chaos suite: seeded storms of tasks, commands and kills, and a checker that
 * looks at what they leave for itself.
 *
 *     bun run chaos --storms 100 --jobs 2     seeds from a random one on
 *     bun run chaos --seed 42 --storms 1      one of them again
 *     bun run chaos --seed 42 --plan          what would happen in it
 *     bun run chaos --again                   all that have failed once
 *     bun run chaos --worktrees               storms of tasks in git worktrees instead; with --seed and all
 */

import {
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { check, type Violation } from "./chaos/check.ts";
import { onceFailed } from "./chaos/failed.ts";
import { tokenFile } from "./chaos/ground.ts";
import { many } from "./chaos/many.ts";
import { placed } from "./chaos/namespace.ts";
import { planStorm } from "./chaos/plan.ts";
import { killAll } from "./chaos/processes.ts";
import { comeBack, goDown, started } from "./chaos/reboot.ts";
import { coverageText, hasFailed, type Result, stepsHit, stormText } from "./chaos/report.ts";
import { tokenVariable } from "./chaos/script.ts";
import { type Record, recordFile, runStorm } from "./chaos/storm.ts";
import { planWorktrees } from "./chaos/worktree-plan.ts";
import { runWorktreeStorm } from "./chaos/worktrees.ts";

/** A storm that is not over by then never is. */
const stormTimeoutMs = 240_000;
/** To the process of a storm: this machine has no such place as its plan wants. */
const missingVariable = "CHAOS_PLACE_MISSING";
const violationsFile = "violations.json";
const self = [process.execPath, import.meta.path];
const built = join(import.meta.dir, "../dist/dispatch-chaos");

const { values: given } = parseArgs({
  options: {
    seed: { type: "string" },
    storms: { type: "string", default: "20" },
    jobs: { type: "string", default: "2" },
    again: { type: "boolean", default: false },
    many: { type: "boolean", default: false },
    reboot: { type: "boolean", default: false },
    worktrees: { type: "boolean", default: false },
    plan: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    folder: { type: "string" },
    /** For the suite itself: carry out the one storm, in the folder, with the program there. */
    one: { type: "boolean", default: false },
    /** Likewise: go on with what went down in the folder. */
    back: { type: "boolean", default: false },
    /** Looks again at a storm that was kept. */
    check: { type: "string" },
  },
});

const seed = given.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given.seed);
function checkAgain(folder: string): void {
  const record = JSON.parse(readFileSync(join(folder, recordFile), "utf8")) as Record;
  for (const { rule, what } of check({ ...record, folder })) console.log(`${rule}: ${what}`);
}

async function one(folder: string): Promise<void> {
  if (given.worktrees) {
    const program = join(folder, "../program");
    const { violations } = await runWorktreeStorm(planWorktrees(seed), folder, program);
    return writeFileSync(join(folder, violationsFile), JSON.stringify(violations));
  }
  const plan = planStorm(seed);
  const isMissing = process.env[missingVariable] !== undefined;
  const place = { ...plan, ground: isMissing ? "plain" : plan.ground } as const;
  const record = await runStorm(place, folder, join(folder, "../program"));
  // Here and not by whoever started us: a small disk is gone with this process.
  const violations = check(record);
  if (violations.length > 0 && place.ground === "small disk")
    cpSync(join(folder, "projects"), join(folder, "projects-kept"), { recursive: true });
  writeFileSync(join(folder, violationsFile), JSON.stringify(violations));
}

async function crowd(): Promise<number> {
  const folder = madeFolder();
  return judged(folder, await many(join(folder, "many"), join(folder, "program")));
}

/** With lost tasks resumed by themselves, and without. */
async function reboots(): Promise<number> {
  const folder = madeFolder();
  const program = join(folder, "program");
  const violations: Violation[] = [];
  for (const resumeLost of [false, true]) {
    const ground = join(folder, `resume-lost-${resumeLost}`);
    await goDown(ground, program, resumeLost);
    const { argv, how } = started(ground, [...self, "--back", "--folder", ground]);
    console.log(`resume_lost: ${resumeLost}; back with ${how}`);
    const child = Bun.spawn(argv, { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
    await child.exited;
    const found = textIn(ground, violationsFile);
    violations.push(
      ...(found === null
        ? [{ rule: "it comes back", what: `exit ${child.exitCode}` }]
        : (JSON.parse(found) as Violation[])),
    );
  }
  return judged(folder, violations);
}

async function back(folder: string): Promise<void> {
  const violations = await comeBack(folder, join(folder, "../program"));
  writeFileSync(join(folder, violationsFile), JSON.stringify(violations));
}

function judged(folder: string, violations: readonly Violation[]): number {
  for (const { rule, what } of violations) console.log(`FAILED ${rule}: ${what}`);
  if (violations.length === 0) rmSync(folder, { recursive: true, force: true });
  console.log(violations.length === 0 ? "ok" : `kept: ${folder}`);
  return violations.length === 0 ? 0 : 1;
}

function madeFolder(): string {
  const folder = realpathSync(mkdtempSync(join(given.folder ?? tmpdir(), "dispatch-chaos-")));
  buildProgram(join(folder, "program"));
  endWith(folder);
  return folder;
}

/** Whoever ends the suite ends its storms. */
function endWith(folder: string): void {
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(name, () => {
      for (const child of going) child.kill("SIGKILL");
      for (const path of new Bun.Glob(`*/${tokenFile}`).scanSync(folder))
        endStormIn(join(folder, path));
      process.exit(1);
    });
}
const going = new Set<Bun.Subprocess>();

function endStormIn(token: string): void {
  if (existsSync(token)) killAll(`${tokenVariable}=${readFileSync(token, "utf8")}`);
}

async function storms(seeds: readonly number[], jobs: number): Promise<number> {
  const folder = madeFolder();
  console.log(`${seeds.length} storms, the first of seed ${seeds[0]}, in ${folder}`);
  const left = [...seeds];
  const results: Result[] = [];
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const result = await storm(next, folder);
      results.push(result);
      console.log(stormText(result));
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));

  const bad = results.filter(hasFailed);
  console.log(coverageText(stepsHit(results.map((result) => result.folder))));
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  console.log(
    `${results.length - bad.length} of ${results.length} storms passed, ${seconds.toFixed(0)} s of storm`,
  );
  if (bad.length > 0)
    console.log(
      bad
        .map(({ seed: its }) => `again: bun run chaos${which} --seed ${its} --storms 1`)
        .join("\n"),
    );
  const kept = given.keep ? results : bad;
  for (const result of results)
    if (!kept.includes(result)) rmSync(result.folder, { recursive: true, force: true });
  if (kept.length === 0) rmSync(folder, { recursive: true, force: true });
  return bad.length > 0 ? 1 : 0;
}

const which = given.worktrees ? " --worktrees" : "";

/** What is told of it, and its command line; null where this machine has no such place as it wants. */
function outlineOf(seedOfIt: number, argv: string[]) {
  if (given.worktrees) {
    const { tasks, hasSubmodule } = planWorktrees(seedOfIt);
    return { tasks, ground: hasSubmodule ? "submodule" : "worktrees", wanted: argv };
  }
  const plan = planStorm(seedOfIt);
  return { tasks: plan.tasks, ground: plan.ground, wanted: placed(plan, argv) };
}

/** A process of its own, in the place that its plan wants. */
async function storm(seedOfIt: number, parent: string): Promise<Result> {
  const folder = join(parent, `seed-${seedOfIt}`);
  mkdirSync(folder);
  const kind = given.worktrees ? ["--worktrees"] : [];
  const argv = [...self, ...kind, "--one", "--seed", String(seedOfIt), "--folder", folder];
  const plan = outlineOf(seedOfIt, argv);
  const { wanted } = plan;
  const ground = wanted === null ? `plain, for want of: ${plan.ground}` : plan.ground;
  const startedMs = performance.now();
  const child = Bun.spawn(wanted ?? argv, {
    env: { ...process.env, ...(wanted === null ? { [missingVariable]: "1" } : {}) },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: stormTimeoutMs,
    killSignal: "SIGKILL",
  });
  going.add(child);
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const code = await child.exited;
  const seconds = (performance.now() - startedMs) / 1_000;
  going.delete(child);
  endStormIn(join(folder, tokenFile));
  const text = textIn(folder, violationsFile);
  const record = JSON.parse(textIn(folder, recordFile) ?? "null") as Record | null;
  return {
    seed: seedOfIt,
    folder,
    ground,
    seconds,
    tasks: plan.tasks.length,
    runs: record?.runs ?? 0,
    commands: record?.ran.length ?? 0,
    kills: record?.kills ?? 0,
    violations: JSON.parse(text ?? "[]"),
    broken: text === null ? `exit ${code}: ${`${out}${err}`.slice(-2_000)}` : null,
  };
}

const textIn = (folder: string, name: string) =>
  existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : null;

/** Built anew: it is to be what stands in the tree. Under its own name: workers find `dispatch` beside the one that started them. */
function buildProgram(folder: string): void {
  mkdirSync(folder);
  const build = [process.execPath, join(import.meta.dir, "build.ts"), "--chaos"];
  const { exitCode, stderr } = Bun.spawnSync(build);
  if (exitCode !== 0) throw new Error(stderr.toString());
  try {
    linkSync(built, join(folder, "dispatch"));
  } catch {
    // On another file system.
    copyFileSync(built, join(folder, "dispatch"));
  }
}

// Last: all that is named above is there.
if (given.plan)
  console.log(JSON.stringify(given.worktrees ? planWorktrees(seed) : planStorm(seed), null, 1));
else if (given.check !== undefined) checkAgain(given.check);
else if (given.one) await one(given.folder!);
else if (given.back) await back(given.folder!);
else if (given.many) process.exitCode = await crowd();
else if (given.reboot) process.exitCode = await reboots();
else if (given.again) process.exitCode = await storms(onceFailed, Number(given.jobs));
else {
  const seeds = Array.from({ length: Number(given.storms) }, (_, index) => seed + index);
  process.exitCode = await storms(seeds, Number(given.jobs));
}
