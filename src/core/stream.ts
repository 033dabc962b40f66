/**
 * What a backend's output means, in one vocabulary for every vendor. A backend
 * turns each line of its log into events; `summarise` folds them into what a
 * task's outcome needs.
 */

/** Why a run failed, as `--json` names it. */
export const causes = [
  "auth",
  "billing",
  "model_unavailable",
  "cli_missing",
  "rate_limit",
  "session_limit",
  "overloaded",
  "network",
  "prompt_too_long",
  "permission",
  "turn_limit",
  "budget_limit",
  "time_limit",
  "item_failed",
  "verify",
  "conflict",
  "crash",
  "killed",
  "start_failed",
] as const;
export type Cause = (typeof causes)[number];

/** Why a run failed, and the words that say so. */
export interface Failure {
  cause: Cause;
  /** The very line. */
  evidence: string;
  /** Epoch milliseconds: when the limit that was reached is lifted. Null where nobody says. */
  resetsAtMs: number | null;
}

export interface Tokens {
  input: number;
  /** The part of `input` that was read from a cache. */
  cached: number;
  output: number;
}

export type StreamEvent =
  /** The backend opened a session that it can resume by this id. */
  | { kind: "session"; id: string; model: string | null }
  /** The model that has answered, as its service says: not always the one that was asked for. */
  | { kind: "model"; name: string }
  | { kind: "said"; text: string }
  /** A part of what is being said: the next one goes on in the middle of the line. */
  | { kind: "piece"; text: string }
  /** A tool was called; `text` is its name and main argument. */
  | { kind: "tool"; text: string }
  /** What a tool printed. */
  | { kind: "output"; text: string }
  /** An error that the CLI tries to get past by itself: after so long it tries again, where it says so. */
  | { kind: "retry"; text: string; cause: Cause | null; pauseMs?: number }
  /** When the limit is lifted that stops the CLI, or will. */
  | { kind: "limit"; text: string; resetsAtMs: number }
  | { kind: "error"; text: string; cause: Cause | null }
  /** The tokens of one step, and its cost where that is said. */
  | { kind: "usage"; tokens: Tokens; costUsd?: number }
  /** The backend's own verdict on the run; tokens and cost are those of all of it so far. */
  | {
      kind: "result";
      ok: boolean;
      text: string;
      cause: Cause | null;
      denied: readonly string[];
      tokens: Tokens | null;
      costUsd: number | null;
    };

/**
 * Session ids stand in a log that a worker can write to, and go onto a command
 * line: one that could be a flag, or anything but an id, is none.
 */
export const isSessionId = (text: string) => /^[A-Za-z0-9][\w.:-]{0,127}$/.test(text);

/** What keeps a CLI from getting on, though it tries. */
export interface Trouble extends Failure {
  tries: number;
  /** It tries again after so long; left out where it does not say. */
  pauseMs?: number;
}

/** What the backend itself reported of one run. */
export interface Report {
  session: string | null;
  /** The session holds something to go on from: a resume of an empty one is refused. */
  began: boolean;
  /** The one that answered last, or that it says it asks. */
  model: string | null;
  /** Null when it ended, or was ended, without a verdict. */
  ok: boolean | null;
  /** The final text of the worker, or of the error. */
  text: string | null;
  failure: Failure | null;
  /** What has kept the CLI from getting anything done since it last did, and how often in a row it said so. */
  trouble: Trouble | null;
  /** Tools that the worker was not permitted to use. */
  denied: readonly string[];
  /** Null where the backend reports none: unknown is never 0. */
  tokens: Tokens | null;
  costUsd: number | null;
}

export const emptyReport: Report = {
  session: null,
  began: false,
  model: null,
  ok: null,
  text: null,
  failure: null,
  trouble: null,
  denied: [],
  tokens: null,
  costUsd: null,
};

/** Folds a run's events; the last verdict counts, as some CLIs write several. */
export function summarise(events: Iterable<StreamEvent>): Report {
  const report: Report = { ...emptyReport };
  let isPiece = false;
  let resetsAtMs: number | null = null;
  for (const event of events) {
    switch (event.kind) {
      case "session":
        report.session = event.id;
        report.model = event.model ?? report.model;
        break;
      case "model":
        report.model = event.name;
        break;
      case "said":
        report.text = event.text;
        goOn(report);
        break;
      case "piece":
        report.text = isPiece ? `${report.text}${event.text}` : event.text;
        goOn(report);
        break;
      case "tool":
      case "output":
        goOn(report);
        break;
      case "retry":
        if (event.cause !== null) {
          report.trouble = troubleOf(report, event.cause, event.text);
          if (event.pauseMs !== undefined) report.trouble.pauseMs = event.pauseMs;
        }
        break;
      case "limit":
        resetsAtMs = event.resetsAtMs;
        break;
      case "error": {
        const cause = event.cause ?? "crash";
        report.failure = { cause, evidence: event.text, resetsAtMs: null };
        report.trouble = troubleOf(report, cause, event.text);
        break;
      }
      case "usage":
        report.tokens = sumTokens(report.tokens, event.tokens);
        if (event.costUsd !== undefined) report.costUsd = (report.costUsd ?? 0) + event.costUsd;
        break;
      case "result":
        report.ok = event.ok;
        report.denied = event.denied;
        report.tokens = event.tokens ?? report.tokens;
        report.costUsd = event.costUsd ?? report.costUsd;
        if (event.text !== "") report.text = event.text;
        report.trouble = null;
        report.failure = event.ok ? null : verdict(report, event);
        break;
    }
    isPiece = event.kind === "piece";
  }
  for (const failure of [report.failure, report.trouble])
    if (failure?.cause === "rate_limit" || failure?.cause === "session_limit")
      failure.resetsAtMs = resetsAtMs;
  return report;
}

/** It got something done: what stood in its way is past. */
function goOn(report: Report): void {
  report.began = true;
  report.trouble = null;
}

const troubleOf = ({ trouble }: Report, cause: Cause, evidence: string): Trouble => ({
  cause,
  evidence,
  resetsAtMs: null,
  tries: trouble?.cause === cause ? trouble.tries + 1 : 1,
});

/** A verdict that names no cause is that of the error before it. */
function verdict({ failure }: Report, { cause, text }: { cause: Cause | null; text: string }) {
  return {
    cause: cause ?? failure?.cause ?? "crash",
    evidence: text || (failure?.evidence ?? "the backend reported an error"),
    resetsAtMs: null,
  };
}

/** Null stands for "not known" and adds nothing. */
export function sumTokens(a: Tokens | null, b: Tokens | null): Tokens | null {
  if (a === null || b === null) return a ?? b;
  return { input: a.input + b.input, cached: a.cached + b.cached, output: a.output + b.output };
}
