/**
 * What a model's name tells: whose it is, and where it stands in a prompt.
 * The families and the rules are those of the original skill's routing section.
 */

const claudeFamily = /(?:^|[^a-z])(opus|sonnet|haiku)(?:[^a-z]|$)/i;
const openAiFamily = /gpt|codex|(?:^|[^a-z0-9])(?:o1|o3|o4-mini)(?:[^a-z0-9]|$)/i;

/** `opus`, `sonnet` or `haiku` for any version of it, else null. */
export function claudeFamilyOf(model: string): string | null {
  return claudeFamily.exec(model)?.[1]?.toLowerCase() ?? null;
}

/** `opus`, `sonnet-4.6`, `claude-haiku-4.5`, `opus[1m]`: a name that Claude Code is sure to serve. */
export function isClaudeModel(model: string): boolean {
  return (
    claudeFamilyOf(model) !== null && (/\d/.test(model) || /^(?:claude-)?[a-z]+$/i.test(model))
  );
}

export function isOpenAiModel(model: string): boolean {
  return openAiFamily.test(model) && claudeFamilyOf(model) === null;
}

/**
 * A name that may stand in a config and on a command line: no spaces, no quotes, no leading dash,
 * and nothing that every object has already (`toString`), since names are looked up in objects.
 */
export function isModelName(text: string): boolean {
  return text.length <= 100 && /^[A-Za-z0-9][\w.:/@[\]-]*$/.test(text) && !(text in {});
}

/** Who made a model, for grouping: by its name only. */
export function providerOf(model: string): string {
  const name = model.toLowerCase();
  if (claudeFamilyOf(name) !== null || name.includes("claude")) return "Anthropic";
  if (isOpenAiModel(name)) return "OpenAI";
  const known: [string, string][] = [
    ["gemini", "Google"],
    ["grok", "xAI"],
    ["composer", "Cursor"],
    ["kimi", "Moonshot"],
    ["deepseek", "DeepSeek"],
    ["qwen", "Alibaba"],
    ["glm", "Zhipu"],
    ["llama", "Meta"],
    ["mistral", "Mistral"],
    ["devstral", "Mistral"],
  ];
  return known.find(([family]) => name.includes(family))?.[1] ?? "Other";
}

/**
 * Where `name` last stands in the text as a whole word, or -1. A word is bounded
 * by anything that cannot continue a model's name or a path: `opus.ts`,
 * `claude-opus` and `src/opus/` do not name opus; `opus.` and `opus's` do.
 */
export function lastMention(text: string, name: string): number {
  const haystack = text.toLowerCase();
  const needle = name.toLowerCase();
  for (
    let at = haystack.lastIndexOf(needle);
    at !== -1;
    at = at === 0 ? -1 : haystack.lastIndexOf(needle, at - 1)
  ) {
    const before = haystack.slice(Math.max(0, at - 1), at);
    const after = haystack.slice(at + needle.length, at + needle.length + 2);
    if (
      !/[\p{L}\p{N}_./\\-]/u.test(before) &&
      !/^(?:[\p{L}\p{N}_/\\-]|[.:][\p{L}\p{N}])/u.test(after)
    )
      return at;
  }
  return -1;
}

/** The original's worktree directive: "in a worktree", "use a worktree", or the word behind a comma. */
export function wantsWorktree(prompt: string): boolean {
  return /\b(?:in|use|using)\s+(?:a|its own|an isolated)\s+(?:git\s+)?worktree\b|,\s*worktree\s*(?:[.,;!]|$)/im.test(
    prompt,
  );
}

export interface Mention {
  name: string;
  /** A word like "use" stands before it, so that it can only mean a model. */
  directed: boolean;
}

// A family, a version, words behind hyphens; a file's name (`opus.ts`, `codex/x`) is none. All
// repeats are bounded, so that no prompt makes it slow.
const looksLikeModel =
  /(?<![\p{L}\p{N}_./\\-])(?:claude|opus|sonnet|haiku|gpt|codex|cursor|opencode|copilot|o[134]|gemini|grok|composer|kimi|deepseek|qwen|glm|llama|mistral|devstral)(?:[-.]?\d{1,4}(?:\.\d{1,4}){0,3}[a-z]{0,10})?(?:-[\p{L}\p{N}]{1,24}(?:\.\d{1,4})?){0,6}(?![\p{L}\p{N}_/\\-]|[.:][\p{L}\p{N}])/giu;
const directive = /(?:^|[^\p{L}])(?:use|using|dispatch|have|ask|via|let)\s+$/iu;

/** Words of the prompt that have the shape of a model's name, last one first. */
export function modelLikeMentions(text: string): Mention[] {
  const mentions: Mention[] = [];
  for (const match of text.matchAll(looksLikeModel)) {
    const name = match[0].toLowerCase();
    const follows = directive.test(text.slice(Math.max(0, match.index - 20), match.index));
    const isVersioned = /\d/.test(name);
    // "use cursor-based pages" speaks of pages.
    const directed = follows && (isVersioned || !name.includes("-"));
    if (follows || isVersioned) mentions.push({ name, directed });
  }
  return mentions.reverse();
}
