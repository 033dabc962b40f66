/**
 * Routing, a line a case. A route is written as one line too:
 *
 *     opus by claude, named                    a model of the config
 *     opus by claude as reviewer, flag         by an alias
 *     gemini-3.1-pro by cursor, named, new     to be added to the config
 *     undecided gemini · unknown gemini · no default
 */

import { describe, expect, test } from "bun:test";
import type { Config } from "../../src/core/config.ts";
import { type Available, type Route, route, type Routing } from "../../src/core/route.ts";
import { config } from "./builders.ts";

const everyday = config({
  default: "opus",
  models: {
    opus: "claude",
    sonnet: "claude",
    "gpt-5.3-codex": "codex",
    "gemini-3-flash": "cursor",
  },
  aliases: {
    reviewer: { model: "opus", prompt: "You review." },
    "security-reviewer": { model: "reviewer", prompt: "You look for holes." },
  },
});

const nothing = config();
const claudeOnly: Available = { installed: ["claude"], discovered: new Map([["claude", []]]) };
const everything: Available = {
  installed: ["claude", "codex", "cursor"],
  discovered: new Map([
    ["claude", ["opus", "sonnet", "haiku"]],
    ["codex", ["gpt-5.3-codex", "gpt-5.2"]],
    [
      "cursor",
      [
        "sonnet-4.6",
        "gpt-5.3-codex",
        "gpt-5.4-high",
        "gemini-3.1-pro",
        "grok-4",
        "Kimi-K2-Instruct",
      ],
    ],
  ]),
};
const notAsked: Available = { ...everything, discovered: null };
const cursorOnly: Available = {
  installed: ["cursor"],
  discovered: new Map([["cursor", everything.discovered!.get("cursor")!]]),
};
const codexOnly: Available = {
  installed: ["codex"],
  discovered: new Map([["codex", ["gpt-5.3-codex", "gpt-5.2"]]]),
};
const noCli: Available = { installed: [], discovered: new Map() };

function line(routing: Routing): string {
  switch (routing.kind) {
    case "routed": {
      const { model, backend, alias, why, isNew } = routing.route;
      return `${model} by ${backend}${alias === null ? "" : ` as ${alias}`}, ${why}${isNew ? ", new" : ""}`;
    }
    case "undecided":
      return `undecided ${routing.name}`;
    case "unknown":
      return `unknown ${routing.name}${routing.suggestion === null ? "" : `; did you mean ${routing.suggestion}?`}`;
    case "no_default":
      return "no default";
  }
}

const byWords = (prompt: string, from: Config = everyday, available: Available = everything) =>
  line(route({ prompt, model: null }, from, available));
const byFlag = (model: string, from: Config = everyday, available: Available = everything) =>
  line(route({ prompt: "use sonnet to paint", model }, from, available));
const whole = (prompt: string, from: Config): Route => {
  const routing = route({ prompt, model: null }, from, everything);
  if (routing.kind !== "routed") throw new Error(line(routing));
  return routing.route;
};

describe("a model or an alias of the config is named by a whole word of the prompt", () => {
  test.each<[prompt: string, expected: string]>([
    ["use sonnet to paint", "sonnet by claude, named"],
    ["dispatch Sonnet to paint", "sonnet by claude, named"],
    ["sonnet: paint", "sonnet by claude, named"],
    ["paint it. SONNET.", "sonnet by claude, named"],
    ["paint in sonnet's manner", "sonnet by claude, named"],
    ["paint (sonnet)", "sonnet by claude, named"],
    ["paint `sonnet`", "sonnet by claude, named"],
    ["paint, gpt-5.3-codex", "gpt-5.3-codex by codex, named"],
    ["have the reviewer look at it", "opus by claude as reviewer, named"],
    ["have the Security-Reviewer look", "opus by claude as security-reviewer, named"],
    // Words that only hold a name; the default is opus.
    ["fix sonnet.ts", "opus by claude, default"],
    ["fix src/sonnet/x", "opus by claude, default"],
    ["fix src/sonnet", "opus by claude, default"],
    ["fix sonnet_test", "opus by claude, default"],
    ["fix claude-sonnet", "opus by claude, default"],
    ["collect sonnets", "opus by claude, default"],
    ["write reviewers.md and reviewer-list", "opus by claude, default"],
  ])("%j: %s", (prompt, expected) => {
    expect(byWords(prompt)).toBe(expected);
  });
});

describe("of several names the last one counts, and of overlapping ones the longest", () => {
  test.each<[prompt: string, expected: string]>([
    ["have opus review and sonnet test", "sonnet by claude, named"],
    ["have sonnet review and opus test", "opus by claude, named"],
    ["sonnet, then the reviewer", "opus by claude as reviewer, named"],
    ["the reviewer, then sonnet", "sonnet by claude, named"],
    ["opus, sonnet, opus", "opus by claude, named"],
    ["sonnet for opus.ts", "sonnet by claude, named"],
    // A name of the config goes before one that is not in it.
    ["plan with opus, then use grok-4 to write", "opus by claude, named"],
    ["ask the security-reviewer", "opus by claude as security-reviewer, named"],
  ])("%j: %s", (prompt, expected) => {
    expect(byWords(prompt)).toBe(expected);
  });

  const overlapping = config({
    models: {
      opus: "claude",
      "opus[1m]": "claude",
      llama3: "opencode",
      "llama3:8b": "opencode",
      "ollama:opus": "opencode",
      "openai/gpt-5": "opencode",
      "gpt-5": "codex",
    },
  });
  test.each<[prompt: string, expected: string]>([
    ["use opus[1m] for it", "opus[1m] by claude, named"],
    ["use llama3:8b for it", "llama3:8b by opencode, named"],
    ["use ollama:opus for it", "ollama:opus by opencode, named"],
    ["use openai/gpt-5 for it", "openai/gpt-5 by opencode, named"],
    ["use gpt-5 for it", "gpt-5 by codex, named"],
  ])("%j: %s", (prompt, expected) => {
    expect(byWords(prompt, overlapping)).toBe(expected);
  });
});

describe("--model wins over words", () => {
  test.each<[model: string, expected: string]>([
    ["opus", "opus by claude, flag"],
    ["OPUS", "opus by claude, flag"],
    ["reviewer", "opus by claude as reviewer, flag"],
    ["Reviewer", "opus by claude as reviewer, flag"],
    ["haiku", "haiku by claude, flag, new"],
    ["gpt-5.2", "gpt-5.2 by codex, flag, new"],
    ["GPT-5.3-Codex", "gpt-5.3-codex by codex, flag"],
    ["sonet", "unknown sonet; did you mean sonnet?"],
    ["", "unknown "],
  ])("--model %j: %s", (model, expected) => {
    expect(byFlag(model)).toBe(expected);
  });
});

describe("an alias gives its model, and its prompt to be put first", () => {
  const dressed = config({
    models: { opus: "claude", Sonnet: "claude", haiku: "claude" },
    aliases: {
      plain: { model: "opus" },
      opus: { model: "opus", prompt: "Be thorough." },
      reviewer: { model: "opus", prompt: "You review.", answerTimeoutMs: 600_000 },
      "security-reviewer": { model: "reviewer", prompt: "You look for holes." },
      quiet: { model: "security-reviewer", answerTimeoutMs: 1_000 },
      SONNET: { model: "Sonnet", prompt: "Be brief." },
      Haiku: { model: "haiku", prompt: "Be briefer." },
      mine: { command: "my-agent --yes", prompt: "You are mine." },
      ours: { model: "mine", prompt: "You are ours." },
    },
  });
  test.each<[prompt: string, expected: Partial<Route>]>([
    [
      "reviewer",
      {
        model: "opus",
        alias: "reviewer",
        promptPrefix: "You review.\n\nBe thorough.",
        command: null,
      },
    ],
    [
      "security-reviewer",
      {
        model: "opus",
        alias: "security-reviewer",
        promptPrefix: "You look for holes.\n\nYou review.\n\nBe thorough.",
      },
    ],
    ["plain", { model: "opus", alias: "plain", promptPrefix: "Be thorough." }],
    // Of the same name as its model: it dresses the model, and is no loop.
    ["opus", { model: "opus", backend: "claude", alias: "opus", promptPrefix: "Be thorough." }],
    ["sonnet", { model: "Sonnet", backend: "claude", alias: "SONNET", promptPrefix: "Be brief." }],
    ["haiku", { model: "haiku", backend: "claude", alias: "Haiku", promptPrefix: "Be briefer." }],
    // An agent of the old format: its command line, as it stands.
    [
      "mine",
      {
        backend: "command",
        command: "my-agent --yes",
        alias: "mine",
        promptPrefix: "You are mine.",
      },
    ],
    [
      "ours",
      {
        backend: "command",
        command: "my-agent --yes",
        alias: "ours",
        promptPrefix: "You are ours.\n\nYou are mine.",
      },
    ],
  ])("%s", (prompt, expected) => {
    expect(whole(prompt, dressed)).toMatchObject(expected);
  });

  test.each<[prompt: string, ms: number]>([
    ["plain", 180_000],
    ["reviewer", 600_000],
    ["security-reviewer", 600_000],
    ["quiet", 1_000],
  ])("and its patience, or that of the alias below it: %s waits %p ms", (prompt, ms) => {
    expect(whole(prompt, dressed).answerTimeoutMs).toBe(ms);
  });
});

describe("what a model, its aliases and the config say of going on", () => {
  const patient = config({
    timeLimitMs: 1_000,
    stallAfterMs: 2_000,
    models: {
      opus: { backend: "claude", fallback: ["sonnet", "gpt-5.2"] },
      sonnet: "claude",
      "gpt-5.2": "codex",
    },
    aliases: {
      plain: { model: "opus" },
      picky: { model: "opus", fallback: ["gpt-5.2"], timeLimitMs: 10 },
      alone: { model: "picky", fallback: [], stallAfterMs: Infinity },
      below: { model: "alone", timeLimitMs: 20 },
      mine: { command: "my-agent", fallback: ["sonnet"], timeLimitMs: 30 },
    },
  });
  test.each<[name: string, fallback: string[], timeLimitMs: number, stallAfterMs: number]>([
    ["sonnet", [], 1_000, 2_000],
    ["opus", ["sonnet", "gpt-5.2"], 1_000, 2_000],
    ["plain", ["sonnet", "gpt-5.2"], 1_000, 2_000],
    ["picky", ["gpt-5.2"], 10, 2_000],
    // It says that there is none.
    ["alone", [], 10, Infinity],
    ["below", [], 20, Infinity],
    ["mine", ["sonnet"], 30, 2_000],
  ])(
    "%s: then %p, at most %p ms, silent for %p ms",
    (name, fallback, timeLimitMs, stallAfterMs) => {
      expect(whole(name, patient)).toMatchObject({ fallback, timeLimitMs, stallAfterMs });
    },
  );
});

describe("a backend's command of the config goes with whatever it serves", () => {
  const custom = config({
    default: "opus",
    backends: { claude: "claude -p --verbose", codex: null, mine: "my-agent" },
    models: { opus: "claude", "gpt-5.2": "codex", "opus-4.5": "cursor", fast: "mine" },
  });
  test.each<[prompt: string, backend: string, command: string | null]>([
    ["opus", "claude", "claude -p --verbose"],
    ["gpt-5.2", "codex", null],
    ["fast", "mine", "my-agent"],
    // Of the backend that it is served by, not of the one that the config names.
    ["opus-4.5", "claude", "claude -p --verbose"],
    ["use haiku", "claude", "claude -p --verbose"],
  ])("%s: %s, %p", (prompt, backend, command) => {
    expect(whole(prompt, custom)).toMatchObject({ backend, command });
  });
});

describe("a name that is not in the config is looked for among the CLIs' models", () => {
  test.each<[what: string, prompt: string, expected: string]>([
    ["by its family", "use gemini-3.1-pro to paint", "gemini-3.1-pro by cursor, named, new"],
    ["cut at a word's end", "use grok to paint", "grok-4 by cursor, named, new"],
    ["in another case", "use kimi-k2-instruct", "Kimi-K2-Instruct by cursor, named, new"],
    ["cut, in another case", "use Kimi-K2", "Kimi-K2-Instruct by cursor, named, new"],
    ["without a directing word", "paint it with grok-4", "grok-4 by cursor, named, new"],
    [
      "the last of two",
      "use grok-4, then use gemini-3.1-pro",
      "gemini-3.1-pro by cursor, named, new",
    ],
    ["nowhere", "use deepseek to paint", "unknown deepseek"],
    [
      "nowhere, but near",
      "use gemini-3.1-prx",
      "unknown gemini-3.1-prx; did you mean gemini-3.1-pro?",
    ],
  ])("%s", (_, prompt, expected) => {
    expect(byWords(prompt)).toBe(expected);
  });

  test.each<[what: string, name: string, expected: string]>([
    ["a configured name that is fuller goes first", "gpt-5.3", "gpt-5.3-codex by codex, flag"],
    ["in any case", "GPT-5.3", "gpt-5.3-codex by codex, flag"],
    ["a fuller name is only cut at a word's end", "gpt-5.3-cod", "gpt-5.3-cod by codex, flag, new"],
    ["a configured family", "gemini", "gemini-3-flash by cursor, flag"],
    ["to the letter before cut", "gemini-3.1-pro", "gemini-3.1-pro by cursor, flag, new"],
    ["a CLI's own name is its default model", "cursor", "cursor by cursor, flag, new"],
    ["in any case", "Cursor", "cursor by cursor, flag, new"],
  ])("%s: --model %s", (_, name, expected) => {
    expect(byFlag(name)).toBe(expected);
  });

  test.each<[what: string, prompt: string, available: Available, expected: string]>([
    [
      "gemini, of cursor",
      "use gemini to paint",
      cursorOnly,
      "gemini-3.1-pro by cursor, named, new",
    ],
    ["a family alias", "use sonnet to paint", claudeOnly, "sonnet by claude, named, new"],
    ["a versioned one", "use sonnet-4.6 to paint", claudeOnly, "sonnet-4.6 by claude, named, new"],
    [
      "another one",
      "dispatch opus-4.5-thinking",
      claudeOnly,
      "opus-4.5-thinking by claude, named, new",
    ],
    ["none of claude's", "use gpt-5.2 to paint", claudeOnly, "unknown gpt-5.2"],
    ["gpt, of codex", "use gpt-5.2 to paint", codexOnly, "gpt-5.2 by codex, named, new"],
    ["gpt, not in its list", "use gpt-6 to paint", codexOnly, "gpt-6 by codex, named, new"],
    ["o3", "use o3 to paint", codexOnly, "o3 by codex, named, new"],
    ["o4-mini", "use o4-mini to paint", codexOnly, "o4-mini by codex, named, new"],
    ["codex itself", "use codex to paint", codexOnly, "codex by codex, named, new"],
    ["none of codex's", "use sonnet to paint", codexOnly, "unknown sonnet"],
    ["no CLI at all", "use sonnet to paint", noCli, "unknown sonnet"],
  ])("with one CLI only: %s", (_, prompt, available, expected) => {
    expect(byWords(prompt, nothing, available)).toBe(expected);
  });

  test("what is known is told with an unknown name", () => {
    expect(route({ prompt: "", model: "sonet" }, everyday, claudeOnly)).toEqual({
      kind: "unknown",
      name: "sonet",
      suggestion: "sonnet",
      known: ["reviewer", "security-reviewer", "opus", "sonnet", "gpt-5.3-codex", "gemini-3-flash"],
    });
  });
});

describe("Claude's models go through claude where it is there, never through cursor or codex", () => {
  const borrowed = config({
    models: { "sonnet-4.6": "cursor", opus: "codex", "claude-haiku-4.5": "opencode" },
  });
  test.each<[what: string, name: string, from: Config, available: Available, expected: string]>([
    ["configured for cursor", "sonnet-4.6", borrowed, everything, "sonnet-4.6 by claude, flag"],
    ["configured for codex", "opus", borrowed, everything, "opus by claude, flag"],
    [
      "the person's own choice of another backend stays",
      "claude-haiku-4.5",
      borrowed,
      everything,
      "claude-haiku-4.5 by opencode, flag",
    ],
    ["without claude", "sonnet-4.6", borrowed, cursorOnly, "sonnet-4.6 by cursor, flag"],
    [
      "new, and listed by cursor",
      "sonnet-4.6",
      nothing,
      everything,
      "sonnet-4.6 by claude, flag, new",
    ],
    [
      "new, before the CLIs are asked",
      "sonnet-4.6",
      nothing,
      notAsked,
      "sonnet-4.6 by claude, flag, new",
    ],
    ["new, without claude", "sonnet-4.6", nothing, cursorOnly, "sonnet-4.6 by cursor, flag, new"],
    [
      "new, thinking",
      "opus-4.5-thinking",
      nothing,
      everything,
      "opus-4.5-thinking by claude, flag, new",
    ],
  ])("%s", (_, name, from, available, expected) => {
    expect(byFlag(name, from, available)).toBe(expected);
  });
});

describe("OpenAI's models go through codex where it is there, through cursor only without it", () => {
  const borrowed = config({
    models: { "gpt-5.2": "cursor", "o4-mini": "cursor", "openai/gpt-5": "opencode" },
  });
  test.each<[what: string, name: string, from: Config, available: Available, expected: string]>([
    ["configured for cursor", "gpt-5.2", borrowed, everything, "gpt-5.2 by codex, flag"],
    ["o4-mini, configured for cursor", "o4-mini", borrowed, everything, "o4-mini by codex, flag"],
    [
      "the person's own choice of another backend stays",
      "openai/gpt-5",
      borrowed,
      everything,
      "openai/gpt-5 by opencode, flag",
    ],
    ["without codex", "gpt-5.2", borrowed, cursorOnly, "gpt-5.2 by cursor, flag"],
    [
      "new, and listed by both",
      "gpt-5.3-codex",
      nothing,
      everything,
      "gpt-5.3-codex by codex, flag, new",
    ],
    [
      "new, and listed by cursor alone",
      "gpt-5.4-high",
      nothing,
      everything,
      "gpt-5.4-high by codex, flag, new",
    ],
    [
      "new, without codex",
      "gpt-5.4-high",
      nothing,
      cursorOnly,
      "gpt-5.4-high by cursor, flag, new",
    ],
    ["new, and listed by neither", "o3-pro", nothing, everything, "o3-pro by codex, flag, new"],
  ])("%s", (_, name, from, available, expected) => {
    expect(byFlag(name, from, available)).toBe(expected);
  });
});

describe("where nothing is named, the default", () => {
  const agents = config({
    format: "agents",
    default: "harvey",
    aliases: { harvey: { command: "agent -p --force" }, louis: { command: "claude -p" } },
  });
  test.each<[what: string, prompt: string, from: Config, expected: string]>([
    ["a model", "paint the shed", everyday, "opus by claude, default"],
    [
      "in any case",
      "paint",
      config({ default: "Opus", models: { opus: "claude" } }),
      "opus by claude, default",
    ],
    [
      "an alias",
      "paint",
      { ...everyday, default: "reviewer" },
      "opus by claude as reviewer, default",
    ],
    ["an agent of the old format", "paint", agents, "harvey by command as harvey, default"],
    ["another agent, named", "have louis paint", agents, "louis by command as louis, named"],
    ["none", "paint", { ...everyday, default: null }, "no default"],
    [
      "none, but one is named",
      "sonnet: paint",
      { ...everyday, default: null },
      "sonnet by claude, named",
    ],
    ["an empty prompt", "", everyday, "opus by claude, default"],
  ])("%s", (_, prompt, from, expected) => {
    expect(byWords(prompt, from)).toBe(expected);
  });
});

describe("words that are only what the task is about neither route nor fail", () => {
  test.each<[prompt: string]>([
    ["migrate the SDK from gpt-4 to gpt-4.1"],
    ["explain how llama-3.1-8b was trained"],
    ["update the price of deepseek-v3 in prices.json"],
    ["the gemini page is slow"],
    ["add a codex of conduct"],
    ["move the cursor to the end"],
    ["fix o1-visa.md and O1 notation"],
    ["use CLAUDE.md as it stands"],
    ["use gemini.json for the fixtures"],
    ["use opus.ts as a template"],
    ["use codex.toml for the settings"],
    ["use haiku/index.ts as a template"],
    ["use cursors for the pages"],
    ["use cursor-based pages in /items"],
    ["using grokking as a method"],
  ])("%j", (prompt) => {
    expect(byWords(prompt)).toBe("opus by claude, default");
  });
});

describe("the CLIs are asked for their models only when a name needs them", () => {
  test.each<[prompt: string, expected: string]>([
    ["paint the shed", "opus by claude, default"],
    ["use sonnet to paint", "sonnet by claude, named"],
    ["use haiku to paint", "haiku by claude, named, new"],
    ["use gpt-5.3 to paint", "gpt-5.3-codex by codex, named"],
    ["use grok to paint", "undecided grok"],
    ["paint it like grok-4", "undecided grok-4"],
    ["use CLAUDE.md as it stands", "opus by claude, default"],
  ])("%j: %s", (prompt, expected) => {
    expect(byWords(prompt, everyday, notAsked)).toBe(expected);
  });
});
