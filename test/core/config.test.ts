import { describe, expect, spyOn, test } from "bun:test";
import { type Config, readConfig, settingsFor } from "../../src/core/config.ts";
import { config } from "./builders.ts";

const backends = ["claude", "codex", "cursor"];
const read = (source: string) => readConfig(source, backends);
/** `3:5 error message`, a line each. */
const problems = (source: string) =>
  read(source).problems.map(
    ({ line, column, severity, message }) => `${line}:${column} ${severity} ${message}`,
  );

// The schema of the skill that this program replaces, in all that it allows.
const original = `# Dispatch config
default: opus  # model name or alias

backends:
  claude:
    command: >
      env -u CLAUDE_CODE_ENTRYPOINT -u CLAUDECODE
      claude -p --dangerously-skip-permissions
  cursor:
    command: agent -p --force --workspace "$(pwd)"
  codex:
    command: codex exec --full-auto -C "$(pwd)"

models:
  # Claude
  opus:   { backend: claude }
  sonnet: { backend: claude }
  haiku:  { backend: claude }
  # OpenAI
  gpt-5.3-codex: { backend: codex }
  # others
  gemini-3.1-pro: { backend: cursor }

aliases:
  quick:
    model: haiku
  security-reviewer:
    model: opus
    prompt: >
      You are a security-focused reviewer. Prioritize OWASP Top 10
      vulnerabilities, auth flaws, and injection risks.
`;

const reviewerPrompt =
  "You are a security-focused reviewer. Prioritize OWASP Top 10 vulnerabilities, auth flaws, and injection risks.\n";

describe("a config that can be used", () => {
  test.each<[what: string, source: string, expected: Config]>([
    [
      "the original's",
      original,
      config({
        default: "opus",
        backends: {
          claude:
            "env -u CLAUDE_CODE_ENTRYPOINT -u CLAUDECODE claude -p --dangerously-skip-permissions",
          cursor: 'agent -p --force --workspace "$(pwd)"',
          codex: 'codex exec --full-auto -C "$(pwd)"',
        },
        models: {
          opus: "claude",
          sonnet: "claude",
          haiku: "claude",
          "gpt-5.3-codex": "codex",
          "gemini-3.1-pro": "cursor",
        },
        aliases: {
          quick: { model: "haiku" },
          "security-reviewer": { model: "opus", prompt: reviewerPrompt },
        },
      }),
    ],
    [
      "the original's with CRLF",
      "default: opus\r\nmodels:\r\n  opus: { backend: claude }\r\n",
      config({ default: "opus", models: { opus: "claude" } }),
    ],
    [
      "the older one, with agents",
      'default: cursor\n\nagents:\n  cursor:\n    command: agent -p --force --workspace "$(pwd)"\n  harvey:\n    command: claude -p\n',
      config({
        format: "agents",
        default: "cursor",
        aliases: {
          cursor: { command: 'agent -p --force --workspace "$(pwd)"' },
          harvey: { command: "claude -p" },
        },
      }),
    ],
    [
      "agents beside models: an alias wins over an agent of its name",
      "agents:\n  a: { command: x }\n  b: { command: y }\nmodels:\n  opus: { backend: claude }\naliases:\n  a: { model: opus }\n",
      config({
        format: "agents",
        models: { opus: "claude" },
        aliases: { a: { model: "opus" }, b: { command: "y" } },
      }),
    ],
    ["empty", "", config()],
    ["comments only", "# nothing yet\n", config()],
    ["a document mark only", "---\n", config()],
    [
      "keys with nothing behind them",
      "default:\nconfirm_default:\nbackends:\n  claude:\nmodels:\naliases:\nanswer_timeout:\nlimits:\nretry:\nresume_lost:\nnotify:\n",
      config({ backends: { claude: null } }),
    ],
    [
      "keys of limits and the like with nothing behind them",
      "limits: { parallel: , per_project: , per_backend: , stagger: , depth: , time_limit: , stall_after: }\nretry: { attempts: , first: , longest: }\nnotify: { command: , url: , desktop: , on: }\nmodels:\n  opus: { backend: claude, fallback: }\naliases:\n  r: { model: opus, fallback: , time_limit: , stall_after: }\n",
      config({ models: { opus: "claude" }, aliases: { r: { model: "opus" } } }),
    ],
    [
      "every setting",
      "default: r\nconfirm_default: false\nbackends: { mine: { command: my-agent } }\nmodels: { m: { backend: mine } }\naliases: { r: { model: m, prompt: Hi, answer_timeout: 90 } }\nanswer_timeout: 1h30m\nlimits: { depth: 2 }\n",
      config({
        default: "r",
        confirmDefault: false,
        backends: { mine: "my-agent" },
        models: { m: "mine" },
        aliases: { r: { model: "m", prompt: "Hi", answerTimeoutMs: 90_000 } },
        answerTimeoutMs: 5_400_000,
        depth: 2,
      }),
    ],
    ["no patience limit", "answer_timeout: none\n", config({ answerTimeoutMs: Infinity })],
    [
      "every limit",
      "limits:\n  parallel: 3\n  per_project: 2\n  per_backend: { claude: 1, codex: 4 }\n  stagger: 500ms\n  depth: 1\n  time_limit: 2h\n  stall_after: none\n",
      config({
        limits: {
          parallel: 3,
          perProject: 2,
          perBackend: { claude: 1, codex: 4 },
          staggerMs: 500,
        },
        depth: 1,
        timeLimitMs: 7_200_000,
        stallAfterMs: Infinity,
      }),
    ],
    [
      "limits by memory, and times as bare seconds",
      "limits: { parallel: auto, stagger: 0, time_limit: 90, stall_after: 0.5 }\n",
      config({
        limits: { parallel: "auto", perProject: Infinity, perBackend: {}, staggerMs: 0 },
        timeLimitMs: 90_000,
        stallAfterMs: 500,
      }),
    ],
    [
      "how failures are met",
      "retry: { attempts: 2, first: 1s, longest: 1h }\nresume_lost: true\n",
      config({
        retry: { attempts: 2, firstMs: 1_000, longestMs: 3_600_000 },
        resumeLost: true,
      }),
    ],
    [
      "no tries at all",
      "retry: { attempts: 0 }\n",
      config({ retry: { attempts: 0, firstMs: 5_000, longestMs: 600_000 } }),
    ],
    [
      "whom to tell of what",
      "notify:\n  command: notify-me --now\n  url: https://example.com/hook?a=b\n  desktop: true\n  on: [question, stall]\n",
      config({
        notify: {
          command: "notify-me --now",
          url: "https://example.com/hook?a=b",
          desktop: true,
          on: ["question", "stall"],
        },
      }),
    ],
    [
      "telling nobody of anything",
      "notify: { on: [] }\n",
      config({ notify: { command: null, url: null, desktop: false, on: [] } }),
    ],
    [
      "what models and aliases fall back to",
      "models:\n  opus: { backend: claude, fallback: [r, Sonnet, 5.3] }\n  sonnet: { backend: claude, fallback: [] }\n  5.3: { backend: codex }\naliases:\n  r: { model: opus, fallback: [5.3] }\n  s: { model: opus, fallback: [] }\n",
      config({
        models: {
          opus: { backend: "claude", fallback: ["r", "Sonnet", "5.3"] },
          sonnet: "claude",
          "5.3": "codex",
        },
        aliases: {
          r: { model: "opus", fallback: ["5.3"] },
          s: { model: "opus", fallback: [] },
        },
      }),
    ],
    [
      "an alias's times",
      "models: { opus: { backend: claude } }\naliases:\n  r: { model: opus, answer_timeout: none, time_limit: 1h, stall_after: 5m }\n",
      config({
        models: { opus: "claude" },
        aliases: {
          r: {
            model: "opus",
            answerTimeoutMs: Infinity,
            timeLimitMs: 3_600_000,
            stallAfterMs: 300_000,
          },
        },
      }),
    ],
    [
      "numbers as names",
      "default: 4\nmodels:\n  4: { backend: cursor }\n  5.3: { backend: codex }\naliases:\n  7: { model: 5.3 }\n",
      config({
        default: "4",
        models: { "4": "cursor", "5.3": "codex" },
        aliases: { "7": { model: "5.3" } },
      }),
    ],
    [
      "the default in another case",
      "default: Opus\nmodels: { opus: { backend: claude } }\n",
      config({ default: "Opus", models: { opus: "claude" } }),
    ],
    [
      "an alias of its model's name, and one that leads to it",
      "models: { opus: { backend: claude } }\naliases:\n  opus: { model: opus, prompt: Hi }\n  b: { model: opus }\n",
      config({
        models: { opus: "claude" },
        aliases: { opus: { model: "opus", prompt: "Hi" }, b: { model: "opus" } },
      }),
    ],
    [
      "worktrees and checks, for all and for one project",
      "worktree: { copy: [.env], keep: true }\nverify: npm test\nretry: { on_verify: 2 }\nprojects:\n  ~/shop: { verify: make check, worktree: { setup: npm ci } }\n  /srv/x:\n",
      config({
        worktree: { copy: [".env"], setup: null, keep: true },
        verify: "npm test",
        verifyRetries: 2,
        projects: {
          "~/shop": { worktree: { setup: "npm ci" }, verify: "make check" },
          "/srv/x": { worktree: {}, verify: null },
        },
      }),
    ],
    [
      "YAML anchors",
      "models:\n  opus: &c { backend: claude }\n  sonnet: *c\n",
      config({ models: { opus: "claude", sonnet: "claude" } }),
    ],
  ])("%s", (_, source, expected) => {
    expect(read(source)).toEqual({ config: expected, problems: [] });
  });
});

test.each<[folder: string, copy: string[], setup: string | null, verify: string | null]>([
  ["/home/you/shop", [".env"], "npm ci", "make check"],
  ["/srv/x", ["*.key"], null, "npm test"],
  ["/srv/y", [".env"], null, "npm test"],
])("what holds for the project in %s", (folder, copy, setup, verify) => {
  const settings = settingsFor(
    config({
      worktree: { copy: [".env"], setup: null, keep: false },
      verify: "npm test",
      projects: {
        "~/shop/": { worktree: { setup: "npm ci" }, verify: "make check" },
        "/srv/x": { worktree: { copy: ["*.key"] }, verify: null },
      },
    }),
    folder,
    "/home/you",
  );
  expect(settings).toEqual({ worktree: { copy, setup, keep: false }, verify });
});

describe("a wrong value is an error, where it stands", () => {
  test.each([
    ["worktree: { copy: .env }\n", "1:19 error expected a list of patterns, as in .gitignore"],
    ["worktree: { keep: maybe }\n", "1:19 error expected true or false"],
    ["projects: { shop: { verify: x } }\n", "1:13 error expected a folder: ~/… or /…"],
    ["retry: { on_verify: -1 }\n", "1:21 error expected 0 or more"],
  ])("%j", (source, problem) => {
    const [first = ""] = problems(source);
    expect(first).toStartWith(problem);
  });

  test.each<[what: string, source: string, expected: string[]]>([
    [
      "broken YAML",
      "models:\n  opus: {backend: claude\ndefault: opus\n",
      ["3:1 error flow map in block collection must be sufficiently indented and end with a }"],
    ],
    ["a tab", "default: opus\n\tmodels: 1\n", ["2:1 error tabs are not allowed as indentation"]],
    [
      "a key twice",
      "models:\n  opus: { backend: claude }\n  opus: { backend: codex }\n",
      ["3:3 error this key stands twice; expected each key once"],
    ],
    [
      "a YAML alias without its anchor",
      "default: *opus\n",
      ["1:10 error unresolved alias (the anchor must be set before the alias): opus"],
    ],
    [
      "text",
      "just text",
      [
        '1:1 error expected a mapping with the keys default, backends, models, aliases, found "just text"',
      ],
    ],
    [
      "a model without a mapping",
      "models:\n  opus: claude\n",
      ['2:9 error expected { backend: NAME }, found "claude"'],
    ],
    [
      "a model with nothing",
      "models:\n  opus:\n",
      ["2:3 error expected { backend: NAME }, found null"],
    ],
    [
      "a model without a backend",
      "models:\n  opus: {}\n",
      ["2:3 error models.opus.backend: expected { backend: NAME }"],
    ],
    [
      "a backend that is no text",
      "models:\n  opus: { backend: 5 }\n",
      ["2:20 error expected 'backend: NAME', found 5"],
    ],
    [
      "an agent without a command",
      "agents:\n  harvey: {}\n",
      ["2:3 error agents.harvey.command: expected { command: … }"],
    ],
    [
      "an empty command",
      'backends:\n  mine: { command: "" }\n',
      ['2:20 error expected text, found ""'],
    ],
    [
      "a name of two words",
      "default: my model\n",
      ['1:10 error expected a name without spaces or quotes, found "my model"'],
    ],
    [
      "a key of two words",
      "models:\n  my model: { backend: claude }\n",
      ['2:3 error expected a name without spaces or quotes, found "my model"'],
    ],
    // Every object has them without being told.
    [
      "names that are found wherever names are looked up",
      "models:\n  constructor: { backend: claude }\n  opus: { backend: claude }\nbackends:\n  prototype:\n",
      [
        '2:3 error expected a name without spaces or quotes, found "constructor"',
        '5:3 error expected a name without spaces or quotes, found "prototype"',
      ],
    ],
    [
      "a limit for such a name",
      "limits:\n  per_backend: { constructor: 1 }\n",
      ['2:18 error expected a name without spaces or quotes, found "constructor"'],
    ],
    [
      "an agent with such a name",
      "agents:\n  toString: { command: x }\n",
      ['2:3 error expected a name without spaces or quotes, found "toString"'],
    ],
    [
      "a duration",
      "answer_timeout: 3 minutes\n",
      ['1:17 error expected a duration like 30s, 3m or 2h, found "3 minutes"'],
    ],
    [
      "a duration below nothing",
      "answer_timeout: -5\n",
      ["1:17 error expected a duration like 30s, 3m or 2h, found -5"],
    ],
    [
      "an alias's duration",
      "models: { opus: { backend: claude } }\naliases:\n  r:\n    model: opus\n    answer_timeout: true\n",
      ["5:21 error expected a duration like 30s, 3m or 2h, found true"],
    ],
    [
      "true or false",
      'confirm_default: "yes"\n',
      ['1:18 error expected true or false, found "yes"'],
    ],
    [
      "a prompt",
      "models: { m: { backend: claude } }\naliases:\n  r: { model: m, prompt: 5 }\n",
      ["3:26 error expected text, found 5"],
    ],
    [
      "a depth that is no number",
      "limits:\n  depth: deep\n",
      ['2:10 error expected a whole number, found "deep"'],
    ],
    [
      "a depth with a fraction",
      "limits:\n  depth: 1.5\n",
      ["2:10 error expected a whole number, found 1.5"],
    ],
    [
      "a depth below nothing",
      "limits:\n  depth: -1\n",
      ["2:10 error expected 0 or more, found -1"],
    ],
    [
      "how many at a time",
      "limits: { parallel: many }\n",
      ['1:21 error expected auto, none or a number, found "many"'],
    ],
    [
      "none at a time",
      "limits:\n  parallel: 0\n  per_project: 0\n  per_backend: { claude: 0 }\n",
      [
        "2:13 error expected 1 or more, found 0",
        "3:16 error expected 1 or more, found 0",
        "4:26 error expected 1 or more, found 0",
      ],
    ],
    [
      "half a worker",
      "limits: { parallel: 1.5, per_project: 2.5, per_backend: { codex: 1.5 } }\n",
      [
        "1:21 error expected a whole number, found 1.5",
        "1:39 error expected a whole number, found 2.5",
        "1:66 error expected a whole number, found 1.5",
      ],
    ],
    [
      "of each backend",
      "limits:\n  per_backend: 2\n",
      ["2:16 error expected a mapping (name: …), found 2"],
    ],
    [
      "times of the limits",
      "limits:\n  stagger: soon\n  time_limit: 1 hour\n  stall_after: true\n",
      [
        '2:12 error expected a duration like 30s, 3m or 2h, found "soon"',
        '3:15 error expected a duration like 30s, 3m or 2h, found "1 hour"',
        "4:16 error expected a duration like 30s, 3m or 2h, found true",
      ],
    ],
    [
      "tries",
      "retry: { attempts: -1, first: soon, longest: -2 }\n",
      [
        "1:20 error expected 0 or more, found -1",
        '1:31 error expected a duration like 30s, 3m or 2h, found "soon"',
        "1:46 error expected a duration like 30s, 3m or 2h, found -2",
      ],
    ],
    [
      "a number for all tries",
      "retry: 5\n",
      ["1:8 error expected a mapping (key: value), found 5"],
    ],
    [
      "whether the lost are resumed",
      "resume_lost: yes\n",
      ['1:14 error expected true or false, found "yes"'],
    ],
    [
      "whom to tell",
      'notify:\n  command: ""\n  url: example\n  desktop: 1\n  on: question\n',
      [
        '2:12 error expected text, found ""',
        '3:8 error expected a URL, found "example"',
        "4:12 error expected true or false, found 1",
        '5:7 error expected a list, found "question"',
      ],
    ],
    [
      "what to tell of",
      "notify:\n  on: [question, end]\n",
      ['2:3 error expected question, outcome, stall, found "end"'],
    ],
    [
      "an alias's times",
      "models: { opus: { backend: claude } }\naliases:\n  r: { model: opus, time_limit: long, stall_after: -1 }\n",
      [
        '3:33 error expected a duration like 30s, 3m or 2h, found "long"',
        "3:52 error expected a duration like 30s, 3m or 2h, found -1",
      ],
    ],
    [
      "a fallback that is no list",
      "models:\n  opus: { backend: claude, fallback: gpt }\naliases:\n  r: { model: opus, fallback: gpt }\n",
      [
        '2:38 error expected a list of names, found "gpt"',
        '4:31 error expected a list of names, found "gpt"',
      ],
    ],
    [
      "a fallback of two words",
      "models:\n  opus:\n    backend: claude\n    fallback: [my model]\n",
      ['4:5 error expected a name without spaces or quotes, found "my model"'],
    ],
    [
      "several, by their place",
      "default: my model\nlimits: { depth: -1 }\nanswer_timeout: true\n",
      [
        '1:10 error expected a name without spaces or quotes, found "my model"',
        "2:18 error expected 0 or more, found -1",
        "3:17 error expected a duration like 30s, 3m or 2h, found true",
      ],
    ],
  ])("%s", (_, source, expected) => {
    expect(problems(source)).toEqual(expected);
    expect(read(source).config).toBeNull();
  });

  const places = (source: string) => problems(source).map((problem) => problem.split(" ")[0]!);

  test("what was not expected, over several lines, is told where it stands", () => {
    const source = " default: opus\nanswer_timeout: 3m\n  depth: 0\nagents: {}\n";
    expect(places(source)).toEqual([
      "2:1",
      "2:15",
      "2:17",
      "3:8",
      "3:10",
      "4:1",
      "4:7",
      "4:9",
      "4:10",
    ]);
  });

  test("what keeps it from being read at all is told by its place too", () => {
    expect(places("backend: claude\n[")).toEqual(["2:1", "2:2"]);
  });

  test("nothing is said besides", () => {
    const said = spyOn(process, "emitWarning").mockImplementation(() => {});
    expect(places("? [default, backends]\n: opus\n")).toEqual(["1:1"]);
    expect(said).not.toHaveBeenCalled();
    said.mockRestore();
  });

  // A list where a mapping is expected would else be read as an empty one. The place is the key's.
  test.each([
    ["at the top", "- opus\n", "1:1"],
    ["of models", "models: []\n", "1:1"],
    ["of aliases", "aliases: []\n", "1:1"],
    ["of backends", "backends: []\n", "1:1"],
    ["of limits", "limits: []\n", "1:1"],
    ["of limits by backend", "limits: { per_backend: [2] }\n", "1:11"],
    ["of tries", "retry: [5]\n", "1:1"],
    ["of whom to tell", "notify: [me]\n", "1:1"],
    ["for a model", "models:\n  opus: [claude]\n", "2:3"],
    ["for an alias", "aliases:\n  r: [opus]\n", "2:3"],
    ["that is written elsewhere", "x: &list []\nmodels: *list\n", "2:1"],
  ])("a list %s", (_, source, at) => {
    const { config: usable, problems: found } = read(source);
    expect(usable).toBeNull();
    expect(found.map(({ line, column, severity }) => `${line}:${column} ${severity}`)).toEqual([
      `${at} error`,
    ]);
  });

  test("what was meant to exhaust the memory is a problem too", () => {
    const row = (name: string, of: string) =>
      `${name}: &${name} [${Array(10).fill(of).join(",")}]\n`;
    const source = row("a", "1") + row("b", "*a") + row("c", "*b") + row("d", "*c");
    const { config: usable, problems: found } = read(source);
    expect(usable).toBeNull();
    expect(found.some(({ severity }) => severity === "error")).toBe(true);
  });
});

describe("a name that leads nowhere is an error", () => {
  const models = "models:\n  opus: { backend: claude }\n  sonnet: { backend: claude }\n";
  test.each<[what: string, source: string, expected: string[]]>([
    [
      "a default",
      `${models}default: opos\n`,
      ["4:10 error default names opos, which is not there; did you mean opus?"],
    ],
    [
      "a default, and nothing near",
      `default: gemini\n${models}`,
      ["1:10 error default names gemini, which is not there; expected one of: opus, sonnet"],
    ],
    [
      "a default, and nothing at all",
      "default: opus\n",
      ["1:10 error default names opus, which is not there; expected one of: none yet"],
    ],
    [
      "a backend of a model",
      "models:\n  opus: { backend: cloude }\n",
      ["2:20 error model opus names backend cloude, which is not there; did you mean claude?"],
    ],
    [
      "a backend of a model, and nothing near",
      "backends: { mine: { command: x } }\nmodels:\n  opus: { backend: vertex }\n",
      [
        "3:20 error model opus names backend vertex, which is not there; expected one of: mine, claude, codex, cursor",
      ],
    ],
    [
      "a backend that is not built in, without a command",
      "backends:\n  cloude:\n",
      ["2:3 error backend cloude is not built in, so it needs a command; did you mean claude?"],
    ],
    [
      "an alias's model",
      `${models}aliases:\n  r: { model: sonet }\n`,
      ["5:15 error alias r names model sonet, which is not there; did you mean sonnet?"],
    ],
    [
      "an alias without a model",
      `${models}aliases:\n  r: { prompt: Hi }\n`,
      ["5:3 error alias r needs a model: NAME"],
    ],
    [
      "an alias of itself",
      `${models}aliases:\n  r: { model: r }\n`,
      ["5:15 error aliases run in a loop: r → r"],
    ],
    [
      "a fallback of a model",
      `models:\n  opus: { backend: claude, fallback: [sonet] }\n  sonnet: { backend: claude }\n`,
      ["2:28 error the fallback of opus names sonet, which is not there; did you mean sonnet?"],
    ],
    [
      "one of several fallbacks, and nothing near",
      `${models}aliases:\n  r: { model: opus, fallback: [sonnet, gemini, r] }\n`,
      [
        "5:21 error the fallback of r names gemini, which is not there; expected one of: r, opus, sonnet",
      ],
    ],
    [
      "each of several fallbacks",
      `${models}aliases:\n  r:\n    model: opus\n    fallback: [x1, x2]\n`,
      [
        "7:5 error the fallback of r names x1, which is not there; expected one of: r, opus, sonnet",
        "7:5 error the fallback of r names x2, which is not there; expected one of: r, opus, sonnet",
      ],
    ],
    [
      "aliases in a loop, and one that leads into it",
      `${models}aliases:\n  a: { model: b }\n  b: { model: a }\n  c: { model: a }\n`,
      [
        "5:15 error aliases run in a loop: a → b → a",
        "6:15 error aliases run in a loop: b → a → b",
        "7:15 error aliases run in a loop: c → a → b → a",
      ],
    ],
  ])("%s", (_, source, expected) => {
    expect(problems(source)).toEqual(expected);
    expect(read(source).config).toBeNull();
  });
});

describe("an unknown key is a warning at the key, and the config can be used", () => {
  test.each<[what: string, source: string, expected: string[]]>([
    ["misspelt", "defualt: opus\n", ["1:1 warning unknown key defualt; did you mean default?"]],
    [
      "unlike any",
      "colour: red\n",
      [
        "1:1 warning unknown key colour; expected default, confirm_default, backends, models, aliases, agents, answer_timeout, limits, retry, resume_lost, notify, worktree, verify, projects",
      ],
    ],
    [
      "in a model",
      "models:\n  opus: { backend: claude, bakend: x }\n",
      ["2:28 warning unknown key bakend; did you mean backend?"],
    ],
    [
      "in an alias",
      "models: { opus: { backend: claude } }\naliases:\n  r:\n    model: opus\n    promt: Hi\n",
      ["5:5 warning unknown key promt; did you mean prompt?"],
    ],
    [
      "in a backend",
      "backends:\n  claude: { comand: x }\n",
      ["2:13 warning unknown key comand; did you mean command?"],
    ],
    [
      "in an agent",
      "agents:\n  a: { command: x, model: y }\n",
      ["2:20 warning unknown key model; expected command"],
    ],
    [
      "in the limits",
      "limits: { dept: 1 }\n",
      ["1:11 warning unknown key dept; did you mean depth?"],
    ],
    [
      "in the limits, unlike any",
      "limits:\n  workers: 3\n",
      [
        "2:3 warning unknown key workers; expected parallel, per_project, per_backend, stagger, depth, time_limit, stall_after",
      ],
    ],
    [
      "in the tries",
      "retry: { atempts: 1 }\n",
      ["1:10 warning unknown key atempts; did you mean attempts?"],
    ],
    [
      "in whom to tell",
      "notify: { uri: x }\n",
      ["1:11 warning unknown key uri; did you mean url?"],
    ],
    [
      "with nothing behind it",
      "models:\n  opus:\n    backend: claude\n    modle:\n",
      ["4:5 warning unknown key modle; expected backend, fallback"],
    ],
  ])("%s", (_, source, expected) => {
    expect(problems(source)).toEqual(expected);
    expect(read(source).config).not.toBeNull();
  });

  test("beside an error, both are told in their order", () => {
    expect(problems("defualt: opus\nmodels:\n  opus: claude\n")).toEqual([
      "1:1 warning unknown key defualt; did you mean default?",
      '3:9 error expected { backend: NAME }, found "claude"',
    ]);
  });
});
