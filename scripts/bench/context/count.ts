/**
 * What a piece of a conversation costs, in tokens, and who wrote it. Claude's own tokenizer is
 * not public: o200k_base stands in for it.
 */

import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { hooks } from "../../../skills/dispatch/.claude-plugin/plugin.json";

export const tokens = (text: string): number => countTokens(text);

/** Tokens, by who wrote them. */
export interface Cost {
  /** The skill's body, what its commands print, and what workers have to say. */
  own: number;
  /** The session's model: prose, and tool calls with their input. */
  model: number;
  /** Typed by the user. */
  user: number;
  /** What the host program wraps around all that, or adds to it. */
  envelope: number;
}

export const nothing: Cost = { own: 0, model: 0, user: 0, envelope: 0 };

export const sum = (costs: readonly Cost[]): Cost =>
  costs.reduce(
    (a, b) => ({
      own: a.own + b.own,
      model: a.model + b.model,
      user: a.user + b.user,
      envelope: a.envelope + b.envelope,
    }),
    nothing,
  );

export const total = ({ own, model, user, envelope }: Cost) => own + model + user + envelope;

/** What a session's conversation is known to hold. */
export interface Known {
  /** The skill's body. */
  body: string;
  /** All that the user has typed, line by line. */
  typed: readonly string[];
}

export interface Block {
  role: string;
  type: string;
  text: string;
  /** Of a tool's use: its id, name and input; of a result: the id of the use. */
  id?: string;
  name?: string;
  input?: any;
}

/** A request's conversation, its blocks one after the other, in one shape for one content. */
export function blocksOf(messages: readonly any[]): Block[] {
  return messages.flatMap(({ role, content }): Block[] =>
    (typeof content === "string" ? [{ type: "text", text: content }] : content).map(
      (block: any) => {
        switch (block.type) {
          case "text":
            return { role, type: "text", text: block.text };
          case "tool_use": {
            const { id, name, input } = block;
            return {
              role,
              type: "tool_use",
              text: `${name}${JSON.stringify(input)}`,
              id,
              name,
              input,
            };
          }
          case "tool_result":
            return {
              role,
              type: "tool_result",
              text: textOf(block.content),
              id: block.tool_use_id,
            };
          default:
            throw new Error(`a block of type ${block.type}: nobody has said what it costs`);
        }
      },
    ),
  );
}

const textOf = (content: any): string =>
  typeof content === "string" ? content : content.map(({ text }: any) => text).join("\n");

/** The cost of some blocks of a conversation. */
export function costOf(some: readonly Block[], all: readonly Block[], known: Known): Cost {
  return sum(some.map((block) => costOfBlock(block, all, known)));
}

function costOfBlock(block: Block, all: readonly Block[], known: Known): Cost {
  const whole = tokens(block.text);
  if (block.role === "assistant") return { ...nothing, model: whole };
  if (block.type === "tool_result") {
    const use = all.find(({ type, id }) => type === "tool_use" && id === block.id)!;
    return isReceipt(use, block.text)
      ? { ...nothing, envelope: whole }
      : { ...nothing, own: whole };
  }
  const user = block.role === "user" ? typedIn(block.text, known) : 0;
  const own = user > 0 ? 0 : ownParts(block.text, known).reduce((n, part) => n + tokens(part), 0);
  return { ...nothing, own, user, envelope: whole - own - user };
}

/** The host's own words about a tool, not what somebody's command has printed. */
const isReceipt = ({ name, input }: Block, result: string) =>
  name === "Write" ||
  name === "Agent" ||
  input?.run_in_background === true ||
  result === "(Bash completed with no output)";

/** What the user typed of a text that the host may have put tags around. */
function typedIn(text: string, { typed }: Known): number {
  const [, args] =
    /^<command-message>[^]*?(?:<command-args>([^]*)<\/command-args>\s*)?$/.exec(text) ?? [];
  const isCommand = text.startsWith("<command-message>");
  const words = isCommand
    ? ["/dispatch", args].filter((part) => part !== undefined).join(" ")
    : text;
  if (typed.includes(words)) return tokens(words);
  if (isCommand || !/^(?:<system-reminder>|Base directory for this skill:)/.test(text))
    throw new Error(`nobody has typed this: ${text.slice(0, 200)}`);
  return 0;
}

const news = hooks.Stop[0]!.hooks[0]!;
/** The words of a skill or of its workers within a text of the host's. */
const own = [
  new RegExp(`<summary>(${news.rewakeSummary})</summary>`, "g"),
  new RegExp(`<system-reminder>\\n(${news.rewakeMessage}[^]*?)\\n+&lt;/system-reminder`, "g"),
  /^\w+ hook success: ([^]*)$/gm,
  /<result>([^]*?)<\/result>/g,
];

function ownParts(text: string, { body }: Known): string[] {
  if (text.includes(body)) return [body];
  if (text.startsWith("Base directory"))
    throw new Error("the skill's body is not as it was installed");
  const parts = own.flatMap((pattern) => [...text.matchAll(pattern)].map(([, part]) => part!));
  if (text.includes(news.rewakeMessage) && !parts.join().includes(news.rewakeMessage))
    throw new Error(`the host wraps news in another way than before: ${text}`);
  return parts;
}
