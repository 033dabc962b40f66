/** What was spent, by workers and by the sessions that hand tasks over, also once its tasks are gone. */

import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Scene, scene } from "./scene.ts";

const result = (input: number, output: number, cost: number | null) =>
  JSON.stringify({
    type: "result",
    subtype: "success",
    is_error: false,
    result: "Done.",
    usage: { input_tokens: input, cache_read_input_tokens: 0, output_tokens: output },
    ...(cost !== null && { total_cost_usd: cost }),
  });

/** Claude in the place of a fake; `lines` are what it prints after its first. */
function claude(s: Scene, lines: string, script = "tick_all") {
  s.config(
    "default: opus\nlimits: { parallel: 99, stagger: 0s }\nmodels: { opus: { backend: claude } }\n",
  );
  const init = '{"type":"system","subtype":"init","session_id":"s1","model":"claude-opus-4-6"}';
  s.program("claude", `cat >/dev/null; echo '${init}'; printf '%s\\n' '${lines}'; ${script}`);
}

async function done(s: Scene, id: string, env: Record<string, string> = {}) {
  await s.dispatchWith({ env }, "run", "--id", id, "x");
  await s.dispatch("wait", id);
}

const stats = async (s: Scene, ...argv: string[]) => {
  const { exit, out, err } = await s.dispatch("stats", ...argv);
  expect({ exit, err }).toEqual({ exit: 0, err: "" });
  return out;
};
const inDispatch = (s: Scene, name: string) => join(s.project, ".dispatch", name);
const host = { CODEX_THREAD_ID: "thread-1" };
/** By the one command that a host ran. */
const paid = (s: Scene) => Number(readFileSync(inDispatch(s, "paid.tsv"), "utf8").split("\t")[1]);

describe("what workers spent", () => {
  test("is told by task, model and day, and nothing before there is any", async () => {
    const s = scene();
    expect(await stats(s)).toBe("nothing was spent yet\n");
    expect(existsSync(inDispatch(s, ""))).toBe(false);
    claude(s, result(41_000, 2_300, 0.31));
    await done(s, "review");
    claude(s, result(1_000, 100, null));
    await done(s, "parser");
    expect(await stats(s)).toBe(
      "2 tasks, 2 runs: 42k tokens in, 2.4k out, $0.31 and unknown for 1 run\n" +
        "review: 41k in, 2.3k out, $0.31\n" +
        "parser: 1.0k in, 100 out, cost unknown\n",
    );
    expect(await stats(s, "--by", "model")).toBe(
      "claude-opus-4-6, 2 runs: 42k tokens in, 2.4k out, $0.31 and unknown for 1 run\n",
    );
    expect(await stats(s, "--by", "day")).toMatch(/^\d{4}-\d\d-\d\d(?:, 2 runs)?: /m);
    expect(await stats(s, "parser")).toBe("parser, 1 run: 1.0k tokens in, 100 out, cost unknown\n");
    expect(JSON.parse(await stats(s, "--json"))).toMatchObject({
      schema: 1,
      project: s.project,
      by: "task",
      total: { tasks: 2, runs: 2, tokens: { input: 42_000 }, cost_unknown_runs: 1 },
      groups: [{ name: "review" }, { name: "parser", cost_usd: null }],
      paid_tokens: null,
      won: null,
    });
  });

  test("is that of every run; one that was killed does not say", async () => {
    const s = scene();
    claude(s, result(1_000, 100, 0.5), "tick");
    await s.dispatch("run", "--id", "it", "--item", "One", "--item", "Two", "x");
    await s.dispatch("wait", "it");
    claude(s, "", "exit 1");
    await s.dispatch("resume", "it");
    await s.dispatch("wait", "it");
    expect(await stats(s)).toBe(
      "it, 2 runs: 1.0k tokens in, 100 out and unknown for 1 run, $0.50 and unknown for 1 run\n",
    );
  });

  test("of an agent that reports nothing is unknown, of one that could not start nothing", async () => {
    const s = scene();
    await done(s, "it");
    expect(await stats(s)).toBe("it, 1 run: tokens and cost unknown\n");
    await s.dispatch("clean");
    rmSync(inDispatch(s, "spent.jsonl"));
    claude(s, result(1, 1, 1));
    await s.dispatch("run", "--id", "later", "x");
    await s.dispatch("wait", "later");
    rmSync(s.path("later", "runs/001/pid"));
    expect(await stats(s)).toBe("nothing was spent yet\n");
  });

  test("step by step is all of it, however long the log between", async () => {
    const s = scene();
    s.config("default: gpt\nmodels: { gpt: { backend: opencode } }\n");
    const step = JSON.stringify({
      type: "step_finish",
      part: { tokens: { input: 100, output: 10, cache: { read: 0, write: 0 } } },
    });
    s.program(
      "opencode",
      `cat >/dev/null; for n in 1 2 3; do echo '${step}'; dd if=/dev/zero bs=100000 count=1 2>/dev/null | tr '\\0' 'x'; echo; done; tick_all`,
    );
    await done(s, "it");
    expect(await stats(s)).toBe("it, 1 run: 300 tokens in, 30 out, cost unknown\n");
  });
});

describe("once its task is gone", () => {
  test("it is still known, also where the id is used again", async () => {
    const s = scene();
    claude(s, result(1_000, 100, 0.5));
    await done(s, "it");
    const before = await stats(s);
    await s.dispatch("clean", "--dry-run");
    expect(existsSync(inDispatch(s, "spent.jsonl"))).toBe(false);
    await s.dispatch("clean");
    expect(await stats(s)).toBe(before);
    expect(await stats(s, "it")).toBe(before);
    await done(s, "it");
    expect(await stats(s)).toBe("it, 2 runs: 2.0k tokens in, 200 out, $1.00\n");
    await s.dispatch("clean");
    expect(await stats(s)).toBe("it, 2 runs: 2.0k tokens in, 200 out, $1.00\n");
  });

  test("it counts once, where its removal was broken off and done again", async () => {
    const s = scene();
    claude(s, result(1_000, 100, 0.5));
    await done(s, "it");
    for (const _ of [1, 2]) {
      cpSync(s.path("it", ""), join(s.home, "copy"), { recursive: true });
      await s.dispatch("clean");
      cpSync(join(s.home, "copy"), s.path("it", ""), { recursive: true });
      expect(await stats(s)).toBe("it, 1 run: 1.0k tokens in, 100 out, $0.50\n");
    }
    await s.dispatch("clean");
    expect(await stats(s)).toBe("it, 1 run: 1.0k tokens in, 100 out, $0.50\n");
  });

  test("whatever stands in what was kept, what is right in it counts", async () => {
    const s = scene();
    claude(s, result(1_000, 100, 0.5));
    await done(s, "it");
    await s.dispatch("clean");
    const [line] = readFileSync(inDispatch(s, "spent.jsonl"), "utf8").trim().split("\n");
    const good = JSON.parse(line!);
    const tokens = { input: 1, cached: 0, output: 1 };
    const bad = [
      ...[-1, 0.5, 1e300, "1", null].map((input) => ({ ...good, tokens: { ...tokens, input } })),
      ...[-1, "1", {}].map((costUsd) => ({ ...good, costUsd })),
      { ...good, task: "../../etc" },
      { ...good, model: "m".repeat(1_000_000) },
      { ...good, run: undefined },
      [],
      null,
    ].map((each) => JSON.stringify({ ...each, ...(each && { title: "x" }) }));
    const text = [...bad, line!.replace('"costUsd":0.5', '"costUsd":1e999'), "{", "\0", line!];
    appendFileSync(inDispatch(s, "spent.jsonl"), `${text.join("\n")}\n{"run":"cut off`);
    expect(await stats(s)).toBe("it, 1 run: 1.0k tokens in, 100 out, $0.50\n");
    // What is kept next begins a line of its own.
    await done(s, "other");
    await s.dispatch("clean");
    expect(await stats(s)).toContain("2 tasks, 2 runs: 2.0k tokens in, 200 out, $1.00\n");
  });

  test.each<[string, (path: string, s: Scene) => unknown]>([
    ["a link", (path, s) => symlinkSync(join(s.home, "elsewhere"), path)],
    ["a FIFO", (path) => Bun.spawnSync(["mkfifo", path])],
    ["a folder", (path) => mkdirSync(path)],
  ])(
    "%s in its place keeps no task from being removed, nor a host from its command",
    async (_, put) => {
      const s = scene();
      await done(s, "it");
      put(inDispatch(s, "spent.jsonl"), s);
      put(inDispatch(s, "paid.tsv"), s);
      expect(await s.dispatchWith({ env: host }, "clean")).toEqual({
        exit: 0,
        out: "removed it\n",
        err: "",
      });
      expect(await stats(s)).toBe("nothing was spent yet\n");
      expect(existsSync(join(s.home, "elsewhere"))).toBe(false);
      expect((await s.dispatch("logs", "--journal")).out).toContain(
        "it: what it spent could not be kept: ",
      );
    },
  );
});

describe("what sessions paid", () => {
  test("is set against what the tasks that they asked for took", async () => {
    const s = scene();
    claude(s, result(50_000, 1_000, 0.5));
    await done(s, "it", host);
    const sum = paid(s);
    expect(await stats(s)).toBe(
      `it, 1 run: 50k tokens in, 1.0k out, $0.50\nyour sessions paid about ${sum} tokens for it: ${(51_000 / sum).toFixed(0)}x\n`,
    );
    expect(JSON.parse(await stats(s, "--json"))).toMatchObject({
      paid_tokens: sum,
      won: { tokens: 51_000, multiple: Number((51_000 / sum).toFixed(1)), at_least: false },
    });
    // It is for all the tasks: of one nobody can say.
    expect(await stats(s, "it")).not.toContain("paid");
    await s.dispatch("clean");
    expect(await stats(s)).toContain("tokens for it: ");
    // A person's are nothing that a session was spared.
    await done(s, "own");
    expect(await stats(s)).toContain(" tokens for 51k of it: ");
  });

  test("whatever stands where it is noted", async () => {
    const s = scene();
    claude(s, result(50_000, 1_000, 0.5));
    await done(s, "it", host);
    const sum = paid(s);
    const now = new Date().toISOString();
    const bad = ["", "x", `${now}\t-5`, `${now}\t1e9`, `${now}\t1\t1`, "2026-99-99T00:00:00Z\t5"];
    appendFileSync(inDispatch(s, "paid.tsv"), `${bad.join("\n")}\n\t5\n${now}\t9999999999999\n`);
    expect(JSON.parse(await stats(s, "--json")).paid_tokens).toBe(sum);
    writeFileSync(inDispatch(s, "paid.tsv"), "x".repeat(17 * 1024 * 1024));
    expect(await stats(s)).toBe("it, 1 run: 50k tokens in, 1.0k out, $0.50\n");
  });
});

test("a word that is not meant is named, with the one that may be", async () => {
  const s = scene();
  expect(await s.dispatch("stats", "--by", "modle")).toEqual({
    exit: 2,
    out: "",
    err: "error: --by modle: expected task, model, day; did you mean model?\nhint: dispatch stats --help\n",
  });
  await done(s, "review");
  expect(await s.dispatch("stats", "reviw")).toMatchObject({
    exit: 3,
    err: expect.stringContaining("did you mean review?"),
  });
});
