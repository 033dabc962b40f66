/**
 * The one error that this program throws on purpose. `main.ts` prints it as
 * `error: message` and `hint: …`, and ends with its exit code.
 *
 * Messages say what failed and what was expected; hints hold the next command.
 * Lower case, no full stop.
 */

/** Exit codes, the same for every command. 0 is "as asked". */
export const exitCodes = {
  failed: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  needsPerson: 5,
  timedOut: 124,
} as const;

export type ExitKind = keyof typeof exitCodes;

export class DispatchError extends Error {
  override readonly name = "DispatchError";

  constructor(
    readonly kind: ExitKind,
    /** Stable, for `--json`: `unknown_model`, `id_taken`, … */
    readonly code: string,
    message: string,
    /** The exact next command, or what to change. */
    readonly hint: string | null = null,
  ) {
    super(message);
  }

  get exitCode(): number {
    return exitCodes[this.kind];
  }
}

/** Whoever read our output has gone away (`| head`): an end, and no failure. */
export class ReaderGone extends Error {
  override readonly name = "ReaderGone";
}

export const usageError = (message: string, hint: string | null = null) =>
  new DispatchError("usage", "usage", message, hint);

export const notFound = (code: string, message: string, hint: string | null = null) =>
  new DispatchError("notFound", code, message, hint);

export const refused = (code: string, message: string, hint: string | null = null) =>
  new DispatchError("refused", code, message, hint);

export const failed = (code: string, message: string, hint: string | null = null) =>
  new DispatchError("failed", code, message, hint);
