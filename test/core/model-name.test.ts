import { describe, expect, test } from "bun:test";
import {
  claudeFamilyOf,
  isModelName,
  isOpenAiModel,
  lastMention,
  modelLikeMentions,
  providerOf,
  wantsWorktree,
} from "../../src/core/model-name.ts";

describe("a name tells whose model it is", () => {
  test.each<[name: string, claude: string | null, openAi: boolean, provider: string]>([
    ["opus", "opus", false, "Anthropic"],
    ["Sonnet", "sonnet", false, "Anthropic"],
    ["haiku-4.5", "haiku", false, "Anthropic"],
    ["sonnet-4.6", "sonnet", false, "Anthropic"],
    ["opus-4.5-thinking", "opus", false, "Anthropic"],
    ["claude-opus-4-6", "opus", false, "Anthropic"],
    ["anthropic/claude-sonnet-4.5", "sonnet", false, "Anthropic"],
    ["opus[1m]", "opus", false, "Anthropic"],
    ["sonnet4", "sonnet", false, "Anthropic"],
    ["claude", null, false, "Anthropic"],
    ["gpt-5.3-codex", null, true, "OpenAI"],
    ["GPT-5", null, true, "OpenAI"],
    ["codex", null, true, "OpenAI"],
    ["codex-mini-latest", null, true, "OpenAI"],
    ["o1", null, true, "OpenAI"],
    ["o1-preview", null, true, "OpenAI"],
    ["o3", null, true, "OpenAI"],
    ["o3-pro", null, true, "OpenAI"],
    ["o4-mini", null, true, "OpenAI"],
    ["o4-mini-high", null, true, "OpenAI"],
    ["openai/o3", null, true, "OpenAI"],
    // o1 and o3 count as words only: they are short enough to stand in other names.
    ["yolo1", null, false, "Other"],
    ["foo32", null, false, "Other"],
    ["gemini-3.1-pro", null, false, "Google"],
    ["grok-4", null, false, "xAI"],
    ["composer-1", null, false, "Cursor"],
    ["kimi-k2", null, false, "Moonshot"],
    ["deepseek-v3", null, false, "DeepSeek"],
    ["qwen3-coder", null, false, "Alibaba"],
    ["glm-4.6", null, false, "Zhipu"],
    ["llama-4", null, false, "Meta"],
    ["devstral-2", null, false, "Mistral"],
    ["auto", null, false, "Other"],
  ])("%p", (name, claude, openAi, provider) => {
    expect([claudeFamilyOf(name), isOpenAiModel(name), providerOf(name)]).toEqual([
      claude,
      openAi,
      provider,
    ]);
  });
});

describe("a name can stand in a config and on a command line", () => {
  test.each<[string, boolean]>([
    ["opus", true],
    ["gpt-5.3-codex", true],
    ["openai/gpt-5", true],
    ["llama3:8b", true],
    ["opus[1m]", true],
    ["user@host", true],
    ["4", true],
    ["", false],
    ["-m", false],
    ["--model", false],
    [".hidden", false],
    ["two words", false],
    ["a\nb", false],
    ["a'b", false],
    ['a"b', false],
    ["$HOME", false],
    ["a;b", false],
    ["../x", false],
    ["naïve", false],
    // Names are looked up in objects, which have these already.
    ["constructor", false],
    ["toString", false],
  ])("%p: %p", (name, expected) => {
    expect(isModelName(name)).toBe(expected);
  });

  test("of at most 100 characters", () => {
    expect([isModelName("a".repeat(100)), isModelName("a".repeat(101))]).toEqual([true, false]);
  });
});

describe("a name is mentioned where it stands as a whole word", () => {
  test.each<[text: string, at: number]>([
    ["opus", 0],
    ["use opus", 4],
    ["use OPUS", 4],
    ["use opus.", 4],
    ["use opus, please", 4],
    ["use opus: it is best", 4],
    ["use opus!", 4],
    ["opus's view", 0],
    ["opus’s view", 0],
    ["use 'opus'", 5],
    ["use `opus`", 5],
    ["(opus)", 1],
    ["@opus", 1],
    ["--model=opus", 8],
    ["opus…", 0],
    ["opus...", 0],
    ["opus\nsonnet", 0],
    ["opus, then opus again", 11],
    ["opus, then opus.ts", 0],
    ["opus.ts", -1],
    ["opus.py:3", -1],
    ["my.opus", -1],
    ["claude-opus", -1],
    ["opus-4.6", -1],
    ["opus_test", -1],
    ["my_opus", -1],
    ["src/opus/x", -1],
    ["src/opus", -1],
    ["opus/x", -1],
    ["C:\\opus\\x", -1],
    ["opuses", -1],
    ["opus2", -1],
    ["magnopus", -1],
    ["éopus", -1],
    ["opus:latest", -1],
    ["", -1],
  ])("%j: %p", (text, at) => {
    expect(lastMention(text, "opus")).toBe(at);
  });
});

describe("words that have the shape of a model's name, last one first", () => {
  test.each<[text: string, mentions: string[]]>([
    ["use gemini to paint", ["gemini!"]],
    ["Use Gemini-3.1-Pro to paint", ["gemini-3.1-pro!"]],
    ["dispatch sonnet to review this", ["sonnet!"]],
    ["ask kimi-k2, then have qwen3-coder do it", ["qwen3-coder!", "kimi-k2!"]],
    ["write it with gpt-5.3.", ["gpt-5.3"]],
    ["compare gpt-4 and gpt-4.1", ["gpt-4.1", "gpt-4"]],
    ["use openai/gpt-5", []],
    ["the gemini api", []],
    ["reuse gemini", []],
    ["my-gpt-5 and x/gpt-5 and gpt-5_test", []],
    ["fix codex.ts", []],
    ["paint the shed", []],
    // A word that only begins like a family's name is an English word.
    ["use cursors for the pages", []],
    ["using grokking as a method", []],
    ["use geminids as a name", []],
    // Files.
    ["use CLAUDE.md as it stands", []],
    ["use opus.ts as a template", []],
    ["use codex.toml from the home folder", []],
    ["use sonnet/index.ts", []],
  ])("%j", (text, expected) => {
    const mentions = modelLikeMentions(text).map(
      ({ name, directed }) => name + (directed ? "!" : ""),
    );
    expect(mentions).toEqual(expected);
  });

  // A prompt may hold any identifier; looking through it must take no time.
  test.each([
    ["a long word before an underscore", `cursor${"a".repeat(26)}_x`],
    ["a long prompt", "use cursor-1.2.3/a:b ".repeat(5_000)],
  ])("come back from: %s", (_, text) => {
    const before = performance.now();
    modelLikeMentions(text);
    expect(performance.now() - before).toBeLessThan(150);
  });
});

describe("a prompt asks for a worktree", () => {
  test.each<[prompt: string, expected: boolean]>([
    ["fix the bug in a worktree", true],
    ["use a worktree for it", true],
    ["paint, using a git worktree", true],
    ["In its own worktree, paint the shed", true],
    ["in an isolated git worktree: paint", true],
    ["error handling audit. sonnet, worktree", true],
    ["sonnet, worktree. Paint the shed", true],
    ["paint the shed", false],
    ["fix the worktree command", false],
    ["explain git worktrees", false],
    ["test branches, worktrees and tags", false],
    ["test branches, worktree handling and tags", false],
    ["fix src/worktree.ts", false],
  ])("%j: %p", (prompt, expected) => {
    expect(wantsWorktree(prompt)).toBe(expected);
  });
});
