/**
 * Backends are data, so their tests are a grid: what is run, and what each line
 * of a log means. The streams of claude and codex are real ones, recorded with
 * scripted models; the others follow their makers' documents.
 */

import { describe, expect, test } from "bun:test";
import { backendNamed, backendNames, backends, type Work } from "../../src/backends/index.ts";
import { type Cause, type Report, type StreamEvent, summarise } from "../../src/core/stream.ts";
import { failure, report } from "./builders.ts";

const fresh: Work = {
  model: "M",
  prompt: "PROMPT",
  promptPath: "/run/prompt.md",
  cwd: "/project",
  folders: [],
  gitFolders: [],
  session: null,
  resume: false,
  title: "TITLE",
  isRoot: false,
  env: {},
};
const resume: Partial<Work> = { session: "S", resume: true };
const chosen: Partial<Work> = { session: "S" };
const root: Partial<Work> = { isRoot: true };
const sandboxed: Partial<Work> = { isRoot: true, env: { IS_SANDBOX: "1" } };

/** The command line without its program, as one text; `<` where the prompt's file is stdin. */
function commandLine(name: string, own: Partial<Work>): string {
  const { policy, args, promptBy } = backendNamed(name).invocation({ ...fresh, ...own });
  return [...policy, ...args, ...(promptBy === "stdin" ? ["<"] : [])].join(" ");
}

describe("the grid of command lines", () => {
  test.each<[backend: string, what: string, own: Partial<Work>, expected: string]>([
    [
      "claude",
      "fresh",
      {},
      "-p --dangerously-skip-permissions --output-format stream-json --verbose --model M <",
    ],
    [
      "claude",
      "fresh, its session chosen",
      chosen,
      "-p --dangerously-skip-permissions --output-format stream-json --verbose --session-id S --model M <",
    ],
    [
      "claude",
      "resume",
      resume,
      "-p --dangerously-skip-permissions --output-format stream-json --verbose --resume S --model M <",
    ],
    [
      "claude",
      "its own default model",
      { model: null },
      "-p --dangerously-skip-permissions --output-format stream-json --verbose <",
    ],
    [
      "claude",
      "root",
      root,
      "-p --permission-mode acceptEdits --allowedTools Bash,Edit,Write,Read --output-format stream-json --verbose --model M <",
    ],
    [
      "claude",
      "root, resume",
      { ...root, ...resume },
      "-p --permission-mode acceptEdits --allowedTools Bash,Edit,Write,Read --output-format stream-json --verbose --resume S --model M <",
    ],
    [
      "claude",
      "root in a sandbox",
      sandboxed,
      "-p --dangerously-skip-permissions --output-format stream-json --verbose --model M <",
    ],
    [
      "codex",
      "fresh",
      {},
      "exec -s workspace-write --skip-git-repo-check -C /project -m M --json -c features.unbounded_connection_retries=false -c allow_login_shell=false - <",
    ],
    [
      "codex",
      "resume",
      resume,
      "exec -s workspace-write --skip-git-repo-check -C /project -m M --json -c features.unbounded_connection_retries=false -c allow_login_shell=false resume S - <",
    ],
    [
      "codex",
      "its own default model",
      { model: null },
      "exec -s workspace-write --skip-git-repo-check -C /project --json -c features.unbounded_connection_retries=false -c allow_login_shell=false - <",
    ],
    [
      "codex",
      "root",
      root,
      "exec -s workspace-write --skip-git-repo-check -C /project -m M --json -c features.unbounded_connection_retries=false -c allow_login_shell=false - <",
    ],
    [
      "cursor",
      "fresh",
      {},
      "-p --force --trust --workspace /project --output-format stream-json --model M PROMPT",
    ],
    [
      "cursor",
      "resume",
      resume,
      "-p --force --trust --workspace /project --output-format stream-json --model M --resume S PROMPT",
    ],
    [
      "cursor",
      "its own default model",
      { model: null },
      "-p --force --trust --workspace /project --output-format stream-json PROMPT",
    ],
    [
      "cursor",
      "root",
      root,
      "-p --force --trust --workspace /project --output-format stream-json --model M PROMPT",
    ],
    ["opencode", "fresh", {}, "run --auto --format json --title TITLE -m M <"],
    ["opencode", "resume", resume, "run --auto --format json --title TITLE -m M -s S <"],
    ["opencode", "root", root, "run --auto --format json --title TITLE -m M <"],
    ["gemini", "fresh", {}, "--approval-mode yolo --skip-trust -o stream-json -m M <"],
    [
      "gemini",
      "resume",
      resume,
      "--approval-mode yolo --skip-trust -o stream-json -m M --resume S <",
    ],
    [
      "gemini",
      "its own default model",
      { model: null },
      "--approval-mode yolo --skip-trust -o stream-json <",
    ],
    ["gemini", "root", root, "--approval-mode yolo --skip-trust -o stream-json -m M <"],
    ["qwen", "fresh", {}, "--approval-mode yolo -o stream-json -m M <"],
    ["qwen", "resume", resume, "--approval-mode yolo -o stream-json -m M -r S <"],
    ["qwen", "root", root, "--approval-mode yolo -o stream-json -m M <"],
    [
      "copilot",
      "fresh",
      {},
      "--allow-all --no-auto-update --no-ask-user --output-format json --model M <",
    ],
    [
      "copilot",
      "resume",
      resume,
      "--allow-all --no-auto-update --no-ask-user --output-format json --model M --resume=S <",
    ],
    [
      "copilot",
      "root",
      root,
      "--allow-all --no-auto-update --no-ask-user --output-format json --model M <",
    ],
    ["pi", "fresh", {}, "-p --mode json --model M <"],
    ["pi", "resume", resume, "-p --mode json --model M --session S <"],
    ["pi", "root", root, "-p --mode json --model M <"],
    ["kilo", "fresh", {}, "run --auto --format json --title TITLE -m M <"],
    ["kilo", "resume", resume, "run --auto --format json --title TITLE -m M -s S <"],
    ["kilo", "root", root, "run --auto --format json --title TITLE -m M <"],
    ["cline", "fresh", {}, "--auto-approve true -c /project --json -m M PROMPT"],
    ["cline", "resume", resume, "--auto-approve true -c /project --json -m M --id S PROMPT"],
    ["cline", "root", root, "--auto-approve true -c /project --json -m M PROMPT"],
    ["my-agent", "any other CLI", {}, "PROMPT"],
  ])("%s, %s", (backend, _, own, expected) => {
    expect(commandLine(backend, own)).toBe(expected);
  });

  test("names every backend that there is", () => {
    expect(backendNames).toEqual([
      "claude",
      "codex",
      "cursor",
      "opencode",
      "gemini",
      "qwen",
      "copilot",
      "pi",
      "kilo",
      "cline",
    ]);
  });

  test.each<[model: string, flag: string]>([
    ["opus", "opus"],
    ["Sonnet", "sonnet"],
    // A versioned name as people write it is no alias of claude's, and a 404.
    ["sonnet-4.6", "sonnet"],
    ["opus-4.5-thinking", "opus"],
    ["haiku-4.5", "haiku"],
    // These are aliases of claude's own.
    ["opus[1m]", "opus[1m]"],
    ["best", "best"],
  ])("claude is told %s as %s", (model, flag) => {
    expect(commandLine("claude", { model })).toEndWith(` --model ${flag} <`);
  });

  test.each<[backend: string, env: Record<string, string> | undefined]>([
    ["gemini", { GEMINI_CLI_NO_RELAUNCH: "true" }],
    ["claude", undefined],
  ])("variables that %s needs: %p", (backend, env) => {
    expect(backendNamed(backend).invocation(fresh).env).toEqual(env!);
  });
});

describe("a prompt too long for an argument is left in its file", () => {
  const sent =
    "Your instructions are in the file /run/prompt.md. Read all of it, then do what it says.";
  const limit = 100 * 1024;
  const lastArgument = (backend: string, prompt: string) =>
    backendNamed(backend)
      .invocation({ ...fresh, prompt })
      .args.at(-1);
  test.each([["cursor"], ["cline"], ["my-agent"]])("for %s", (backend) => {
    expect(lastArgument(backend, "x".repeat(limit)) === "x".repeat(limit)).toBe(true);
    expect(lastArgument(backend, "x".repeat(limit + 1))).toBe(sent);
    // It is bytes that count.
    expect(lastArgument(backend, "é".repeat(limit / 2 + 1))).toBe(sent);
  });

  test.each(
    backends.filter(({ name }) => name !== "cursor" && name !== "cline").map(({ name }) => [name]),
  )("but never matters to %s, which reads its stdin", (backend) => {
    const long = { ...fresh, prompt: "x".repeat(1024 * 1024) };
    const { policy, args, promptBy } = backendNamed(backend).invocation(long);
    expect([promptBy, [...policy, ...args].join(" ").length < 1_000]).toEqual(["stdin", true]);
  });
});

describe("a command of the config is mended where the CLI would refuse it", () => {
  const acceptEdits = "--permission-mode acceptEdits --allowedTools Bash,Edit,Write,Read";
  test.each<[what: string, backend: string, own: Partial<Work>, command: string, mended: string]>([
    [
      "codex's retired flag",
      "codex",
      {},
      'codex exec --full-auto -C "$(pwd)"',
      'codex exec -s workspace-write -C "$(pwd)"',
    ],
    [
      "codex, nothing to mend",
      "codex",
      {},
      "codex exec -s danger-full-access",
      "codex exec -s danger-full-access",
    ],
    [
      "claude as root",
      "claude",
      root,
      "env -u CLAUDECODE claude -p --dangerously-skip-permissions",
      `env -u CLAUDECODE claude -p ${acceptEdits}`,
    ],
    [
      "claude as root in a sandbox",
      "claude",
      sandboxed,
      "claude -p --dangerously-skip-permissions",
      "claude -p --dangerously-skip-permissions",
    ],
    [
      "claude, not root",
      "claude",
      {},
      "claude -p --dangerously-skip-permissions",
      "claude -p --dangerously-skip-permissions",
    ],
    [
      "claude as root, with permissions of its own",
      "claude",
      root,
      "claude -p --permission-mode plan",
      "claude -p --permission-mode plan",
    ],
  ])("%s", (_, backend, own, command, mended) => {
    expect(backendNamed(backend).mendCommand!(command, { ...fresh, ...own })).toBe(mended);
  });
});

describe("a list of models is read as its CLI prints it", () => {
  test.each<[backend: string, what: string, stdout: string, models: string[]]>([
    [
      "codex",
      "debug models, by priority",
      JSON.stringify({
        models: [
          { slug: "gpt-5.2", visibility: "list", priority: 7 },
          { slug: "gpt-5.3-codex", visibility: "list", priority: 0 },
          { slug: "unranked", visibility: "list" },
          { slug: "secret", visibility: "hide", priority: 1 },
          { slug: "untold" },
        ],
      }),
      ["gpt-5.3-codex", "gpt-5.2", "unranked"],
    ],
    ["codex", "none", '{"models":[]}', []],
    ["codex", "of another shape", '{"data":[{"id":"x"}]}', []],
    [
      "cursor",
      "models",
      "Available models\n\nauto - Auto\ncomposer-1 - Composer 1 (current, default)\ngemini-3.1-pro  -  Gemini 3.1 Pro\nopus-4.5-thinking - Claude 4.5 Opus (Thinking)\n\nTip: use --model <id> (or /model <id> in interactive mode) to switch.\n",
      ["auto", "composer-1", "gemini-3.1-pro", "opus-4.5-thinking"],
    ],
    ["cursor", "with CRLF", "Available models\r\n\r\nauto - Auto\r\n", ["auto"]],
    ["cursor", "none", "No models available for this account.\n", []],
    [
      "opencode",
      "models",
      "opencode/big-pickle\nopenai/gpt-5\n\n",
      ["opencode/big-pickle", "openai/gpt-5"],
    ],
    ["kilo", "models, and talk", "Loading the models\nkilo/auto\n", ["kilo/auto"]],
  ])("%s: %s", (backend, _, stdout, models) => {
    expect(backendNamed(backend).models!.parse(stdout)).toEqual(models);
  });
});

const eventsOf = (backend: string, lines: readonly string[]) =>
  lines.flatMap((line) => backendNamed(backend).read(line));
const jsonLines = (...events: object[]) => events.map((event) => JSON.stringify(event));

async function sample(name: string): Promise<string[]> {
  return (await Bun.file(`${import.meta.dir}/../real/samples/${name}.jsonl`).text()).split("\n");
}

describe("the real streams", () => {
  const tokens = (input: number, output: number) => ({ input, cached: 0, output });
  const session = "11111111-2222-4333-8444-555555555555";
  const model = "claude-sonnet-5-5";

  test("claude's, line by line", async () => {
    expect(eventsOf("claude", await sample("claude"))).toEqual([
      { kind: "session", id: session, model },
      { kind: "retry", text: "retry 1/10: overloaded 529", cause: "overloaded", pauseMs: 592 },
      { kind: "model", name: model },
      { kind: "tool", text: "Bash echo one >> out.txt; cat out.txt" },
      { kind: "output", text: "one" },
      { kind: "model", name: model },
      { kind: "tool", text: "Bash grep two out.txt" },
      { kind: "output", text: "(Bash completed with no output)" },
      { kind: "model", name: model },
      { kind: "tool", text: "Write /home/you/project/two.txt" },
      {
        kind: "output",
        text: "File created successfully at: /home/you/project/two.txt (file state is current in your context — no need to Read it back)",
      },
      { kind: "model", name: model },
      { kind: "said", text: "All done." },
      {
        kind: "result",
        ok: true,
        text: "All done.",
        cause: null,
        denied: [],
        tokens: tokens(4_000, 200),
        costUsd: 0.01,
      },
    ]);
  });

  test("codex's, line by line", async () => {
    expect(eventsOf("codex", await sample("codex"))).toEqual([
      { kind: "session", id: "01a1f8bd-8315-7913-9dfb-5331eca6f9ad", model: null },
      {
        kind: "retry",
        text: "Reconnecting... 1/5 (unexpected status 401 Unauthorized: one bad moment, url: http://127.0.0.1:8080/v1/responses)",
        cause: "auth",
        pauseMs: 200,
      },
      { kind: "tool", text: "shell /bin/bash -lc 'echo one >> out.txt; cat out.txt'" },
      { kind: "output", text: "one" },
      { kind: "tool", text: "shell /bin/bash -lc 'grep two out.txt'" },
      { kind: "output", text: "exit 1" },
      { kind: "tool", text: "edit /home/you/project/two.txt" },
      { kind: "said", text: "All done." },
      {
        kind: "result",
        ok: true,
        text: "",
        cause: null,
        denied: [],
        tokens: tokens(4_000, 200),
        costUsd: null,
      },
    ]);
  });

  const forbidden = "Failed to authenticate. API Error: 403 scripted 403";
  const limit = "You’ve hit your usage limit. Try again at 6:40 PM.";
  test.each<[name: string, what: string, expected: Partial<Report>]>([
    [
      "claude",
      "done",
      { session, model, ok: true, text: "All done.", tokens: tokens(4_000, 200), costUsd: 0.01 },
    ],
    [
      "claude-denied",
      "done by its own word, but a tool was denied",
      {
        session: "e8ec431e-5e5d-498e-a718-cf8389db42be",
        model,
        ok: true,
        text: "I could not write the file.",
        denied: ["Bash echo one >> out.txt"],
        tokens: tokens(2_000, 100),
        costUsd: 0.005,
      },
    ],
    [
      "claude-failed",
      "its subtype says success, its is_error does not",
      {
        session,
        model,
        ok: false,
        text: forbidden,
        failure: failure({ cause: "auth", evidence: forbidden }),
        tokens: tokens(1_000, 50),
        costUsd: 0.0025,
      },
    ],
    [
      // Its cost is a running total, its tokens are not.
      "claude-background",
      "several results: the last verdict, the tokens of all",
      {
        session,
        model,
        ok: true,
        text: "Now it has ended.",
        tokens: tokens(3_000, 150),
        costUsd: 0.0075,
      },
    ],
    [
      "codex",
      "done",
      {
        session: "01a1f8bd-8315-7913-9dfb-5331eca6f9ad",
        ok: true,
        text: "All done.",
        tokens: tokens(4_000, 200),
      },
    ],
    [
      "codex-failed",
      "out of its plan's limit",
      {
        session: "01a1f8bd-856a-7a70-ad69-5c45ef27f7e0",
        ok: false,
        text: limit,
        failure: failure({ cause: "session_limit", evidence: limit }),
      },
    ],
  ])("%s: %s", async (name, _, expected) => {
    const lines = await sample(name);
    expect(summarise(eventsOf(name.split("-")[0]!, lines))).toEqual(
      report({ began: true, ...expected }),
    );
  });

  // What is read of a long log is its two ends: the verdict stands in the last one.
  test("a stream whose middle is missing gives the same report", async () => {
    const lines = await sample("claude");
    expect(summarise(eventsOf("claude", [...lines.slice(0, 2), ...lines.slice(-3)]))).toEqual(
      summarise(eventsOf("claude", lines)),
    );
  });
});

/** What is read of a run that has succeeded: its first line, and the last with each mark. */
function telling(backend: string, lines: readonly string[]): string[] {
  const last = backendNamed(backend).verdictMarks!.map((mark) =>
    lines.findLastIndex((line) => line.includes(mark)),
  );
  return lines.filter((_, index) => index === 0 || last.includes(index));
}

test("of a session that codex names behind a warning of its own, the session is known", () => {
  const id = "11111111-2222-4333-8444-555555555555";
  const lines = [
    "2026-11-20T20:42:00.2Z ERROR codex_api::endpoint::responses_websocket: failed to connect",
    ...jsonLines(
      { type: "thread.started", thread_id: id },
      { type: "item.completed", item: { type: "agent_message", text: "Done." } },
      { type: "turn.completed", usage: { input_tokens: 1, output_tokens: 1 } },
    ),
  ];
  expect(summarise(eventsOf("codex", telling("codex", lines)))).toMatchObject({ session: id });
});

describe("the model that answered", () => {
  const id = "11111111-2222-4333-8444-555555555555";
  const init = { type: "system", subtype: "init", session_id: id, model: "asked" };
  const says = (model: string, own: object = {}) => ({
    type: "assistant",
    message: { role: "assistant", model, content: [{ type: "text", text: "On it." }] },
    parent_tool_use_id: null,
    ...own,
  });
  const result = { type: "result", is_error: false, result: "Done." };
  const warns = (message: string) => ({ type: "item.completed", item: { type: "error", message } });
  const rerouted = "model rerouted: asked -> other (HighRiskCyberActivity)";
  const codexEnd = [
    { type: "item.completed", item: { type: "agent_message", text: "Done." } },
    { type: "turn.completed", usage: { input_tokens: 1, output_tokens: 1 } },
  ];
  const codexStart = { type: "thread.started", thread_id: id };

  test.each<[backend: string, what: string, events: object[], model: string | null]>([
    ["claude", "none yet: that which it asks", [init], "asked"],
    ["claude", "another than it asks", [init, says("other"), result], "other"],
    ["claude", "the last of several", [init, says("other"), says("third"), result], "third"],
    [
      "claude",
      "not itself, of an error",
      [init, says("<synthetic>", { error: "overloaded" }), result],
      "asked",
    ],
    [
      "claude",
      "not a subagent's",
      [init, says("small", { parent_tool_use_id: "toolu_1" }), result],
      "asked",
    ],
    ["claude", "none that it names", [init, says(""), result], "asked"],
    ["codex", "it does not say", [codexStart, ...codexEnd], null],
    ["codex", "another than it asks", [codexStart, warns(rerouted), ...codexEnd], "other"],
    ["codex", "another warning", [codexStart, warns("models: asked -> other"), ...codexEnd], null],
    [
      "codex",
      "what a command printed",
      [
        codexStart,
        {
          type: "item.completed",
          item: { type: "command_execution", aggregated_output: rerouted, exit_code: 0 },
        },
        ...codexEnd,
      ],
      null,
    ],
  ])("%s: %s", (backend, _, events, model) => {
    const lines = jsonLines(...events);
    expect(summarise(eventsOf(backend, lines)).model).toBe(model);
    expect(summarise(eventsOf(backend, telling(backend, lines))).model).toBe(model);
  });
});

describe("the streams of the others, by their documents", () => {
  const result = (own: object) => ({
    kind: "result" as const,
    ok: true,
    text: "",
    cause: null,
    denied: [],
    tokens: null,
    costUsd: null,
    ...own,
  });

  test("claude: a cached prompt is part of the input", () => {
    const line = {
      type: "result",
      is_error: false,
      result: "ok",
      usage: {
        input_tokens: 10,
        cache_creation_input_tokens: 200,
        cache_read_input_tokens: 3_000,
        output_tokens: 40,
      },
    };
    expect(eventsOf("claude", jsonLines(line))).toEqual([
      result({ text: "ok", tokens: { input: 3_210, cached: 3_000, output: 40 } }),
    ]);
  });

  test.each<[subtype: string, cause: Cause | null]>([
    ["error_max_turns", "turn_limit"],
    ["error_max_budget_usd", "budget_limit"],
    ["error_during_execution", null],
  ])("claude: the result %s is %p", (subtype, cause) => {
    expect(eventsOf("claude", jsonLines({ type: "result", is_error: true, subtype }))).toEqual([
      result({ ok: false, text: subtype.replaceAll("_", " "), cause }),
    ]);
  });

  test("claude: a tool's output in parts", () => {
    const content = [
      {
        type: "tool_result",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
    ];
    expect(eventsOf("claude", jsonLines({ type: "user", message: { content } }))).toEqual([
      { kind: "output", text: "a\nb" },
    ]);
  });

  test("cursor", () => {
    const lines = jsonLines(
      { type: "system", subtype: "init", session_id: "c1", model: "Composer 1" },
      { type: "user", message: { role: "user", content: [{ type: "text", text: "PROMPT" }] } },
      {
        type: "tool_call",
        subtype: "started",
        tool_call: { shellToolCall: { args: { command: "ls" } } },
      },
      {
        type: "tool_call",
        subtype: "completed",
        tool_call: { shellToolCall: { args: { command: "ls" }, result: {} } },
      },
      {
        type: "assistant",
        message: { role: "assistant", content: [{ type: "text", text: "All done." }] },
      },
      {
        type: "result",
        subtype: "success",
        is_error: false,
        result: "All done.",
        session_id: "c1",
      },
    );
    expect(eventsOf("cursor", lines)).toEqual([
      { kind: "session", id: "c1", model: "Composer 1" },
      { kind: "tool", text: "shell ls" },
      { kind: "said", text: "All done." },
      result({ text: "All done." }),
    ]);
  });

  const geminiStart = jsonLines(
    { type: "init", session_id: "g1", model: "gemini-3.1-pro" },
    { type: "message", role: "user", content: "PROMPT" },
    {
      type: "tool_use",
      tool_name: "run_shell_command",
      tool_id: "t1",
      parameters: { command: "ls" },
    },
    { type: "tool_result", tool_id: "t1", status: "success", output: "out.txt" },
  );
  const stats = { total_tokens: 1_100, input_tokens: 1_000, output_tokens: 100, cached: 600 };

  test("gemini, done; its text comes in pieces", () => {
    const lines = [
      ...geminiStart,
      ...jsonLines(
        { type: "message", role: "assistant", content: "All ", delta: true },
        { type: "message", role: "assistant", content: "done.", delta: true },
        { type: "result", status: "success", stats },
      ),
    ];
    expect(summarise(eventsOf("gemini", lines))).toEqual(
      report({
        began: true,
        session: "g1",
        model: "gemini-3.1-pro",
        ok: true,
        text: "All done.",
        tokens: { input: 1_000, cached: 600, output: 100 },
      }),
    );
  });

  test("gemini, failed", () => {
    const message = "You have exhausted your daily quota on this model.";
    const lines = [
      ...geminiStart,
      ...jsonLines({ type: "result", status: "error", error: { type: "Error", message }, stats }),
    ];
    expect(summarise(eventsOf("gemini", lines))).toEqual(
      report({
        began: true,
        session: "g1",
        model: "gemini-3.1-pro",
        ok: false,
        text: message,
        failure: failure({ cause: "billing", evidence: message }),
        tokens: { input: 1_000, cached: 600, output: 100 },
      }),
    );
  });

  test.each([["opencode"], ["kilo"]])(
    "%s; each of its steps has its own tokens, beside the cached ones, and its own cost",
    (backend) => {
      const step = (input: number, read: number, output: number) => ({
        type: "step_finish",
        sessionID: "ses_1",
        part: {
          type: "step-finish",
          cost: 0.25,
          tokens: { input, output, reasoning: 0, cache: { read, write: 0 } },
        },
      });
      const lines = jsonLines(
        { type: "step_start", sessionID: "ses_1", part: { type: "step-start" } },
        {
          type: "tool_use",
          sessionID: "ses_1",
          part: {
            type: "tool",
            tool: "bash",
            state: { status: "completed", input: { command: "ls" }, output: "out.txt" },
          },
        },
        step(1_000, 0, 50),
        { type: "text", sessionID: "ses_1", part: { type: "text", text: "All done." } },
        step(200, 1_000, 30),
      );
      const events = eventsOf(backend, lines);
      expect(events.filter(({ kind }) => kind === "tool")).toEqual([
        { kind: "tool", text: "bash ls" },
      ]);
      expect(summarise(events)).toEqual(
        report({
          began: true,
          session: "ses_1",
          text: "All done.",
          tokens: { input: 2_200, cached: 1_000, output: 80 },
          costUsd: 0.5,
        }),
      );
    },
  );

  test("pi: the header line has the session, the end of a message its text", () => {
    const lines = jsonLines(
      {
        type: "session",
        version: 3,
        id: "p1",
        timestamp: "2026-11-20T10:00:00.000Z",
        cwd: "/project",
      },
      { type: "agent_start" },
      {
        type: "message_end",
        message: { role: "user", content: [{ type: "text", text: "PROMPT" }] },
      },
      { type: "tool_execution_start", toolCallId: "t1", toolName: "bash", args: { command: "ls" } },
      {
        type: "message_end",
        message: {
          role: "assistant",
          content: [{ type: "text", text: "All done." }],
          stopReason: "stop",
        },
      },
    );
    expect(eventsOf("pi", lines)).toEqual([
      { kind: "session", id: "p1", model: null },
      { kind: "tool", text: "bash ls" },
      { kind: "said", text: "All done." },
    ]);
  });

  test("any other CLI: all that it prints is what it says", () => {
    expect(
      eventsOf("my-agent", ["ERROR: 401 in a test", "", '{"type":"result","is_error":true}']),
    ).toEqual([
      { kind: "said", text: "ERROR: 401 in a test" },
      { kind: "said", text: '{"type":"result","is_error":true}' },
    ]);
  });

  // A session that was opened and then refused its first request has nothing to go on from.
  test.each<[what: string, lines: string[], began: boolean]>([
    ["opened", ['{"type":"system","subtype":"init","session_id":"S"}'], false],
    ["retried", ['{"type":"system","subtype":"api_retry","attempt":1,"max_retries":10}'], false],
    ["refused", ['{"type":"result","is_error":true,"result":"Not logged in"}'], false],
    [
      "said something",
      ['{"type":"assistant","message":{"content":[{"type":"text","text":"Hm."}]}}'],
      true,
    ],
    [
      "called a tool",
      ['{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Bash"}]}}'],
      true,
    ],
  ])("a session has begun once its worker has done something: %s", (_, lines, began) => {
    expect(summarise(eventsOf("claude", lines)).began).toBe(began);
  });

  test.each<[backend: string, line: string]>([
    ["claude", '{"type":"system","subtype":"init"}'],
    ["codex", '{"type":"thread.started"}'],
    ["gemini", '{"type":"init"}'],
  ])("a session without an id is none: %s", (backend, line) => {
    expect(summarise(eventsOf(backend, [line])).session).toBeNull();
  });
});

describe("what a CLI says when it fails tells the cause", () => {
  const claudeError = (error: string, text: string) =>
    jsonLines(
      { type: "assistant", error, message: { content: [{ type: "text", text }] } },
      { type: "result", subtype: "success", is_error: true, result: text },
    );
  const codexError = (message: string) =>
    jsonLines({ type: "error", message }, { type: "turn.failed", error: { message } });
  const openCodeError = (statusCode: number | null, message = "Request failed") =>
    jsonLines({
      type: "error",
      sessionID: "ses_1",
      error: {
        name: "APIError",
        data: { message, ...(statusCode === null ? {} : { statusCode }) },
      },
    });

  test.each<[backend: string, what: string, lines: string[], cause: Cause]>([
    [
      "claude",
      "a bad key",
      claudeError("authentication_failed", "Invalid API key · Fix external API key"),
      "auth",
    ],
    [
      "claude",
      "not logged in",
      claudeError("authentication_failed", "Not logged in · Please run /login"),
      "auth",
    ],
    [
      "claude",
      "an old login",
      claudeError(
        "authentication_failed",
        "Failed to authenticate. API Error: 401 OAuth token has expired. Please obtain a new token",
      ),
      "auth",
    ],
    ["claude", "no credit", claudeError("billing_error", "Credit balance is too low"), "billing"],
    [
      "claude",
      "no such model",
      claudeError(
        "model_not_found",
        "There's an issue with the selected model (sonnet-9). It may not exist or you may not have access to it. Run --model to pick a different model.",
      ),
      "model_unavailable",
    ],
    [
      "claude",
      "a long prompt",
      claudeError("invalid_request", "Prompt is too long · start a new session"),
      "prompt_too_long",
    ],
    [
      "claude",
      "a huge request",
      claudeError(
        "invalid_request",
        "Request too large (max 32MB). Double press esc to go back and try again.",
      ),
      "prompt_too_long",
    ],
    [
      "claude",
      "429 with a key",
      claudeError(
        "rate_limit",
        "API Error: Request rejected (429) · this may be a temporary capacity issue",
      ),
      "rate_limit",
    ],
    [
      "claude",
      "the session's limit",
      claudeError("rate_limit", "You've hit your session limit · resets 11:45am (UTC)"),
      "session_limit",
    ],
    ...[
      "You've hit your 5-hour limit · resets 5:51pm (UTC)",
      "You've hit your Sonnet limit · resets Nov 23, 4:51pm (UTC)",
      "You're out of usage credits · resets 6:51pm (UTC)",
    ].map((text): [string, string, string[], Cause] => [
      "claude",
      text,
      claudeError("rate_limit", text),
      "session_limit",
    ]),
    [
      "claude",
      "429 that is no usage limit",
      claudeError(
        "rate_limit",
        "API Error: Server is temporarily limiting requests (not your usage limit) · This request would exceed your account's rate limit. Please try again later.",
      ),
      "rate_limit",
    ],
    [
      "claude",
      "the week's limit",
      claudeError("rate_limit", "You've hit your weekly limit · resets Mon 9am (UTC)"),
      "session_limit",
    ],
    [
      "claude",
      "a model's limit",
      claudeError("rate_limit", "You've hit your Opus limit · resets Mon 9am (UTC)"),
      "session_limit",
    ],
    [
      "claude",
      "529",
      claudeError(
        "server_error",
        "API Error: 529 Overloaded. This is a server-side issue, usually temporary",
      ),
      "overloaded",
    ],
    [
      "claude",
      "500",
      claudeError("server_error", "API Error: 500 Internal server error."),
      "overloaded",
    ],
    [
      "claude",
      "refused",
      claudeError("server_error", "API Error: Unable to connect to API (ConnectionRefused)"),
      "network",
    ],
    [
      "claude",
      "reset",
      claudeError("server_error", "API Error: Unable to connect to API (ECONNRESET)"),
      "network",
    ],
    [
      "claude",
      "root",
      [
        "--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons",
      ],
      "start_failed",
    ],
    [
      "codex",
      "a bad key",
      codexError("unexpected status 401 Unauthorized: Incorrect API key provided: x"),
      "auth",
    ],
    [
      "codex",
      "a login that cannot be renewed",
      codexError(
        "Your access token could not be refreshed because your refresh token was already used. Please log out and sign in again.",
      ),
      "auth",
    ],
    [
      "codex",
      "a plan without it",
      codexError(
        "To use Codex with your ChatGPT plan, upgrade to Plus: https://chatgpt.com/explore/plus.",
      ),
      "billing",
    ],
    [
      "codex",
      "a gateway without its server",
      codexError(
        "unexpected status 502 Bad Gateway: <html><body>502 Bad Gateway</body></html>, url: http://127.0.0.1:33361/v1/responses",
      ),
      "overloaded",
    ],
    [
      "codex",
      "429",
      codexError("exceeded retry limit, last status: 429 Too Many Requests"),
      "rate_limit",
    ],
    [
      "codex",
      "no quota",
      codexError("Quota exceeded. Check your plan and billing details."),
      "billing",
    ],
    [
      "codex",
      "the plan's limit",
      codexError("You’ve hit your usage limit. Upgrade to Pro or try again at 10:41 AM."),
      "session_limit",
    ],
    [
      "codex",
      "503",
      codexError("Selected model is at capacity. Please try a different model."),
      "overloaded",
    ],
    [
      "codex",
      "500",
      codexError("We’re currently experiencing high demand, which may cause temporary errors."),
      "overloaded",
    ],
    [
      "codex",
      "a long prompt",
      codexError(
        "Codex ran out of room in the model's context window. Start a new thread or clear earlier history before retrying.",
      ),
      "prompt_too_long",
    ],
    [
      "codex",
      "no such model",
      codexError("The model 'gpt-9' does not exist or you do not have access to it."),
      "model_unavailable",
    ],
    [
      "codex",
      "on stderr",
      ["ERROR: Quota exceeded. Check your plan and billing details."],
      "billing",
    ],
    [
      "codex",
      "on stderr, with a time",
      ["2026-11-20T10:00:00.000000Z ERROR codex_core: unexpected status 401 Unauthorized"],
      "auth",
    ],
    ["codex", "an old flag", ["error: unexpected argument '--full-auto' found"], "crash"],
    ["opencode", "a bad key", openCodeError(401), "auth"],
    ["opencode", "429", openCodeError(429), "rate_limit"],
    ["opencode", "no such model", openCodeError(404), "model_unavailable"],
    ["opencode", "503", openCodeError(503), "overloaded"],
    ["opencode", "500", openCodeError(500), "overloaded"],
    [
      "opencode",
      "refused",
      openCodeError(
        null,
        "Cannot connect to API: Unable to connect. Is the computer able to access the url?",
      ),
      "network",
    ],
    ["kilo", "a bad key", openCodeError(401), "auth"],
    [
      "gemini",
      "no login",
      [
        "Please set an Auth method in your /home/you/.gemini/settings.json or specify one of the following environment variables before running: GEMINI_API_KEY",
      ],
      "auth",
    ],
    ["gemini", "a bad key", ["API key not valid. Please pass a valid API key."], "auth"],
    ["gemini", "no quota", ["You have exhausted your daily quota on this model."], "billing"],
    [
      "gemini",
      "no such model",
      ["ModelNotFoundError: Requested entity was not found."],
      "model_unavailable",
    ],
    [
      "qwen",
      "no login",
      [
        "No auth type is selected. Please configure an auth type before running in non-interactive mode.",
      ],
      "auth",
    ],
    ["copilot", "no login", ["Error: No authentication information found."], "auth"],
    ["pi", "no key", ["No API key found for the selected model."], "auth"],
    [
      "cursor",
      "no login",
      [
        "Error: Authentication required. Please run 'agent login' first, or set CURSOR_API_KEY environment variable.",
      ],
      "auth",
    ],
    [
      "cursor",
      "no such model",
      ["Cannot use this model: gpt-9. Available models: auto, composer-1, gpt-5.2"],
      "model_unavailable",
    ],
  ])("%s: %s", (backend, _, lines, cause) => {
    expect(summarise(eventsOf(backend, lines)).failure?.cause).toBe(cause);
  });

  test.each<[backend: string, what: string, lines: string[]]>([
    [
      "claude",
      "a tool's output",
      jsonLines({
        type: "user",
        message: { content: [{ type: "tool_result", content: "401 Unauthorized" }] },
      }),
    ],
    [
      "claude",
      "what it says of its work",
      jsonLines({
        type: "assistant",
        message: { content: [{ type: "text", text: "It failed with a 429." }] },
      }),
    ],
    [
      "claude",
      "a retry",
      jsonLines({
        type: "system",
        subtype: "api_retry",
        attempt: 1,
        max_retries: 10,
        error_status: 401,
        error: "authentication_failed",
      }),
    ],
    [
      "codex",
      "a command's output",
      jsonLines({
        type: "item.completed",
        item: {
          type: "command_execution",
          aggregated_output: "ERROR: 401 Unauthorized",
          exit_code: 1,
        },
      }),
    ],
    [
      "codex",
      "a reconnection",
      jsonLines({
        type: "error",
        message: "Reconnecting... 2/5 (unexpected status 401 Unauthorized)",
      }),
    ],
    [
      "codex",
      "a warning of its own",
      jsonLines({ type: "item.completed", item: { type: "error", message: "rate limit is near" } }),
    ],
    [
      "codex",
      "a module's diary",
      [
        "2026-11-20T16:55:01.1Z ERROR codex_models_manager::manager: failed to refresh available models: unexpected status 404 Not Found: Unknown error",
      ],
    ],
    [
      "opencode",
      "a tool's output",
      jsonLines({
        type: "tool_use",
        part: { tool: "bash", state: { input: { command: "curl" }, output: "401 Unauthorized" } },
      }),
    ],
    [
      "gemini",
      "a tool's output",
      jsonLines({ type: "tool_result", status: "error", output: "429 Too Many Requests" }),
    ],
  ])("but it is no failure of the run: %s, %s", (backend, _, lines) => {
    expect(summarise(eventsOf(backend, lines)).failure).toBeNull();
  });

  test("and an error that was got over is forgotten", () => {
    const lines = jsonLines(
      { type: "error", message: "exceeded retry limit, last status: 429 Too Many Requests" },
      { type: "turn.completed", usage: { input_tokens: 1, output_tokens: 1 } },
    );
    expect(summarise(eventsOf("codex", lines))).toMatchObject({ ok: true, failure: null });
  });
});

describe("the trouble that a CLI is in, and until when", () => {
  const retry = (error: string, error_status: number | null, attempt = 1) => ({
    type: "system",
    subtype: "api_retry",
    attempt,
    max_retries: 10,
    error_status,
    error,
  });
  const reconnecting = (count: number, text: string) => ({
    type: "error",
    message: `Reconnecting... ${count}/5 (${text})`,
  });
  const limit = (status: string, resetsAt: number | null = 1_795_197_078) => ({
    type: "rate_limit_event",
    rate_limit_info: { status, resetsAt, rateLimitType: "five_hour", isUsingOverage: false },
  });
  const said = { type: "assistant", message: { content: [{ type: "text", text: "I go on." }] } };
  const resetsAtMs = 1_795_197_078_000;

  test.each<[backend: string, what: string, events: object[], trouble: Report["trouble"]]>([
    [
      "claude",
      "its login",
      [retry("authentication_failed", 401)],
      {
        cause: "auth",
        evidence: "retry 1/10: authentication_failed 401",
        resetsAtMs: null,
        tries: 1,
      },
    ],
    [
      "claude",
      "a rate limit, with the pause that it announces",
      [{ ...retry("rate_limit", 429), retry_delay_ms: 53_463 }],
      {
        cause: "rate_limit",
        evidence: "retry 1/10: rate_limit 429",
        resetsAtMs: null,
        tries: 1,
        pauseMs: 53_463,
      },
    ],
    [
      "claude",
      "an overload, thrice",
      [retry("overloaded", 529), retry("overloaded", 529, 2), retry("overloaded", 529, 3)],
      { cause: "overloaded", evidence: "retry 3/10: overloaded 529", resetsAtMs: null, tries: 3 },
    ],
    [
      "claude",
      "a gateway without its server",
      [retry("server_error", 502)],
      { cause: "overloaded", evidence: "retry 1/10: server_error 502", resetsAtMs: null, tries: 1 },
    ],
    [
      "claude",
      "no answer",
      [retry("unknown", null)],
      { cause: "network", evidence: "retry 1/10: unknown", resetsAtMs: null, tries: 1 },
    ],
    [
      "claude",
      "a limit, and when it is lifted",
      [limit("rejected"), retry("rate_limit", 429)],
      { cause: "rate_limit", evidence: "retry 1/10: rate_limit 429", resetsAtMs, tries: 1 },
    ],
    [
      "claude",
      "a limit that is only near",
      [limit("allowed_warning"), retry("rate_limit", 429)],
      { cause: "rate_limit", evidence: "retry 1/10: rate_limit 429", resetsAtMs: null, tries: 1 },
    ],
    [
      "claude",
      "a limit that is lifted nobody knows when",
      [limit("rejected", null), retry("rate_limit", 429)],
      { cause: "rate_limit", evidence: "retry 1/10: rate_limit 429", resetsAtMs: null, tries: 1 },
    ],
    [
      "claude",
      "an overload beside a limit",
      [limit("rejected"), retry("overloaded", 529)],
      { cause: "overloaded", evidence: "retry 1/10: overloaded 529", resetsAtMs: null, tries: 1 },
    ],
    ["claude", "none, once it goes on", [retry("overloaded", 529), said], null],
    ["claude", "none of a limit alone", [limit("rejected")], null],
    [
      "claude",
      "that after it went on",
      [retry("overloaded", 529), said, retry("overloaded", 529)],
      { cause: "overloaded", evidence: "retry 1/10: overloaded 529", resetsAtMs: null, tries: 1 },
    ],
    [
      "codex",
      "its login",
      [reconnecting(2, "unexpected status 401 Unauthorized")],
      {
        cause: "auth",
        evidence: "Reconnecting... 2/5 (unexpected status 401 Unauthorized)",
        resetsAtMs: null,
        tries: 1,
        pauseMs: 400,
      },
    ],
    [
      "codex",
      "a connection that breaks",
      [reconnecting(1, "stream disconnected before completion")],
      {
        cause: "network",
        evidence: "Reconnecting... 1/5 (stream disconnected before completion)",
        resetsAtMs: null,
        tries: 1,
        pauseMs: 200,
      },
    ],
    [
      "codex",
      "a number of tries that nobody has set",
      [reconnecting(99_999, "stream disconnected before completion")],
      {
        cause: "network",
        evidence: "Reconnecting... 99999/5 (stream disconnected before completion)",
        resetsAtMs: null,
        tries: 1,
        pauseMs: 3_600_000,
      },
    ],
    [
      "codex",
      "a rate limit, with the pause that the service asks for",
      [
        reconnecting(
          1,
          "rate limit exceeded: Rate limit reached for gpt-5.5. Please try again in 1.5s.",
        ),
      ],
      {
        cause: "rate_limit",
        evidence:
          "Reconnecting... 1/5 (rate limit exceeded: Rate limit reached for gpt-5.5. Please try again in 1.5s.)",
        resetsAtMs: null,
        tries: 1,
        pauseMs: 1_500,
      },
    ],
    [
      "codex",
      "a rate limit, and nobody says for how long",
      [reconnecting(1, "exceeded retry limit, last status: 429 Too Many Requests")],
      {
        cause: "rate_limit",
        evidence: "Reconnecting... 1/5 (exceeded retry limit, last status: 429 Too Many Requests)",
        resetsAtMs: null,
        tries: 1,
      },
    ],
    [
      "codex",
      "no way to the service, by another transport either",
      [
        reconnecting(5, "stream disconnected before completion: failed to lookup address"),
        {
          type: "item.completed",
          item: {
            type: "error",
            message: "Falling back from WebSockets to HTTPS transport. stream disconnected",
          },
        },
        reconnecting(1, "Connection failed: error sending request"),
      ],
      {
        cause: "network",
        evidence: "Reconnecting... 1/5 (Connection failed: error sending request)",
        resetsAtMs: null,
        tries: 2,
        pauseMs: 200,
      },
    ],
    [
      "codex",
      "none, once it goes on",
      [
        reconnecting(1, "unexpected status 401 Unauthorized"),
        { type: "item.completed", item: { type: "agent_message", text: "I go on." } },
      ],
      null,
    ],
  ])("%s: %s", (backend, _, events, trouble) => {
    expect(summarise(eventsOf(backend, jsonLines(...events))).trouble).toEqual(trouble);
  });

  test.each<[what: string, error: string, text: string, resetsAtMs: number | null]>([
    ["the session's limit", "rate_limit", "You've hit your 5-hour limit", resetsAtMs],
    ["429", "rate_limit", "API Error: Request rejected (429)", resetsAtMs],
    ["another failure", "authentication_failed", "Not logged in", null],
  ])("a failure after a limit was told knows when it is lifted: %s", (_, error, text, atMs) => {
    const lines = jsonLines(
      limit("rejected"),
      { ...said, error, message: { content: [{ type: "text", text }] } },
      { type: "result", subtype: "success", is_error: true, result: text },
    );
    const { failure: failed, trouble } = summarise(eventsOf("claude", lines));
    expect([failed?.resetsAtMs, trouble]).toEqual([atMs, null]);
  });
});

describe("a line that is no event never throws, and never gives an event without its text", () => {
  const garbage: [what: string, line: string][] = [
    ["nothing", ""],
    ["blanks", "  \t"],
    ["a cut event", '{"type":"assistant","message":{"content":[{"type":"te'],
    ["null", "null"],
    ["a list", '[{"type":"result"}]'],
    ["a number", "42"],
    ["a string", '"text"'],
    ["an empty object", "{}"],
    ["two objects", '{"type":"result"}{"type":"result"}'],
    ["a type that is null", '{"type":null}'],
    ["a type that is a list", '{"type":["result"]}'],
    ["a type of the prototype's", '{"type":"constructor"}'],
    ["a NUL", "\0\0"],
    ["no UTF-8", "\ufffd\ufffd{"],
    ["a CR at its end", '{"type":"result"}\r'],
    ["brackets", "{".repeat(20_000)],
    ["a deep object", '{"a":'.repeat(20_000) + "1" + "}".repeat(20_000)],
    ["a huge line", "x".repeat(1_000_000)],
    ...[
      "system",
      "rate_limit_event",
      "assistant",
      "user",
      "result",
      "text",
      "message",
      "tool_use",
      "tool_call",
      "tool_result",
      "step_finish",
      "error",
      "turn.completed",
      "turn.failed",
      "thread.started",
      "item.started",
      "item.completed",
      "session",
      "message_end",
    ].flatMap((type) =>
      [
        {},
        {
          subtype: "init",
          message: null,
          item: null,
          part: null,
          error: null,
          usage: null,
          result: null,
          tool_call: null,
        },
        {
          subtype: "started",
          message: [],
          item: [],
          part: [],
          error: [],
          usage: [],
          result: [],
          tool_call: [],
        },
        { subtype: 1, message: 1, item: 1, part: 1, error: 1, usage: 1, result: 1, tool_call: 1 },
        {
          subtype: "started",
          message: { content: [null, 1, "x", [], { type: "text" }] },
          item: { type: "file_change", changes: [null] },
          tool_call: { x: null },
          permission_denials: [null, 1],
        },
      ].map((own, index): [string, string] => [
        `${type} ${index}`,
        JSON.stringify({ type, ...own }),
      ]),
    ),
  ];

  test.each([
    ["codex", "errors, and ends of lines within it", `${"error ".repeat(20_000)}\rx\rx`],
    ["cursor", "models", "Error: model ".repeat(10_000)],
    ["opencode", "models", "error: model ".repeat(10_000)],
  ])("%s comes back from a line of %s", (backend, _, line) => {
    eventsOf(backend, [line]);
  });

  test("numbers beyond all bounds are none", () => {
    const usage = `{"input_tokens":1e999,"output_tokens":7}`;
    const line = `{"type":"result","is_error":false,"usage":${usage},"total_cost_usd":1e999}`;
    expect(summarise(eventsOf("claude", [line]))).toMatchObject({
      tokens: { input: 0, cached: 0, output: 7 },
      costUsd: null,
    });
  });

  test("a tool's argument that can be parsed, but not written again", () => {
    const deep = "[".repeat(60_000) + "]".repeat(60_000);
    const call = `{"type":"tool_use","name":"Think","input":{"a":${deep}}}`;
    const line = `{"type":"assistant","message":{"content":[${call}]}}`;
    expect(eventsOf("claude", [line])).toEqual([{ kind: "tool", text: "Think {…}" }]);
  });

  const textOf = (event: StreamEvent) => {
    if (event.kind === "session") return event.id;
    if (event.kind === "model") return event.name;
    return event.kind === "usage" ? "" : event.text;
  };

  test.each([...backendNames, "my-agent"].map((name) => [name]))("%s", (backend) => {
    for (const [what, line] of garbage) {
      for (const event of eventsOf(backend, [line])) {
        expect({ what, text: typeof textOf(event) }).toEqual({ what, text: "string" });
      }
    }
    summarise(
      eventsOf(
        backend,
        garbage.map(([, line]) => line),
      ),
    );
  });
});
