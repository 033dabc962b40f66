/** What the event-stream readers share: careful access to JSON that somebody else wrote. */

import { type Cause, isSessionId, type StreamEvent, type Tokens } from "../core/stream.ts";
import { oneLine } from "../core/text.ts";

export type Json = { [key: string]: unknown };

/** The line as a JSON object, or null when it is not one. */
export function parseObject(line: string): Json | null {
  if (!line.startsWith("{")) return null;
  try {
    return JSON.parse(line) as Json;
  } catch {
    return null;
  }
}

export const asObject = (value: unknown): Json =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
export const asArray = (value: unknown): Json[] =>
  Array.isArray(value) ? value.map(asObject) : [];
export const asText = (value: unknown): string => (typeof value === "string" ? value : "");
/** One that can be reckoned with: JSON may say `1e999`. */
export const asNumber = (value: unknown): number | null =>
  typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : null;

/** Null when the backend gave no number at all: unknown is never 0. */
export function tokens(input: unknown, cached: unknown, output: unknown): Tokens | null {
  const [read, written] = [asNumber(input), asNumber(output)];
  if (read === null && written === null) return null;
  return { input: read ?? 0, cached: asNumber(cached) ?? 0, output: written ?? 0 };
}

/** A line that is no event: what a CLI prints on stderr, or a plain program on stdout. */
export function plainLine(line: string): StreamEvent[] {
  return line.trim() === "" ? [] : [{ kind: "said", text: line }];
}

/** The session's id, where the event really has one. */
export function sessionEvent(id: unknown, model: string | null): StreamEvent[] {
  return typeof id === "string" && isSessionId(id) ? [{ kind: "session", id, model }] : [];
}

/** A tool call on one line: its name and the argument that tells most. */
export function toolText(name: string, input: Json): string {
  const main = [
    "command",
    "cmd",
    "file_path",
    "path",
    "filePath",
    "pattern",
    "query",
    "url",
    "description",
    "prompt",
  ]
    .map((key) => input[key])
    .find((value) => typeof value === "string" && value !== "");
  const argument =
    typeof main === "string" ? main : Object.keys(input).length > 0 ? jsonText(input) : "";
  return oneLine(`${name} ${argument}`);
}

/** What is nested deeply enough can be parsed, but not written again. */
function jsonText(value: Json): string {
  try {
    return JSON.stringify(value);
  } catch {
    return "{…}";
  }
}

/**
 * What an error's text tells of its cause. Matched on errors that a CLI reports
 * as such, never on what a command printed. First match counts. No
 * repeat is without bounds, so that no text makes it slow.
 */
const causes: [RegExp, Cause][] = [
  [
    /credit balance|billing|quota exceeded|insufficient_quota|exhausted your daily quota|payment required|with your \w+ plan, upgrade/i,
    "billing",
  ],
  [/temporarily limiting requests/i, "rate_limit"],
  [/hit your (?:[\w-]+ ){0,2}limit|out of (?:usage )?credits|usage limit/i, "session_limit"],
  [
    /prompt is too long|request too large|context window|context_length|maximum context/i,
    "prompt_too_long",
  ],
  [/no api key/i, "auth"],
  [/at capacity/i, "overloaded"],
  [
    /\b404\b|selected model|model .{0,120}(?:not found|not exist|not supported)|cannot use this model|ModelNotFound|model_not_found/i,
    "model_unavailable",
  ],
  [
    /not logged in|unauthorized|authenticat|invalid api key|api key not valid|no api key|no auth|\b401\b|\b403\b|auth method|(?:log|sign) in again/i,
    "auth",
  ],
  [/\b429\b|rate.?limit|too many requests/i, "rate_limit"],
  [/\b50[0234]\b|\b52\d\b|overloaded|at capacity|high demand/i, "overloaded"],
  [
    /unable to connect|\bconnection|\beconn|cannot connect|network|dns|timed? ?out|stream (?:closed|disconnected|ended)|error sending request/i,
    "network",
  ],
  [/max(?:imum)?.?(?:number of )?turns/i, "turn_limit"],
  [/max(?:imum)?.?budget/i, "budget_limit"],
];

export function causeOf(text: string): Cause | null {
  return causes.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}
