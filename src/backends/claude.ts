/**
 * Claude Code, `claude -p`; seen with 2.1.197 to 2.1.329.
 *
 * Its exit code does not tell: it is 0 with denied permissions too, and the
 * result's `subtype` says "success" for API errors, so `is_error` counts. As
 * root it refuses to skip permissions (but for IS_SANDBOX=1); allowing the
 * tools by name does a whole worker's run there.
 */

import { claudeFamilyOf } from "../core/model-name.ts";
import { type Cause, type StreamEvent, sumTokens, type Tokens } from "../core/stream.ts";
import type { Backend, Work } from "./backend.ts";
import {
  asArray,
  asNumber,
  asObject,
  asText,
  causeOf,
  type Json,
  parseObject,
  plainLine,
  sessionEvent,
  tokens,
  toolText,
} from "./reading.ts";

const bypass = "--dangerously-skip-permissions";
const allowByName = "--permission-mode acceptEdits --allowedTools Bash,Edit,Write,Read";

// Its aliases are families; a versioned name as people write it is not one and gets a 404.
const modelFlag = (model: string) => {
  const family = claudeFamilyOf(model);
  const context = /\[1m\]$/i.test(model) ? "[1m]" : "";
  return ["--model", family === null ? model : `${family}${context}`];
};

const mustAskPermission = ({ isRoot, env }: Pick<Work, "isRoot" | "env">) =>
  isRoot && env["IS_SANDBOX"] !== "1";

export const claude: Backend = {
  name: "claude",
  label: "Claude Code",
  binaries: ["claude"],
  install: "npm install -g @anthropic-ai/claude-code",
  // Its Bash tool ends a command after 120 s.
  askLimitMs: 110_000,
  stopSignal: "SIGINT",
  session: "chosen",
  mendCommand: (command, work) =>
    mustAskPermission(work) ? command.replaceAll(bypass, allowByName) : command,
  invocation: (work) => ({
    policy: ["-p", ...(mustAskPermission(work) ? allowByName.split(" ") : [bypass])],
    args: [
      "--output-format",
      "stream-json",
      "--verbose",
      ...(work.session === null ? [] : [work.resume ? "--resume" : "--session-id", work.session]),
      ...(work.model === null ? [] : modelFlag(work.model)),
    ],
    promptBy: "stdin",
  }),
  models: null,
  // Its own stable names.
  knownModels: ["opus", "sonnet", "haiku"],
  read: (line) => {
    const event = parseObject(line);
    return event === null ? stderrLine(line) : claudeEvents(event);
  },
  // `total_cost_usd` and `modelUsage` are the session's, whatever process it went on in.
  usage: "session",
  verdictMarks: ['"subtype":"init"', '"type":"assistant"', '"type":"result"'],
};

function stderrLine(line: string): StreamEvent[] {
  const cause = /cannot be used with root/.test(line) ? "start_failed" : null;
  return cause === null ? plainLine(line) : [{ kind: "error", text: line.trim(), cause }];
}

/** Its stream-json events, which other CLIs have taken over. */
export function claudeEvents(event: Json): StreamEvent[] {
  switch (event["type"]) {
    case "system":
      if (event["subtype"] === "init") {
        return sessionEvent(event["session_id"], asText(event["model"]) || null);
      }
      if (event["subtype"] === "api_retry") {
        const [error, status] = [asText(event["error"]), asNumber(event["error_status"])];
        const count = `${asNumber(event["attempt"])}/${asNumber(event["max_retries"])}`;
        const text = `retry ${count}: ${error} ${status ?? ""}`.trim();
        // Without a status there was no answer.
        const cause = errorCause(error, text) ?? (status === null ? "network" : null);
        const pauseMs = asNumber(event["retry_delay_ms"]);
        return [{ kind: "retry", text, cause, ...(pauseMs !== null && { pauseMs }) }];
      }
      return [];
    case "rate_limit_event":
      return limitEvent(asObject(event["rate_limit_info"]));
    case "assistant": {
      const error = asText(event["error"]);
      const content = asArray(asObject(event["message"])["content"]);
      const events = content.flatMap((block): StreamEvent[] => {
        if (block["type"] === "tool_use") {
          return [
            { kind: "tool", text: toolText(asText(block["name"]), asObject(block["input"])) },
          ];
        }
        const text = asText(block["text"]);
        if (block["type"] !== "text" || text === "") return [];
        return error === ""
          ? [{ kind: "said", text }]
          : [{ kind: "error", text, cause: errorCause(error, text) }];
      });
      return [...answeredBy(event), ...events];
    }
    case "user":
      return asArray(asObject(event["message"])["content"]).flatMap((block): StreamEvent[] => {
        if (block["type"] !== "tool_result") return [];
        const content = block["content"];
        const text =
          typeof content === "string"
            ? content
            : asArray(content)
                .map((part) => asText(part["text"]))
                .join("\n");
        return text === "" ? [] : [{ kind: "output", text }];
      });
    case "result":
      return [resultEvent(event)];
    default:
      return [];
  }
}

/** What it says itself, of an error, is by no model; what a subagent says, by a model of its own. */
function answeredBy(event: Json): StreamEvent[] {
  const model = asText(asObject(event["message"])["model"]);
  const isOwn = model === "<synthetic>" || asText(event["parent_tool_use_id"]) !== "";
  return model === "" || isOwn ? [] : [{ kind: "model", name: model }];
}

/** It tells of limits that are only near, too. */
function limitEvent(info: Json): StreamEvent[] {
  const resetsAt = asNumber(info["resetsAt"]);
  if (info["status"] !== "rejected" || resetsAt === null) return [];
  const text = `limit reached (${asText(info["rateLimitType"])})`;
  return [{ kind: "limit", text, resetsAtMs: resetsAt * 1_000 }];
}

function resultEvent(event: Json): StreamEvent {
  const text = asText(event["result"]);
  const ok = event["is_error"] !== true;
  const errors = Array.isArray(event["errors"]) ? event["errors"].map(asText).join("; ") : "";
  const denied = asArray(event["permission_denials"]).map((denial) =>
    toolText(asText(denial["tool_name"]), asObject(denial["tool_input"])),
  );
  return {
    kind: "result",
    ok,
    text: text || (ok ? "" : errors || asText(event["subtype"]).replaceAll("_", " ")),
    cause: ok ? null : (subtypeCause(asText(event["subtype"])) ?? causeOf(text)),
    denied,
    tokens: tokensSoFar(event),
    costUsd: asNumber(event["total_cost_usd"]),
  };
}

/** `modelUsage` counts every model and all results so far, `usage` only what came since the last. */
function tokensSoFar(event: Json): Tokens | null {
  const models = Object.values(asObject(event["modelUsage"])).map(asObject);
  if (models.length === 0) {
    const usage = asObject(event["usage"]);
    const { cache_read_input_tokens: cached, cache_creation_input_tokens: written } = usage;
    return wholeTokens(usage["input_tokens"], cached, written, usage["output_tokens"]);
  }
  return models
    .map((model) => {
      const { cacheReadInputTokens: cached, cacheCreationInputTokens: written } = model;
      return wholeTokens(model["inputTokens"], cached, written, model["outputTokens"]);
    })
    .reduce(sumTokens, null);
}

/** Claude's input leaves out what came from, or went into, the cache; ours is all of it. */
function wholeTokens(fresh: unknown, cached: unknown, written: unknown, output: unknown) {
  const input = asNumber(fresh);
  const all = input === null ? null : input + (asNumber(cached) ?? 0) + (asNumber(written) ?? 0);
  return tokens(all, cached, output);
}

function subtypeCause(subtype: string): Cause | null {
  if (subtype === "error_max_turns") return "turn_limit";
  return subtype === "error_max_budget_usd" ? "budget_limit" : null;
}

function errorCause(error: string, text: string): Cause | null {
  switch (error) {
    case "authentication_failed":
      return "auth";
    case "billing_error":
      return "billing";
    case "model_not_found":
      return "model_unavailable";
    default:
      return causeOf(text);
  }
}
