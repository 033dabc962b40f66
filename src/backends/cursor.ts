/** Cursor's CLI, `agent -p`; by its documentation, never run here. Its stream has the shape of Claude Code's. */

import { type Backend, promptArgument } from "./backend.ts";
import { claudeEvents } from "./claude.ts";
import { asObject, asText, causeOf, parseObject, plainLine, toolText } from "./reading.ts";

export const cursor: Backend = {
  name: "cursor",
  label: "Cursor",
  binaries: ["agent", "cursor-agent"],
  install: "see cursor.com/cli",
  askLimitMs: 25_000,
  stopSignal: "SIGTERM",
  session: "reported",
  invocation: (work) => ({
    policy: ["-p", "--force", "--trust", "--workspace", work.cwd],
    args: [
      "--output-format",
      "stream-json",
      ...(work.model === null ? [] : ["--model", work.model]),
      ...(work.resume && work.session !== null ? ["--resume", work.session] : []),
      promptArgument(work),
    ],
    promptBy: "argument",
  }),
  models: { args: ["models"], parse: parseModels },
  knownModels: [],
  read: (line) => {
    const event = parseObject(line);
    if (event === null) {
      const cause = causeOf(line);
      return /^(?:Error|Cannot use this model|Workspace Trust)/.test(line)
        ? [{ kind: "error", text: line.trim(), cause }]
        : plainLine(line);
    }
    if (event["type"] !== "tool_call") return claudeEvents(event);
    if (event["subtype"] !== "started") return [];
    const [name, call] = Object.entries(asObject(event["tool_call"]))[0] ?? ["tool", {}];
    return [
      {
        kind: "tool",
        text: toolText(asText(name).replace(/ToolCall$/, ""), asObject(asObject(call)["args"])),
      },
    ];
  },
};

/** `Available models`, a blank line, `id - Label (current, default)` lines, a blank line, `Tip: …`. */
function parseModels(stdout: string): string[] {
  return stdout
    .split("\n")
    .flatMap((line) => /^([\w.:/[\]-]+)\s+-\s+\S/.exec(line.trim())?.[1] ?? []);
}
