import { describe, expect, test } from "bun:test";
import { backendNames } from "../../src/backends/index.ts";
import { readConfig } from "../../src/core/config.ts";
import { type Found, formatConfig, guessDefault, modelsFor } from "../../src/core/new-config.ts";

const claude: Found = {
  backend: "claude",
  label: "Claude Code",
  models: ["opus", "sonnet", "haiku"],
};
const codex: Found = { backend: "codex", label: "Codex", models: ["gpt-5.3-codex", "gpt-5.2"] };
const cursor: Found = {
  backend: "cursor",
  label: "Cursor",
  models: ["auto", "sonnet-4.6", "gpt-5.3-codex", "gpt-5.4-high", "gemini-3.1-pro"],
};
const opencode: Found = {
  backend: "opencode",
  label: "opencode",
  models: ["openai/gpt-5", "opencode/big-pickle", "not a name"],
};
const gemini: Found = { backend: "gemini", label: "Gemini CLI", models: [] };

describe("each model goes to the backend that serves it best", () => {
  test.each<[what: string, found: Found[], models: Record<string, string>]>([
    ["nothing found", [], {}],
    ["claude", [claude], { opus: "claude", sonnet: "claude", haiku: "claude" }],
    [
      "claude, codex and cursor: neither Claude's nor OpenAI's through cursor",
      [claude, codex, cursor],
      {
        opus: "claude",
        sonnet: "claude",
        haiku: "claude",
        "gpt-5.3-codex": "codex",
        "gpt-5.2": "codex",
        auto: "cursor",
        "gemini-3.1-pro": "cursor",
      },
    ],
    [
      "cursor alone: all that it lists",
      [cursor],
      {
        auto: "cursor",
        "sonnet-4.6": "cursor",
        "gpt-5.3-codex": "cursor",
        "gpt-5.4-high": "cursor",
        "gemini-3.1-pro": "cursor",
      },
    ],
    [
      "the first that lists a model has it",
      [cursor, codex],
      {
        auto: "cursor",
        "sonnet-4.6": "cursor",
        "gemini-3.1-pro": "cursor",
        "gpt-5.3-codex": "codex",
        "gpt-5.2": "codex",
      },
    ],
    [
      "a provider's path stays with who lists it; what is no name is left out",
      [codex, opencode],
      {
        "gpt-5.3-codex": "codex",
        "gpt-5.2": "codex",
        "openai/gpt-5": "opencode",
        "opencode/big-pickle": "opencode",
      },
    ],
    ["a CLI without a list gets a model of its own name", [gemini], { gemini: "gemini" }],
  ])("%s", (_, found, models) => {
    expect(Object.fromEntries(modelsFor(found))).toEqual(models);
  });
});

test.each<[what: string, found: Found[], model: string | null]>([
  ["opus where it is there", [codex, claude], "opus"],
  ["else the first", [codex], "gpt-5.3-codex"],
  ["else none", [], null],
])("the guess for a default: %s", (_, found, model) => {
  expect(guessDefault(modelsFor(found))).toBe(model);
});

test("the first config, whole", () => {
  expect(formatConfig([claude, codex, gemini], "opus"))
    .toBe(`# dispatch: models and aliases can be named in any prompt
default: opus # used when a prompt names none

backends:
  claude: {} # Claude Code
  codex: {} # Codex
  gemini: {} # Gemini CLI

models:
  # Anthropic
  opus: { backend: claude }
  sonnet: { backend: claude }
  haiku: { backend: claude }
  # OpenAI
  gpt-5.3-codex: { backend: codex }
  gpt-5.2: { backend: codex }
  # Google
  gemini: { backend: gemini }

aliases: {}
# aliases:
#   security-reviewer:
#     model: opus
#     prompt: You are a security reviewer. Report what can be exploited, with file and line.
`);
});

const named = (...models: string[]): Found => ({ backend: "opencode", label: "opencode", models });

describe("the first config is read back without a problem", () => {
  test.each<[what: string, found: Found[]]>([
    ["claude", [claude]],
    ["codex", [codex]],
    ["cursor", [cursor]],
    ["all", [claude, codex, cursor, opencode, gemini]],
    ["names with slashes, colons and brackets", [named("a/b:free", "x@y", "opus[1m]", "m:8b")]],
    ["numbers as names", [named("4", "5.10", "1e3", "0x10", "2026-11-20", "007")]],
    ["words that YAML has for itself", [named("null", "true", "No", "y", "NaN")]],
  ])("%s", (_, found) => {
    const models = modelsFor(found);
    const fallback = guessDefault(models)!;
    const { config, problems } = readConfig(formatConfig(found, fallback), backendNames);
    expect(problems).toEqual([]);
    expect(config).toMatchObject({
      format: "models",
      default: fallback,
      backends: Object.fromEntries(found.map(({ backend }) => [backend, { command: null }])),
      aliases: {},
    });
    expect(config!.models).toEqual(
      Object.fromEntries([...models].map(([model, backend]) => [model, { backend, fallback: [] }])),
    );
  });

  test("and so is the alias that its comment shows", () => {
    const [head, comment] = formatConfig([claude], "opus").split("aliases: {}\n");
    const source = `${head}${comment!.replaceAll(/^# /gm, "")}`;
    const { config, problems } = readConfig(source, backendNames);
    expect(problems).toEqual([]);
    expect(config!.aliases["security-reviewer"]!.model).toBe("opus");
  });
});
