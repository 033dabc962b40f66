/**
 * Codex, `codex exec`; seen with 0.169.0.
 *
 * It waits for ever on an open stdin, so the prompt's file always is its stdin.
 * `--full-auto`, which the original skill's configs hold, ends today's codex
 * with exit 2; `-s workspace-write` is the same on old and new.
 */

import { resetOf } from "../core/reset.ts";
import type { StreamEvent } from "../core/stream.ts";
import type { Backend } from "./backend.ts";
import {
  asArray,
  asNumber,
  asObject,
  asText,
  causeOf,
  type Json,
  parseObject,
  sessionEvent,
  tokens,
} from "./reading.ts";

export const retiredFlag = "--full-auto";
export const withoutRetired = (command: string) =>
  command.replaceAll(retiredFlag, "-s workspace-write");

/** How it tells that another model answers than it has asked for; else it names none at all. */
const rerouted = "model rerouted: ";

export const codex: Backend = {
  name: "codex",
  label: "Codex",
  binaries: ["codex"],
  install: "npm install -g @openai/codex",
  askLimitMs: 170_000,
  stopSignal: "SIGTERM",
  session: "reported",
  mendCommand: withoutRetired,
  invocation: (work) => ({
    policy: ["exec", "-s", "workspace-write", "--skip-git-repo-check", "-C", work.cwd],
    args: [
      ...(work.model === null ? [] : ["-m", work.model]),
      ...[...work.folders, ...work.gitFolders].flatMap((folder) => ["--add-dir", folder]),
      "--json",
      // Unreachable, it would otherwise try again for ever.
      "-c",
      "features.unbounded_connection_retries=false",
      // Its shells are login shells, whose profile may set PATH anew: `dispatch` would be gone.
      "-c",
      "allow_login_shell=false",
      ...(work.resume && work.session !== null ? ["resume", work.session] : []),
      "-",
    ],
    promptBy: "stdin",
  }),
  models: {
    args: ["debug", "models"],
    parse: (stdout) =>
      asArray(asObject(JSON.parse(stdout))["models"])
        .filter((model) => model["visibility"] === "list")
        .sort((a, b) => (asNumber(a["priority"]) ?? 1e6) - (asNumber(b["priority"]) ?? 1e6))
        .map((model) => asText(model["slug"])),
  },
  // Of a CLI too old to list them.
  knownModels: ["gpt-5.5", "gpt-5.3-codex"],
  read: (line) => {
    const event = parseObject(line);
    return event === null ? stderrLine(line) : codexEvents(event);
  },
  // Those of the whole thread.
  usage: "session",
  // The first of them is not the log's first line where it has had to warn on stderr.
  verdictMarks: [
    '"type":"thread.started"',
    `"message":"${rerouted}`,
    '"type":"agent_message"',
    '"type":"turn.completed"',
  ],
};

function stderrLine(line: string): StreamEvent[] {
  const error = /^(?:.*\s)?(?:ERROR|Error|error):?\s+(.*)$/s.exec(line)?.[1];
  // A module's own diary: what is the matter with the run stands in an event.
  if (error !== undefined && /^[a-z_]+(?:::\w+)+:? /.test(error))
    return [{ kind: "retry", text: error, cause: null }];
  if (error !== undefined) return [{ kind: "error", text: error, cause: causeOf(error) }];
  return line.trim() === "" ? [] : [{ kind: "output", text: line }];
}

function codexEvents(event: Json): StreamEvent[] {
  switch (event["type"]) {
    case "thread.started":
      return sessionEvent(event["thread_id"], null);
    case "item.started":
      return itemStarted(asObject(event["item"]));
    case "item.completed":
      return itemCompleted(asObject(event["item"]));
    case "turn.completed": {
      const usage = asObject(event["usage"]);
      return [
        {
          kind: "result",
          ok: true,
          text: "",
          cause: null,
          denied: [],
          tokens: tokens(
            usage["input_tokens"],
            usage["cached_input_tokens"],
            usage["output_tokens"],
          ),
          costUsd: null,
        },
      ];
    }
    case "turn.failed": {
      const text = asText(asObject(event["error"])["message"]);
      return [
        {
          kind: "result",
          ok: false,
          text,
          cause: causeOf(text),
          denied: [],
          tokens: null,
          costUsd: null,
        },
      ];
    }
    case "error": {
      const text = asText(event["message"]);
      if (text.startsWith("Reconnecting")) return [retryEvent(text)];
      return [{ kind: "error", text, cause: causeOf(text) }];
    }
    default:
      return [];
  }
}

const longestPauseMs = 3_600_000;

/**
 * Its pauses double from 0.2 s. After a 429 it waits for as long as the service has said, which
 * it tells only where that stands in the text.
 */
function retryEvent(text: string): StreamEvent {
  const cause = causeOf(text) ?? "network";
  const count = /(\d+)\/\d/.exec(text)?.[1];
  const ownMs =
    count === undefined ? null : Math.min(longestPauseMs, 200 * 2 ** (Number(count) - 1));
  const pauseMs = cause === "rate_limit" ? resetOf(text, 0) : ownMs;
  return { kind: "retry", text, cause, ...(pauseMs !== null && { pauseMs }) };
}

function itemStarted(item: Json): StreamEvent[] {
  if (item["type"] !== "command_execution") return [];
  return [{ kind: "tool", text: `shell ${asText(item["command"])}` }];
}

function itemCompleted(item: Json): StreamEvent[] {
  switch (item["type"]) {
    case "agent_message":
      return [{ kind: "said", text: asText(item["text"]) }];
    case "command_execution": {
      const exit = asNumber(item["exit_code"]);
      const output = asText(item["aggregated_output"]).trimEnd();
      const failed = exit !== null && exit !== 0 ? `exit ${exit}` : "";
      const text = [output, failed].filter((part) => part !== "").join("\n");
      return text === "" ? [] : [{ kind: "output", text }];
    }
    case "file_change":
      return [
        {
          kind: "tool",
          text: `edit ${asArray(item["changes"])
            .map((change) => asText(change["path"]))
            .join(", ")}`,
        },
      ];
    // A warning, such as that it gives up WebSockets for HTTP: nothing has been done by it.
    case "error": {
      const text = asText(item["message"]);
      return [{ kind: "retry", text, cause: null }, ...answeredBy(text)];
    }
    default:
      return [];
  }
}

/** `model rerouted: ASKED -> ANSWERED (WHY)` */
function answeredBy(text: string): StreamEvent[] {
  const [, name] = text.startsWith(rerouted) ? (/ -> (\S+)/.exec(text) ?? []) : [];
  return name === undefined ? [] : [{ kind: "model", name }];
}
