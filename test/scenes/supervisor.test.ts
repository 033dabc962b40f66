/** What goes on by itself: the queue, order, ways forward, deadlines, the journal, the user's notifier. */

import { describe, expect, test } from "bun:test";
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { appears, killMarked, supervisorOf } from "./machine.ts";
import { type Scene, scene } from "./scene.ts";

/** A scene whose config also says this. */
function sceneWith(limits: string, more = ""): Scene {
  const s = scene();
  const path = join(s.env["DISPATCH_HOME"]!, "config.yaml");
  const text = readFileSync(path, "utf8").replace(/limits: .*/, `limits: { ${limits} }`);
  s.config(`${text}${more}`);
  return s;
}

const journal = async (s: Scene, ...ids: string[]) =>
  (await s.dispatch("logs", "--journal", ...ids)).out;

describe("the queue", () => {
  test("of three, one runs; the others say why they wait, and follow", async () => {
    const s = sceneWith("parallel: 1, stagger: 0s");
    await s.dispatch("run", "--model", "waits", "--id", "a", "x");
    const second = await s.dispatch("run", "--model", "finishes", "--id", "b", "x");
    expect(second.out).toBe(
      "dispatched b using finishes (queued: 1 running (limits.parallel is 1))\n",
    );
    await s.dispatch("run", "--model", "finishes", "--id", "c", "x");
    const { out } = await s.dispatch("status");
    expect(out).toContain("● b (finishes) — 0/1 items complete, queued\n  1 running");
    expect(await s.task("c")).toMatchObject({
      state: "queued",
      run: null,
      reason: "1 running (limits.parallel is 1)",
      next: null,
    });
    await s.open("go");
    expect((await s.dispatch("wait", "--all")).out.match(/ done in /g)).toHaveLength(3);
    expect(await journal(s, "b")).toContain("b: run 1 starts (finishes on finishes): it is new\n");
  });

  test.each([
    ["per_project: 1", "1 of this project running (limits.per_project is 1)"],
    ["per_backend: { waits: 1 }", "1 of waits running (limits.per_backend.waits is 1)"],
    ["parallel: 1", "1 running (limits.parallel is 1)"],
    ["stagger: 1h", "the last one has just started (limits.stagger is 1h)"],
  ])("with %s the next one waits", async (limit, reason) => {
    const s = sceneWith(limit.startsWith("stagger") ? limit : `${limit}, stagger: 0s`);
    await s.dispatch("run", "--model", "waits", "--id", "a", "x");
    await s.dispatch("run", "--model", "waits", "--id", "b", "x");
    expect(await s.task("b")).toMatchObject({ state: "queued", reason });
  });

  test("limits hold across projects, and a flag wins over the config", async () => {
    const s = sceneWith("parallel: 1, stagger: 0s");
    await s.dispatch("run", "--model", "waits", "--id", "a", "x");
    const cwd = join(s.home, "other");
    await Bun.$`mkdir -p ${cwd}`;
    const other = await s.dispatchWith({ cwd }, "run", "--model", "finishes", "--id", "b", "x");
    expect(other.out).toContain("(queued: 1 running");
    const flagged = ["run", "--model", "finishes", "--parallel", "none", "--id", "c", "x"];
    expect((await s.dispatchWith({ cwd }, ...flagged)).out).toBe("dispatched c using finishes\n");
    await s.open("go");
    expect((await s.dispatchWith({ cwd }, "wait", "--all")).out).toContain("b done");
  });

  test.each([
    ["--per-project", "1 of this project running (limits.per_project is 1)"],
    ["--per-backend", "1 of waits running (limits.per_backend.waits is 1)"],
  ])("%s is for one task", async (flag, reason) => {
    const s = scene();
    await s.dispatch("run", "--model", "waits", "--id", "a", "x");
    await s.dispatch("run", "--model", "waits", flag, "1", "--id", "b", "x");
    expect(await s.task("b")).toMatchObject({ state: "queued", reason });
    expect((await s.dispatch("run", "--model", "waits", "--id", "c", "x")).out).toBe(
      "dispatched c using waits\n",
    );
  });

  test("many who start at once stay within the limit", async () => {
    const s = sceneWith("parallel: 3, stagger: 0s");
    s.program(
      "counts",
      `echo + >>"$HOME/count"; gate "$DISPATCH_TASK"; echo - >>"$HOME/count"; tick_all`,
    );
    const ids = Array.from({ length: 7 }, (_, index) => `t${index}`);
    s.config(
      readFileSync(join(s.env["DISPATCH_HOME"]!, "config.yaml"), "utf8")
        .replace("backends:", "backends:\n  counts: { command: counts }")
        .replace("models:", "models:\n  counts: { backend: counts }"),
    );
    await Promise.all(ids.map((id) => s.dispatch("run", "--model", "counts", "--id", id, "x")));
    await Promise.all(ids.map((id) => s.open(id)));
    await s.dispatch("wait", "--all");
    let running = 0;
    let most = 0;
    for (const sign of readFileSync(join(s.home, "count"), "utf8").trim().split("\n")) {
      running += sign === "+" ? 1 : -1;
      most = Math.max(most, running);
    }
    expect(most).toBeLessThanOrEqual(3);
    expect(running).toBe(0);
  });

  test("a queued task that is stopped does not start, and resume starts it", async () => {
    const s = sceneWith("parallel: 1, stagger: 0s");
    await s.dispatch("run", "--model", "waits", "--id", "a", "x");
    await s.dispatch("run", "--model", "finishes", "--id", "b", "x");
    expect((await s.dispatch("stop", "b")).out).toBe("stopped b\n");
    expect(await s.task("b")).toMatchObject({ state: "stopped", next: "dispatch resume b" });
    await s.open("go");
    await s.dispatch("wait", "--all");
    expect(await s.task("b")).toMatchObject({ state: "stopped", run: null });
    expect((await s.dispatch("resume", "b")).out).toBe("resumed b as run 1, in a fresh session\n");
    expect((await s.dispatch("wait")).out).toContain("b done");
  });

  test("what a limit keeps waiting is started in the environment that it was asked in", async () => {
    const s = sceneWith("parallel: 1, stagger: 0s");
    await s.dispatch("run", "--model", "waits", "--id", "a", "x");
    const env = { COLOUR: "red", CLAUDE_CODE_SESSION_ID: "host" };
    const wanted = ["run", "--model", "shows_environment", "--id", "b", "x"];
    await s.dispatchWith({ env }, ...wanted);
    await s.open("go");
    await s.dispatch("wait", "b");
    expect(s.file("b", "output.md")).toContain("COLOUR=red\n");
    expect(s.file("b", "output.md")).not.toContain("CLAUDE_CODE_SESSION_ID");
  });
});

describe("order", () => {
  test("a task starts when all that it comes after are done, and is told of their output", async () => {
    const s = scene();
    s.program(
      "finishes_with_output",
      `gate "$DISPATCH_TASK"; echo it >"$DISPATCH_TASK_DIR/output.md"; tick_all`,
    );
    for (const id of ["a", "b"])
      await s.dispatch("run", "--model", "finishes_with_output", "--id", id, "x");
    const run = ["run", "--model", "shows_prompt", "--id", "c", "--after", "a", "--after", "b"];
    expect((await s.dispatch(...run, "x")).out).toBe(
      "dispatched c using shows_prompt (queued: after a, b)\n",
    );
    await s.open("a");
    await s.dispatch("wait", "a");
    expect(await s.task("c")).toMatchObject({
      state: "queued",
      reason: "after b",
      after: ["a", "b"],
    });
    await s.open("b");
    expect((await s.dispatch("wait", "c")).out).toContain("c done");
    expect(s.file("c", "output.md")).toContain(
      "Read first: .dispatch/tasks/a/output.md, .dispatch/tasks/b/output.md",
    );
  });

  test("a parent that fails holds its child, which says so, until it is done after all", async () => {
    const s = scene();
    await s.dispatch("run", "--model", "fails", "--id", "a", "x");
    await s.dispatch("wait", "a");
    await s.dispatch("run", "--model", "finishes", "--id", "b", "--after", "a", "x");
    expect((await s.dispatch("wait")).out).toBe(
      "b held: after a, which failed (crash)\nnext: dispatch resume b (without them)\n",
    );
    expect(await s.task("b")).toMatchObject({ state: "held", until: null });
    const refused = await s.dispatch("clean", "a");
    expect(refused).toMatchObject({ exit: 4, out: "" });
    expect(refused.err).toContain("b waits for a; nothing was removed\nhint: dispatch clean a b");
    await s.dispatch("resume", "a", "--model", "finishes");
    expect((await s.dispatch("wait", "--all")).out).toContain("b done");
  });

  test("a child may be started without its parents", async () => {
    const s = scene();
    await s.dispatch("run", "--model", "waits", "--id", "a", "x");
    await s.dispatch("run", "--model", "finishes", "--id", "b", "--after", "a", "x");
    expect((await s.dispatch("resume", "b")).out).toContain("resumed b as run 1");
    expect((await s.dispatch("wait", "b")).out).toContain("b done");
  });

  test("what could never start is refused, and nothing is made", async () => {
    const s = scene();
    const unknown = await s.dispatch("run", "--id", "b", "--after", "nope", "x");
    expect(unknown.exit).toBe(3);
    expect(unknown.err).toContain("after nope: no such task");
    expect((await s.dispatch("run", "--id", "b", "--after", "b", "x")).err).toContain(
      "b after b could never start",
    );
    const circle = "# A\nid: a\nafter: b\n\n# B\nid: b\nafter: c\n\n# C\nid: c\nafter: a\n";
    const ran = await s.dispatchWith({ stdin: circle }, "run", "-");
    expect(ran.exit).toBe(2);
    expect(ran.err).toContain("a after b after c after a could never start");
    expect((await s.dispatch("status")).out).toStartWith("no tasks");
  });

  test("a batch may name its own tasks, in any order", async () => {
    const s = scene();
    const batch = "# Last\nid: c\nafter: a, b\n\n# First\nid: a\n\n# Second\nid: b\nafter: a\n";
    await s.dispatchWith({ stdin: batch }, "run", "-");
    expect((await s.dispatch("wait", "--all")).out.match(/^\w done/gm)).toEqual([
      "a done",
      "b done",
      "c done",
    ]);
  });
});

/** A CLI that speaks Claude Code's events: what stands in `says` is its output, before `then`; resumed, it does that instead. */
function fakeClaude(s: Scene, says: string, then: string, resumed = ":"): void {
  writeFileSync(join(s.home, "says"), says);
  const again = `case "$*" in *--resume*) ${resumed};; esac`;
  s.program("claude", `cat >/dev/null; ${again}; cat "$HOME/says"; ${then}`);
}
const init = '{"type":"system","subtype":"init","session_id":"s-1","model":"m"}\n';
const retry = (error: string, status: number | null) =>
  `${JSON.stringify({ type: "system", subtype: "api_retry", attempt: 1, max_retries: 10, error_status: status, error })}\n`;
const apiError = (error: string, text: string) =>
  `${JSON.stringify({ type: "assistant", error, message: { content: [{ type: "text", text }] } })}\n${JSON.stringify({ type: "result", subtype: "success", is_error: true, result: text })}\n`;
const claudeConfig = (more = "", models = "") =>
  `default: opus\nlimits: { parallel: 99, stagger: 0s }\nbackends: { finishes: { command: finishes } }\nmodels: { opus: { backend: claude${models} }, finishes: { backend: finishes } }\n${more}`;

describe("ways forward", () => {
  test("a worker that tries again and again to log in is ended, and other models are named", async () => {
    const s = scene();
    s.config(claudeConfig());
    const tries = retry("authentication_failed", 401).repeat(3);
    fakeClaude(s, init + tries, "exec tail -f /dev/null");
    await s.dispatch("run", "--id", "it", "x");
    expect((await s.dispatch("wait")).out).toMatch(
      /^it failed \(auth\), 0\/1 items in \d+s: "retry 1\/10: authentication_failed 401"\nnext: dispatch resume it, once the user has logged in to its CLI; or with --model finishes \(--save keeps it so\)\n$/,
    );
    expect(await journal(s)).toContain(
      "it: run 1 is ended (auth): retry 1/10: authentication_failed 401",
    );
    const saved = await s.dispatch("resume", "it", "--model", "finishes", "--save");
    expect(saved.out).toBe(
      "resumed it as run 2, in a fresh session\nsaved: the default is finishes from now on\n",
    );
    expect((await s.dispatch("config", "default")).out).toContain("finishes");
    expect((await s.dispatch("wait")).out).toContain("it done");
  });

  test("a model that will not do is gone on without, along its fallback", async () => {
    const s = scene();
    s.config(claudeConfig("", ", fallback: [finishes]"));
    fakeClaude(s, init + apiError("billing_error", "Credit balance is too low"), "exit 1");
    await s.dispatch("run", "--id", "it", "x");
    expect((await s.dispatch("wait")).out).toContain("it done");
    expect(await s.task("it")).toMatchObject({ run: 2, model: "finishes" });
    expect(await journal(s)).toContain("run 2 starts (finishes on finishes): opus: billing");
  });

  test("what cannot run here is gone on without from the start", async () => {
    const s = scene();
    s.config(claudeConfig("", ", fallback: [finishes]"));
    expect((await s.dispatch("run", "--id", "it", "x")).out).toBe(
      "dispatched it using finishes (what was wanted cannot run here)\n",
    );
  });

  test("a limit holds a task until it is lifted, and its session goes on then", async () => {
    const s = scene();
    s.config(claudeConfig("retry: { first: 10ms }\n"));
    const lifted = Math.ceil(Date.now() / 1_000) + 2;
    const limit = `{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":${lifted},"rateLimitType":"five_hour"}}\n`;
    const worked =
      '{"type":"assistant","message":{"content":[{"type":"text","text":"working"}]}}\n';
    fakeClaude(
      s,
      init +
        worked +
        limit +
        apiError("rate_limit", "You've hit your 5-hour limit · resets 5pm (UTC)"),
      "exit 1",
      `echo "$*" >"$HOME/argv"; tick_all; exit 0`,
    );
    await s.dispatch("run", "--id", "it", "x");
    await s.dispatch("wait", "--all");
    expect(await journal(s)).toMatch(
      /it: held until \S+: try 1 of 5 after session_limit: You've hit/,
    );
    expect(readFileSync(join(s.home, "argv"), "utf8")).toContain("--resume s-1");
  });

  test("a limit keeps others from its backend, and nobody who is asked to go on all the same", async () => {
    const s = scene();
    s.config(claudeConfig());
    const lifted = Math.ceil(Date.now() / 1_000) + 3_600;
    const limit = `{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":${lifted},"rateLimitType":"five_hour"}}\n`;
    const said = apiError("rate_limit", "You've hit your 5-hour limit");
    fakeClaude(s, init + limit + said, "exit 1");
    await s.dispatch("run", "--id", "a", "x");
    expect((await s.dispatch("wait")).out).toMatch(
      /^a held until (?:\w+ \d+ )?\d\d:\d\d \(session_limit\): "You've hit your 5-hour limit"\nit goes on by itself\n$/,
    );
    await appears(join(s.env["DISPATCH_HOME"]!, "pauses/claude"));
    const second = await s.dispatch("run", "--id", "b", "x");
    expect(second.out).toContain("(queued: claude has reached its limit (a), until ");
    expect((await s.dispatch("stop", "a")).out).toBe("stopped a\n");
    expect(await s.task("a")).toMatchObject({ state: "stopped" });
    fakeClaude(s, init, "tick_all; exit 0");
    expect((await s.dispatch("resume", "b")).out).toContain("resumed b as run 1");
    expect((await s.dispatch("wait", "b")).out).toContain("b done");
  });

  test("an overload is tried again so often, and no more", async () => {
    const s = scene();
    s.config(claudeConfig("retry: { attempts: 2, first: 10ms, longest: 20ms }\n"));
    fakeClaude(s, init + apiError("server_error", "API Error: 529 Overloaded."), "exit 1");
    await s.dispatch("run", "--id", "it", "x");
    expect((await s.dispatch("wait")).out).toContain("it failed (overloaded)");
    expect(await s.task("it")).toMatchObject({ run: 3 });
    expect(await journal(s)).toContain(
      "run 3 starts (opus on claude): try 2 of 2 after overloaded",
    );
  });

  test("a CLI that has gone meanwhile is told of as such", async () => {
    const s = sceneWith("parallel: 1, stagger: 0s");
    await s.dispatch("run", "--model", "waits", "--id", "a", "x");
    await s.dispatch("run", "--model", "finishes", "--id", "b", "x");
    renameSync(join(s.env["PATH"]!.split(":")[0]!, "finishes"), join(s.home, "finishes"));
    await s.open("go");
    const { out } = await s.dispatch("wait", "--all");
    expect(out).toContain('b failed (cli_missing), 0/1 items in 0s: "finishes is not on PATH');
  });

  test.each([
    [true, "done"],
    [false, "lost"],
  ])("with resume_lost: %s a worker that was killed is %s", async (isResumed, state) => {
    const s = scene();
    s.program(
      "finishes",
      `[ -e "$HOME/second" ] || { touch "$HOME/second"; gate never; }; tick_all`,
    );
    const path = join(s.env["DISPATCH_HOME"]!, "config.yaml");
    appendFileSync(path, `resume_lost: ${isResumed}\n`);
    await s.dispatch("run", "--model", "finishes", "--id", "it", "x");
    await appears(`${s.env["GATES"]}/never`);
    killMarked(`SCENE=${s.env["SCENE"]}`);
    await s.dispatch("wait");
    expect(await s.task("it")).toMatchObject({ state });
  });

  test("after a reboot one command brings everything back that was lost", async () => {
    const s = scene();
    for (const id of ["a", "b"]) await s.dispatch("run", "--model", "waits", "--id", id, "x");
    await s.dispatch("run", "--model", "asks", "--id", "c", "x");
    await s.dispatch("wait", "c");
    killMarked(`SCENE=${s.env["SCENE"]}`);
    const states = async () =>
      Promise.all(["a", "b", "c"].map(async (id) => (await s.task(id)).state));
    expect(await states()).toEqual(["lost", "lost", "blocked"]);
    s.program("waits", "tick_all");
    expect((await s.dispatch("resume", "--all")).out).toBe(
      "resumed a as run 2, in a fresh session\nresumed b as run 2, in a fresh session\n",
    );
    await s.dispatch("answer", "c", "red");
    await s.dispatch("wait", "--all");
    expect(await states()).toEqual(["done", "done", "done"]);
    expect((await s.dispatch("resume", "--all")).out).toBe(
      "nothing to resume: no worker has vanished\n",
    );
  });
});

describe("deadlines", () => {
  test("past its time limit a worker is ended, and can be resumed", async () => {
    const s = scene();
    await s.dispatch("run", "--model", "never_ends", "--time-limit", "1ms", "--id", "it", "x");
    expect((await s.dispatch("wait")).out).toContain("it failed (time_limit), 0/1 items in ");
    expect(await s.task("it")).toMatchObject({ next: "dispatch resume it" });
  });

  test("a silent worker is told of once, and left alone", async () => {
    const s = scene();
    await s.dispatch("run", "--model", "waits", "--stall-after", "1ms", "--id", "it", "x");
    expect((await s.dispatch("wait")).out).toMatch(
      /^it silent for \d+s, still running\nif that is wrong: dispatch logs it, dispatch stop it\n$/,
    );
    await s.open("go");
    expect((await s.dispatch("wait")).out).toMatch(/^it done/);
  });

  test("how long to wait for an answer can be said for one task", async () => {
    const s = scene();
    await s.dispatch("run", "--model", "gives_up", "--answer-timeout", "1ms", "--id", "it", "x");
    expect((await s.dispatch("wait", "--all")).out).toContain("it blocked");
  });

  test.each([
    ["--time-limit", "soon"],
    ["--stall-after", "5"],
    ["--answer-timeout", ""],
    ["--parallel", "0"],
    ["--parallel", "many"],
    ["--per-project", "auto"],
    ["--per-backend", "1.5"],
  ])("%s %p is refused", async (flag, value) => {
    const s = scene();
    const ran = await s.dispatch("run", flag, value, "x");
    expect(ran.exit).toBe(2);
    expect(ran.err).toContain(flag);
  });
});

describe("the user's notifier", () => {
  test("a command gets each event once, as JSON", async () => {
    const s = scene();
    const path = join(s.env["DISPATCH_HOME"]!, "config.yaml");
    appendFileSync(path, `notify: { command: 'cat >>"$HOME/told"; echo >>"$HOME/told"' }\n`);
    await s.dispatch("run", "--model", "asks", "--id", "it", "x");
    await appears(join(s.home, "told"));
    await s.dispatch("wait");
    await s.dispatch("answer", "it", "red");
    await s.dispatch("wait");
    await supervisorOf(s.project);
    const told = readFileSync(join(s.home, "told"), "utf8").trim().split("\n");
    expect(told.map((line) => JSON.parse(line))).toMatchObject([
      { event: "question", id: "it", text: "Which colour?" },
      { event: "outcome", id: "it", state: "done" },
    ]);
  });

  test("an address gets them too, and a broken notifier breaks nothing", async () => {
    const s = scene();
    const got: unknown[] = [];
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        got.push(await request.json());
        return new Response("no", { status: 500 });
      },
    });
    const path = join(s.env["DISPATCH_HOME"]!, "config.yaml");
    appendFileSync(
      path,
      `notify: { command: "exit 3", url: "${server.url.href}", on: [outcome] }\n`,
    );
    await s.dispatch("run", "--model", "finishes", "--id", "it", "x");
    expect((await s.dispatch("wait")).out).toContain("it done");
    await supervisorOf(s.project);
    expect(got).toMatchObject([{ event: "outcome", id: "it", state: "done" }]);
    const said = await journal(s, "it");
    expect(said).toContain("notify failed: Error: exit 3 ended with exit 3");
    expect(said).toContain(`notify failed: Error: ${server.url.host} answered 500`);
  });
});

describe("the supervisor", () => {
  test("there is one, whoever starts it, and it ends when nothing is left", async () => {
    const s = scene();
    await s.dispatch("run", "--model", "waits", "--id", "it", "x");
    await Promise.all([1, 2, 3, 4].map(() => s.dispatch("status")));
    // Another one sees that there is one.
    expect(await s.dispatch("supervise")).toEqual({ exit: 0, out: "", err: "" });
    await s.open("go");
    await s.dispatch("wait");
    await supervisorOf(s.project);
    expect(existsSync(join(s.project, ".dispatch/supervisor.lock"))).toBe(true);
  });

  test("killed, it is started again by the next command, and takes up where it was", async () => {
    const s = sceneWith("parallel: 1, stagger: 0s");
    await s.dispatch("run", "--model", "waits", "--id", "a", "x");
    await s.dispatch("run", "--model", "finishes", "--id", "b", "x");
    const killed = await supervisorOf(s.project, "kill");
    expect(killed).toBeGreaterThan(0);
    await s.open("go");
    await appears(s.path("a", "runs/001/exit"));
    expect((await s.dispatch("wait", "--all")).out).toContain("b done");
  });
});
