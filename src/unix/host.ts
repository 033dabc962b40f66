/**
 * The host: the coding-agent session that this program was called from, told
 * by the variables that its shells are given. None of them may reach a worker,
 * which would take itself for a child of that session.
 */

import { takesMessages } from "./codex-host.ts";

type Environment = Record<string, string | undefined>;

const sessionVariables = [
  "CLAUDE_CODE_SESSION_ID",
  "CODEX_THREAD_ID",
  "GEMINI_SESSION_ID",
  "OPENCODE_SESSION_ID",
];

const wakeVariable = "DISPATCH_WAKE";

const hostVariables = new Set([
  ...sessionVariables,
  "CLAUDECODE",
  "CLAUDE_CODE_ENTRYPOINT",
  "CLAUDE_CODE_CHILD_SESSION",
  "CLAUDE_CODE_EXECPATH",
  "CLAUDE_CODE_SESSION_KIND",
  "CLAUDE_CODE_SESSION_NAME",
  "CLAUDE_CODE_SSE_PORT",
  "CLAUDE_CODE_SESSION_ATTENDED",
  "CLAUDE_CODE_CHILD_NOTES_DIR",
  "CLAUDE_CODE_MESSAGING_SOCKET",
  "CLAUDE_CODE_MESSAGING_TOKEN",
  "CLAUDE_EFFORT",
  "CLAUDE_JOB_DIR",
  "CLAUDE_PID",
  "CLAUDE_PROJECT_DIR",
  "CODEX_CI",
  "CODEX_MANAGED_BY_NPM",
  "CODEX_MANAGED_PACKAGE_ROOT",
  "CODEX_SANDBOX",
  "CODEX_SANDBOX_NETWORK_DISABLED",
  "CODEX_SESSION_ID",
  "CODEX_TOOL_CALL_ID",
  "CODEX_VERSION",
  "AI_AGENT",
  "TRACEPARENT",
  // Ours, of a host, and of a worker that dispatches a worker.
  wakeVariable,
  "DISPATCH_TASK",
  "DISPATCH_TASK_DIR",
  "DISPATCH_RUN",
  "DISPATCH_PIDS",
  // They make a compiled Bun program load or become something else.
  "BUN_OPTIONS",
  "BUN_BE_BUN",
]);

/** Set in the shells of a session whose hooks are on: `dispatch hook` wakes it. */
export const hooksAreOn = `${wakeVariable}=hook`;

/** How a host hears of its tasks, best first. */
export type Wake =
  /** Its own hook tells it. */
  | "hook"
  /** A waiter of ours puts it into its queue. */
  | "queue"
  /** By the end of a command that it runs in the background. */
  | "background"
  /** By waiting: nobody sits before it. */
  | "foreground"
  /** By looking. */
  | "look";

/** Null for a person at a shell. */
export function wakeOf(env: Environment): Wake | null {
  const thread = env["CODEX_THREAD_ID"];
  if (env["CLAUDECODE"] === "1") {
    if (!isAttended(env)) return "foreground";
    return env[wakeVariable] === "hook" ? "hook" : "background";
  }
  if (thread) return takesMessages(thread, env) ? "queue" : "foreground";
  return hostSession(env) === null ? null : "look";
}

/** The id of the host's session, or null for a person at a shell. */
export function hostSession(env: Environment): string | null {
  for (const name of sessionVariables) if (env[name]) return env[name];
  return null;
}

/** The process that the host's session lives in, or null where it does not say. */
export function hostProcess(env: Environment): number | null {
  const pid = Number(env["CLAUDE_PID"]);
  return Number.isInteger(pid) && pid > 1 ? pid : null;
}

/** A Claude Code session with a person before it: not a headless run, and not a worker of ours. */
export const isAttended = (env: Environment) =>
  env["CLAUDE_CODE_ENTRYPOINT"] === "cli" && !env["DISPATCH_TASK"];

/** The user's environment without the host's session. */
export function withoutHost(env: Environment): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || hostVariables.has(name) || name.startsWith("CLAUDE_BG_")) continue;
    kept[name] = value;
  }
  return kept;
}
