/** What a host session pays for its own commands. */

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { estimateTokens } from "../../src/core/tokens.ts";
import { type Scene, scene } from "./scene.ts";

const host = { CODEX_THREAD_ID: "thread-1" };
const folder = (s: Scene) => join(s.project, ".dispatch");
/** The tokens of each command that was noted. */
const paid = (s: Scene): number[] => {
  const path = join(folder(s), "paid.tsv");
  const lines = existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [];
  return lines.map((line) => Number(line.split("\t")[1]));
};

describe("what a host pays", () => {
  test("is what it writes and reads, errors too", async () => {
    const s = scene();
    const stdin = "# Review\nid: review\nmodel: finishes\n\n- [ ] Read all of it\n";
    const ran = await s.dispatchWith({ env: host, stdin }, "run", "-");
    const refused = await s.dispatchWith({ env: host }, "statu");
    const told = await s.dispatchWith({ env: host }, "wait", "review");
    expect([ran.exit, refused.exit, told.exit]).toEqual([0, 2, 0]);
    const texts = [
      `${stdin}${ran.out}dispatch run -`,
      `${refused.err}dispatch statu`,
      `${told.out}dispatch wait review`,
    ];
    expect(paid(s)).toEqual(texts.map((text) => estimateTokens(text)));
  });

  test("is counted for no person, no worker, and makes no folder", async () => {
    const s = scene();
    expect((await s.dispatchWith({ env: host }, "status")).exit).toBe(0);
    expect((await s.dispatchWith({ env: host }, "guide", "plans")).exit).toBe(0);
    expect(existsSync(folder(s))).toBe(false);
    await s.dispatch("run", "--model", "asks", "--id", "it", "x");
    await s.dispatch("wait", "it");
    const worker = {
      ...host,
      DISPATCH_TASK: "it",
      DISPATCH_TASK_DIR: s.path("it", ""),
    };
    expect((await s.dispatchWith({ env: worker }, "status")).exit).toBe(0);
    await s.dispatch("answer", "it", "red");
    await s.dispatch("wait", "it");
    expect(paid(s)).toEqual([]);
    await s.dispatchWith({ env: host }, "guide", "plans");
    expect(paid(s)).toHaveLength(1);
  });

  test("of a hook is what it tells, and nothing where it is silent", async () => {
    const s = scene();
    const env = {
      CLAUDECODE: "1",
      CLAUDE_CODE_ENTRYPOINT: "cli",
      CLAUDE_CODE_SESSION_ID: "one",
      CLAUDE_PID: String(process.pid),
      DISPATCH_WAKE: "hook",
    };
    const as = (...argv: string[]) => s.dispatchWith({ env }, ...argv);
    await as("hook", "session-start");
    await as("run", "--model", "asks", "--id", "it", "x");
    expect(paid(s)).toHaveLength(1);
    const woken = await as("hook", "stop");
    expect(woken).toMatchObject({ exit: 2, out: "" });
    expect(paid(s)[1]).toBe(estimateTokens(woken.err));
    await s.dispatch("answer", "it", "red");
    expect(await as("hook", "stop")).toMatchObject({ exit: 2 });
    expect(paid(s)).toHaveLength(3);
    for (const name of ["session-start", "prompt", "stop"])
      expect(await as("hook", name)).toEqual({ exit: 0, out: "", err: "" });
    expect(paid(s)).toHaveLength(3);
  });
});
