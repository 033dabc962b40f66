/** The built-in backends with fakes of their CLIs: first run, command lines, streams, resuming. */

import { expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scene, type Scene } from "./scene.ts";

/** A fake CLI that notes its arguments and stdin, then speaks the stream that it is given. */
function fakeCli(s: Scene, name: string, events: object[], script = "tick_all") {
  const stream = join(s.home, `${name}.jsonl`);
  writeFileSync(stream, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  s.program(
    name,
    `case "$1" in models|debug|login) exit 1;; esac
    printf '%s\\n' "$@" >"$HOME/${name}.argv"; cat >"$HOME/${name}.stdin"
    cat "${stream}"; ${script}`,
  );
}
const argvOf = (s: Scene, name: string) =>
  readFileSync(join(s.home, `${name}.argv`), "utf8").split("\n");
const noConfig = (s: Scene) => rmSync(s.env["DISPATCH_HOME"]!, { recursive: true });

const claudeStream = [
  { type: "system", subtype: "init", session_id: "SESSION", model: "claude-sonnet-5" },
  { type: "assistant", message: { content: [{ type: "text", text: "On it." }] } },
  {
    type: "result",
    subtype: "success",
    is_error: false,
    result: "Painted.",
    total_cost_usd: 0.25,
    usage: { input_tokens: 100, cache_read_input_tokens: 900, output_tokens: 42 },
    permission_denials: [],
  },
];

test("a first run finds the CLIs, writes a config in two lines, and goes on with the task", async () => {
  const s = scene();
  noConfig(s);
  fakeCli(s, "claude", claudeStream);
  s.program(
    "codex",
    `echo '{"models":[{"slug":"gpt-9-codex","visibility":"list"},{"slug":"secret","visibility":"hide"}]}'`,
  );
  s.program(
    "agent",
    `printf 'Available models\\n\\n\\033[1mopus-4.6\\033[0m - Claude (current, default)\\ngpt-9-codex - GPT\\ngemini-3.1-pro - Gemini\\n\\nTip: use --model\\n'`,
  );
  const ran = await s.dispatch("run", "--id", "it", "x");
  expect(ran.err).toBe(
    `found Claude Code, Codex, Cursor; 5 models\nconfig written: ${s.env["DISPATCH_HOME"]}/config.yaml (default: opus)\n`,
  );
  expect(ran.out).toBe("dispatched it using opus (the default)\n");
  const config = readFileSync(join(s.env["DISPATCH_HOME"]!, "config.yaml"), "utf8");
  expect(config).toContain(`backends:
  claude: {} # Claude Code
  codex: {} # Codex
  cursor: {} # Cursor

models:
  # Anthropic
  opus: { backend: claude }
  sonnet: { backend: claude }
  haiku: { backend: claude }
  # OpenAI
  gpt-9-codex: { backend: codex }
  # Google
  gemini-3.1-pro: { backend: cursor }
`);
  await s.dispatch("wait");
});

test("nothing found: what to install, exit 1, and no config", async () => {
  const s = scene();
  noConfig(s);
  const { exit, err } = await s.dispatch("run", "x");
  expect(exit).toBe(1);
  expect(err).toContain(
    "error: no agent CLI found on PATH (looked for claude, codex, agent, cursor-agent, opencode, ",
  );
  expect(err).toContain("npm install -g @anthropic-ai/claude-code");
  expect(existsSync(s.env["DISPATCH_HOME"]!)).toBe(false);
  expect(existsSync(join(s.project, ".dispatch"))).toBe(false);
});

test("setup merges what is new and keeps a person's lines", async () => {
  const s = scene();
  s.config(
    "# mine\ndefault: quick # the cheap one\nmodels:\n  haiku: { backend: claude } # fine\naliases:\n  quick: { model: haiku }\n",
  );
  fakeCli(s, "claude", claudeStream);
  expect((await s.dispatch("setup")).out).toContain("added opus, sonnet");
  const after = readFileSync(join(s.env["DISPATCH_HOME"]!, "config.yaml"), "utf8");
  for (const line of [
    "# mine",
    "default: quick # the cheap one",
    "haiku: { backend: claude } # fine",
    "quick: { model: haiku }",
  ]) {
    expect(after).toContain(line);
  }
  expect((await s.dispatch("setup")).out).toContain("nothing new");
  expect(readFileSync(join(s.env["DISPATCH_HOME"]!, "config.yaml"), "utf8")).toBe(after);
});

test("claude: prompt on stdin, family name, chosen session, tokens and cost, and resuming it", async () => {
  const s = scene();
  s.config(
    "default: sonnet-4.6\nbackends: { claude: {} }\nmodels: { sonnet-4.6: { backend: claude } }\n",
  );
  fakeCli(s, "claude", claudeStream, "exit 1");
  await s.dispatch("run", "--id", "it", "--context", "/not-a-command", "paint 'it' \"$(now)\"");
  await s.dispatch("wait");
  const first = argvOf(s, "claude");
  const { session } = JSON.parse(s.file("it", "runs/001/command.json")!);
  expect(first.slice(first.indexOf("--output-format"), -1)).toEqual([
    "--output-format",
    "stream-json",
    "--verbose",
    "--session-id",
    session,
    "--model",
    "sonnet",
  ]);
  expect(first).toContain("--model");
  const stdin = readFileSync(join(s.home, "claude.stdin"), "utf8");
  expect(stdin).toStartWith("Your plan is .dispatch/tasks/it/plan.md.");
  expect(stdin).toContain(`Context:\npaint 'it' "$(now)"\n/not-a-command`);
  expect(await s.task("it")).toMatchObject({
    state: "failed",
    session: "SESSION",
    tokens: { input: 1000, cached: 900, output: 42 },
    cost_usd: 0.25,
  });
  expect((await s.dispatch("logs", "it")).out).toBe("session SESSION (claude-sonnet-5)\nOn it.\n");

  fakeCli(s, "claude", claudeStream);
  expect((await s.dispatch("resume", "it")).out).toBe("resumed it as run 2, in the same session\n");
  await s.dispatch("wait");
  expect(argvOf(s, "claude").join(" ")).toContain("--resume SESSION");
  expect(readFileSync(join(s.home, "claude.stdin"), "utf8")).toStartWith("You were interrupted.");
  expect((await s.task("it")).state).toBe("done");
  expect((await s.dispatch("result", "it")).out).toContain(
    "reported: model claude-sonnet-5, session SESSION, 1.0k tokens in (900 cached), 42 out, $0.25",
  );
});

test.each([
  [
    "an error that says success",
    [{ ...claudeStream[2], is_error: true, result: "Credit balance is too low" }],
    "billing",
  ],
  [
    "a denied tool",
    [
      {
        ...claudeStream[2],
        permission_denials: [{ tool_name: "Bash", tool_input: { command: "rm -rf /" } }],
      },
    ],
    "permission",
  ],
  [
    "no login",
    [
      {
        type: "assistant",
        error: "authentication_failed",
        message: { content: [{ type: "text", text: "Not logged in · Please run /login" }] },
      },
      { ...claudeStream[2], is_error: true, result: "Not logged in · Please run /login" },
    ],
    "auth",
  ],
])("claude: exit 0 with %s is failed, though every item is ticked", async (_, events, cause) => {
  const s = scene();
  s.config("default: opus\nmodels: { opus: { backend: claude } }\n");
  fakeCli(s, "claude", events);
  await s.dispatch("run", "--id", "it", "x");
  await s.dispatch("wait");
  expect(await s.task("it")).toMatchObject({ state: "failed", cause });
});

const codexStream = [
  { type: "thread.started", thread_id: "THREAD" },
  { type: "item.completed", item: { type: "agent_message", text: "Done." } },
  { type: "turn.completed", usage: { input_tokens: 10, cached_input_tokens: 5, output_tokens: 3 } },
];

test("codex: the original's --full-auto is mended, and stdin is never open", async () => {
  const s = scene();
  s.config(`default: gpt-5.5
backends:
  codex:
    command: env -u NOT_THERE FOO=1 codex exec --full-auto -C "$(pwd)"
models: { gpt-5.5: { backend: codex } }
`);
  fakeCli(s, "codex", codexStream, "exit 1");
  await s.dispatch("run", "--id", "it", "x");
  await s.dispatch("wait");
  expect(argvOf(s, "codex").slice(0, 8)).toEqual([
    "exec",
    "-s",
    "workspace-write",
    "-C",
    s.project,
    "-m",
    "gpt-5.5",
    "--json",
  ]);
  expect(readFileSync(join(s.home, "codex.stdin"), "utf8")).toContain("Your plan is");
  fakeCli(s, "codex", codexStream);
  await s.dispatch("resume", "it");
  await s.dispatch("wait");
  expect(argvOf(s, "codex").slice(-4, -1)).toEqual(["resume", "THREAD", "-"]);
  expect(await s.task("it")).toMatchObject({
    state: "done",
    session: "THREAD",
    tokens: { input: 10, cached: 5, output: 3 },
    cost_usd: null,
  });
  expect((await s.dispatch("config", "migrate")).out).toBe(
    "backend codex: --full-auto is now -s workspace-write\n",
  );
});

test("cursor: the prompt is an argument, and stdin is empty", async () => {
  const s = scene();
  s.config("default: gemini\nmodels: { gemini: { backend: cursor } }\n");
  fakeCli(s, "agent", claudeStream);
  await s.dispatch("run", "--id", "it", "x");
  await s.dispatch("wait");
  expect(argvOf(s, "agent").slice(0, 9)).toEqual([
    "-p",
    "--force",
    "--trust",
    "--workspace",
    s.project,
    "--output-format",
    "stream-json",
    "--model",
    "gemini",
  ]);
  expect(readFileSync(join(s.home, "agent.stdin"), "utf8")).toBe("");
  expect((await s.task("it")).state).toBe("done");
});

test("the original's own config, and its older agents, are run as they were written", async () => {
  const s = scene();
  s.config(`default: mine
agents:
  mine:
    command: env -u CLAUDE_CODE_ENTRYPOINT -u CLAUDECODE shows_prompt --workspace "$(pwd)"
`);
  await s.dispatch("run", "--id", "it", "x");
  expect((await s.dispatch("wait")).out).toContain("it done");
  expect(s.file("it", "output.md")).toStartWith("Your plan is");
  expect((await s.dispatch("config", "migrate")).out).toBe(
    "agent mine: now backend mine, and a model that is called mine\n",
  );
  await s.dispatch("run", "--id", "again", "x");
  expect((await s.dispatch("wait")).out).toContain("again done");
});

test.each([
  ["a shell's own words", "cd sub && inner"],
  ["a variable first", "MARK=1 inner"],
  ["a pipe", "inner --flag | cat; true"],
  ["a quoted path", '"$(pwd)/sub/inner"'],
])("a command with %s is run by the shell", async (_, command) => {
  const s = scene();
  s.config(
    `default: it\nbackends:\n  it:\n    command: ${JSON.stringify(command)}\nmodels: { it: { backend: it } }\n`,
  );
  mkdirSync(join(s.project, "sub"));
  s.program("inner", "tick_all");
  await Bun.$`cp ${join(s.env["PATH"]!.split(":")[0]!, "inner")} ${join(s.project, "sub/inner")}`.quiet();
  expect(await s.dispatch("run", "--id", "it", "x")).toMatchObject({ exit: 0 });
  await s.dispatch("wait");
  expect((await s.task("it")).progress).toEqual({ done: 1, total: 1 });
});

test("a command whose program is not there is said so before anything is made", async () => {
  const s = scene();
  s.config(
    "default: it\nbackends: { it: { command: env -u X no-such-agent --yes } }\nmodels: { it: { backend: it } }\n",
  );
  expect(await s.dispatch("run", "x")).toMatchObject({
    exit: 1,
    err: "error: no-such-agent is not on PATH (command of it)\nhint: mend the command: dispatch config path\n",
  });
  expect(existsSync(join(s.project, ".dispatch"))).toBe(false);
});

test("an unknown model is looked for in the CLIs, added to the config and used", async () => {
  const s = scene();
  fakeCli(s, "agent", claudeStream);
  s.program(
    "agent",
    `case "$1" in models) printf 'Available models\\n\\ngemini-3.1-pro - Gemini\\n';; *) tick_all;; esac`,
  );
  expect((await s.dispatch("run", "--id", "it", "use gemini to paint")).out).toBe(
    "dispatched it using gemini-3.1-pro (new: added to the config)\n",
  );
  expect(readFileSync(join(s.env["DISPATCH_HOME"]!, "config.yaml"), "utf8")).toContain(
    "gemini-3.1-pro: { backend: cursor }",
  );
  await s.dispatch("wait");

  const unknown = await s.dispatch("run", "--model", "gemin-3.1-pro", "x");
  expect(unknown).toMatchObject({ exit: 3 });
  expect(unknown.err).toContain(
    'error: unknown model "gemin-3.1-pro"; did you mean gemini-3.1-pro?\nhint: all names: dispatch models',
  );
});

test("a worker has the user's environment without the host's session", async () => {
  const s = scene();
  const env = {
    CLAUDECODE: "1",
    CLAUDE_CODE_SESSION_ID: "host",
    CLAUDE_CODE_ENTRYPOINT: "cli",
    CLAUDE_BG_X: "1",
    CODEX_THREAD_ID: "host",
    BUN_OPTIONS: "--smol",
    MINE: "kept",
  };
  await s.dispatchWith(
    { env, cwd: s.project },
    "run",
    "--model",
    "shows_environment",
    "--id",
    "it",
    "x",
  );
  await s.dispatchWith({ env }, "wait");
  const seen = s.file("it", "output.md")!;
  expect(seen).toContain("\nMINE=kept\n");
  expect(seen).toContain("DISPATCH_TASK=it\n");
  expect(seen).toContain(`DISPATCH_TASK_DIR=${s.project}/.dispatch/tasks/it\n`);
  expect(seen).toMatch(/\nDISPATCH_RUN=[0-9a-f]{32}\n/);
  expect(seen).toMatch(/(?:^|\n)TMPDIR=\S+\/dispatch-it-\w+\n/);
  expect(seen).toEndWith(`${s.project}\n`);
  for (const gone of ["CLAUDECODE", "CLAUDE_CODE_", "CLAUDE_BG", "CODEX_THREAD", "BUN_OPTIONS"])
    expect(seen).not.toContain(gone);
});

test("a worker may not dispatch workers, unless the config allows it", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "dispatches", "--id", "it", "x");
  await s.dispatch("wait", "it");
  expect(s.file("it", "output.md")).toContain("error: a worker may not dispatch workers");
  expect(s.file("it", "output.md")).toContain("exit 4");
  await s.dispatch("clean", "--all");
  s.config(
    readFileSync(join(s.env["DISPATCH_HOME"]!, "config.yaml"), "utf8").replace(
      "stagger: 0s",
      "stagger: 0s, depth: 1",
    ),
  );
  await s.dispatch("run", "--model", "dispatches", "--id", "it", "x");
  await s.dispatch("wait", "it");
  expect(s.file("it", "output.md")).toContain("exit 0");
  await s.dispatch("wait", "--all");
});

test("what a folder holds is not executed: .env and bunfig.toml", async () => {
  const s = scene();
  writeFileSync(join(s.project, ".env"), "DISPATCH_HOME=/nowhere\nEVIL=1\n");
  writeFileSync(join(s.project, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
  writeFileSync(join(s.project, "evil.ts"), 'await Bun.write("evil", "1");\n');
  await s.dispatch("run", "--model", "shows_environment", "--id", "it", "x");
  await s.dispatch("wait");
  expect(s.file("it", "output.md")).not.toContain("EVIL");
  expect(existsSync(join(s.project, "evil"))).toBe(false);
});

test("--dry-run prints the command and touches nothing", async () => {
  const s = scene();
  s.config("default: opus\nmodels: { opus: { backend: claude } }\n");
  fakeCli(s, "claude", claudeStream);
  const { out, exit } = await s.dispatch("run", "--dry-run", "fix the login bug");
  expect(exit).toBe(0);
  expect(out).toStartWith(
    `task: fix-login-bug\nroute: opus (the default) on claude\ncwd: ${s.project}\n`,
  );
  expect(out).toContain("--output-format stream-json");
  expect(existsSync(join(s.project, ".dispatch"))).toBe(false);
  chmodSync(s.project, 0o755);
});
