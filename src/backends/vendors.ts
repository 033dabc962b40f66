/**
 * The other agent CLIs: what sets each apart is its command line, and the name
 * of a few keys in its events. Seen with opencode 1.18, gemini 0.61, qwen 0.24,
 * copilot 1.0, pi 0.87, kilo 7.7 and cline 3.0.
 */

import { isModelName } from "../core/model-name.ts";
import type { StreamEvent } from "../core/stream.ts";
import { type Backend, promptArgument, type Work } from "./backend.ts";
import { claudeEvents } from "./claude.ts";
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

const flag = (name: string, value: string | null) => (value === null ? [] : [name, value]);
const reaching = ({ folders }: Work) =>
  folders.flatMap((folder) => flag("--include-directories", folder));
const resumed = (name: string, { resume, session }: Work) => (resume ? flag(name, session) : []);
const oneIdPerLine = (stdout: string) =>
  stdout
    .split("\n")
    .map((line) => line.trim())
    .filter(isModelName);

/** What most of them share; each row below says only what is its own. */
const vendor = (
  own: Pick<Backend, "name" | "label" | "install" | "invocation"> & Partial<Backend>,
): Backend => ({
  binaries: [own.name],
  askLimitMs: 25_000,
  stopSignal: "SIGTERM",
  session: "reported",
  models: null,
  knownModels: [],
  read: readJsonLine,
  ...own,
});

const openCodeLike = (name: string, label: string, install: string): Backend =>
  vendor({
    name,
    label,
    install,
    askLimitMs: 110_000,
    invocation: (work) => ({
      policy: ["run", "--auto"],
      args: [
        "--format",
        "json",
        "--title",
        work.title,
        ...flag("-m", work.model),
        ...resumed("-s", work),
      ],
      promptBy: "stdin",
    }),
    models: { args: ["models"], parse: oneIdPerLine },
    stepMark: '"step_finish"',
  });

export const vendors: readonly Backend[] = [
  openCodeLike("opencode", "opencode", "npm install -g opencode-ai"),
  vendor({
    name: "gemini",
    label: "Gemini CLI",
    install: "npm install -g @google/gemini-cli",
    // It takes silence of 300 s for a hang.
    askLimitMs: 240_000,
    invocation: (work) => ({
      policy: ["--approval-mode", "yolo", "--skip-trust"],
      args: [
        "-o",
        "stream-json",
        ...flag("-m", work.model),
        ...reaching(work),
        ...resumed("--resume", work),
      ],
      promptBy: "stdin",
      // Without it a second process is started that ignores TERM for a minute.
      env: { GEMINI_CLI_NO_RELAUNCH: "true" },
    }),
  }),
  vendor({
    name: "qwen",
    label: "Qwen Code",
    install: "npm install -g @qwen-code/qwen-code",
    invocation: (work) => ({
      policy: ["--approval-mode", "yolo"],
      args: [
        "-o",
        "stream-json",
        ...flag("-m", work.model),
        ...reaching(work),
        ...resumed("-r", work),
      ],
      promptBy: "stdin",
    }),
  }),
  vendor({
    name: "copilot",
    label: "GitHub Copilot CLI",
    install: "npm install -g @github/copilot",
    invocation: (work) => ({
      policy: ["--allow-all", "--no-auto-update", "--no-ask-user"],
      args: [
        "--output-format",
        "json",
        ...flag("--model", work.model),
        ...(work.resume && work.session !== null ? [`--resume=${work.session}`] : []),
      ],
      promptBy: "stdin",
    }),
  }),
  vendor({
    name: "pi",
    label: "pi",
    install: "npm install -g @mariozechner/pi-coding-agent",
    askLimitMs: 170_000,
    invocation: (work) => ({
      policy: ["-p"],
      args: ["--mode", "json", ...flag("--model", work.model), ...resumed("--session", work)],
      promptBy: "stdin",
    }),
  }),
  openCodeLike("kilo", "Kilo Code", "npm install -g @kilocode/cli"),
  vendor({
    name: "cline",
    label: "Cline",
    install: "npm install -g cline",
    invocation: (work) => ({
      policy: ["--auto-approve", "true", "-c", work.cwd],
      args: ["--json", ...flag("-m", work.model), ...resumed("--id", work), promptArgument(work)],
      promptBy: "argument",
    }),
  }),
];

/** JSON events of several dialects: the session's id, texts, tools, usage and errors, wherever they are recognised. */
function readJsonLine(line: string): StreamEvent[] {
  const event = parseObject(line);
  if (event === null) {
    const cause = causeOf(line);
    return /error|please set|no auth|no api key|not valid|exhausted|exceeded/i.test(line) &&
      cause !== null
      ? [{ kind: "error", text: line.trim(), cause }]
      : plainLine(line);
  }
  // Only Claude's verdict says `is_error`; others have a `result` of their own shape.
  const isForeign = event["type"] === "result" && !("is_error" in event);
  const taken = isForeign ? [] : claudeEvents(event);
  if (taken.length > 0) return taken;

  const idKeys = event["type"] === "session" ? ["id"] : ["session_id", "sessionID", "sessionId"];
  const id = idKeys.map((key) => asText(event[key])).find((text) => text !== "");
  const model = asText(event["model"]) || null;
  return [...sessionEvent(id, model), ...dialect(event)];
}

function dialect(event: Json): StreamEvent[] {
  const part = asObject(event["part"]);
  switch (event["type"]) {
    case "text":
      return said(asText(part["text"]) || asText(event["text"]));
    case "message": {
      const text = asText(event["content"]) || asText(event["text"]);
      if (event["role"] === "user" || text === "") return [];
      return [{ kind: event["delta"] === true ? "piece" : "said", text }];
    }
    case "message_end": {
      const message = asObject(event["message"]);
      if (message["role"] !== "assistant") return [];
      const texts = asArray(message["content"]).map((block) => asText(block["text"]));
      return said(texts.filter((text) => text !== "").join("\n"));
    }
    case "tool_execution_start":
      return [
        {
          kind: "tool",
          text: toolText(asText(event["toolName"]) || "tool", asObject(event["args"])),
        },
      ];
    case "tool_use":
      return [
        {
          kind: "tool",
          text: toolText(
            asText(event["tool_name"]) || asText(part["tool"]) || "tool",
            asObject(event["parameters"] ?? asObject(part["state"])["input"]),
          ),
        },
      ];
    case "step_finish": {
      const usage = asObject(part["tokens"]);
      const cache = asObject(usage["cache"]);
      // Its input leaves out what came from, or went into, the cache.
      const cached = asNumber(cache["read"]) ?? 0;
      const input = (asNumber(usage["input"]) ?? 0) + cached + (asNumber(cache["write"]) ?? 0);
      const spent = tokens(input, cached, usage["output"]);
      const costUsd = asNumber(part["cost"]);
      return spent === null
        ? []
        : [{ kind: "usage", tokens: spent, ...(costUsd !== null && { costUsd }) }];
    }
    case "result": {
      const stats = asObject(event["stats"]);
      const spent = tokens(stats["input_tokens"], stats["cached"], stats["output_tokens"]);
      const ok = event["status"] !== "error";
      const text = asText(asObject(event["error"])["message"]);
      return [
        {
          kind: "result",
          ok,
          text,
          cause: causeOf(text),
          denied: [],
          tokens: spent,
          costUsd: asNumber(event["cost"]),
        },
      ];
    }
    case "error": {
      const error = asObject(event["error"]);
      const status = asNumber(asObject(error["data"])["statusCode"]);
      const message =
        asText(asObject(error["data"])["message"]) ||
        asText(error["message"]) ||
        asText(event["message"]);
      const text = [message || "the backend reported an error", status ?? ""].join(" ").trim();
      return [{ kind: "error", text, cause: causeOf(text) }];
    }
    default:
      return [];
  }
}

const said = (text: string): StreamEvent[] => (text === "" ? [] : [{ kind: "said", text }]);
