/**
 * What a backend's output means, in one vocabulary for every vendor. A backend
 * turns each line of its log into events; `summarise` folds them into what a
 * task's outcome needs.
 */

/** Why a run failed, as `--json` names it. */
export type Cause =
  | "auth"
  | "billing"
  | "model_unavailable"
  | "cli_missing"
  | "rate_limit"
  | "session_limit"
  | "overloaded"
  | "network"
  | "prompt_too_long"
  | "permission"
  | "turn_limit"
  | "budget_limit"
  | "item_failed"
  | "crash"
  | "killed"
  | "start_failed";

export interface Tokens {
  input: number;
  /** The part of `input` that was read from a cache. */
  cached: number;
  output: number;
}

export type StreamEvent =
  /** The backend opened a session that it can resume by this id. */
  | { kind: "session"; id: string; model: string | null }
  | { kind: "said"; text: string }
  /** A part of what is being said: the next one goes on in the middle of the line. */
  | { kind: "piece"; text: string }
  /** A tool was called; `text` is its name and main argument. */
  | { kind: "tool"; text: string }
  /** What a tool printed. */
  | { kind: "output"; text: string }
  /** A passing error that the CLI is retrying by itself. */
  | { kind: "retry"; text: string }
  | { kind: "error"; text: string; cause: Cause | null }
  /** The tokens of one step. */
  | { kind: "usage"; tokens: Tokens }
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

/** What the backend itself reported of one run. */
export interface Report {
  session: string | null;
  /** The session holds something to go on from: a resume of an empty one is refused. */
  began: boolean;
  model: string | null;
  /** Null when it ended, or was ended, without a verdict. */
  ok: boolean | null;
  /** The final text of the worker, or of the error. */
  text: string | null;
  failure: { cause: Cause; evidence: string } | null;
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
  denied: [],
  tokens: null,
  costUsd: null,
};

/** Folds a run's events; the last verdict counts, as some CLIs write several. */
export function summarise(events: Iterable<StreamEvent>): Report {
  const report: Report = { ...emptyReport };
  let isPiece = false;
  for (const event of events) {
    switch (event.kind) {
      case "session":
        report.session = event.id;
        report.model = event.model ?? report.model;
        break;
      case "said":
        report.began = true;
        report.text = event.text;
        break;
      case "piece":
        report.began = true;
        report.text = isPiece ? `${report.text}${event.text}` : event.text;
        break;
      case "error":
        report.failure = { cause: event.cause ?? "crash", evidence: event.text };
        break;
      case "usage":
        report.tokens = sumTokens(report.tokens, event.tokens);
        break;
      case "result":
        report.ok = event.ok;
        report.denied = event.denied;
        report.tokens = event.tokens ?? report.tokens;
        report.costUsd = event.costUsd ?? report.costUsd;
        if (event.text !== "") report.text = event.text;
        if (event.ok) report.failure = null;
        else {
          report.failure = {
            cause: event.cause ?? report.failure?.cause ?? "crash",
            evidence: event.text || (report.failure?.evidence ?? "the backend reported an error"),
          };
        }
        break;
      case "tool":
      case "output":
        report.began = true;
        break;
      case "retry":
        break;
    }
    isPiece = event.kind === "piece";
  }
  return report;
}

/** Null stands for "not known" and adds nothing. */
export function sumTokens(a: Tokens | null, b: Tokens | null): Tokens | null {
  if (a === null || b === null) return a ?? b;
  return { input: a.input + b.input, cached: a.cached + b.cached, output: a.output + b.output };
}
