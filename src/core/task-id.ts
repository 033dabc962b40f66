/**
 * Task ids: kebab-case, `[a-z0-9]+(-[a-z0-9]+)*`, at most 64 characters.
 * They become folder names, so nothing else is ever let through.
 */

import { type DispatchError, usageError } from "./error.ts";

export const longestTaskId = 64;
const pattern = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

export function isTaskId(text: string): boolean {
  return text.length <= longestTaskId && pattern.test(text);
}

/** The error for an id that cannot be one; its hint offers the nearest that can. */
export function badTaskId(text: string): DispatchError {
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return usageError(
    `not a task id: ${JSON.stringify(shown)}; expected kebab-case (a-z, 0-9, -), at most ${longestTaskId} characters`,
    `for example: --id ${slug(text) ?? "my-task"}`,
  );
}

// Words that say nothing about what a task is.
const fillers = new Set(
  "a an and any are as at be by can could do for from have i in into is it its let me my of on or our please so that the their them then there these this to up us use using we with you your".split(
    " ",
  ),
);

/** A short id from a prompt: its first four telling words, or null when it has none. */
export function slug(prompt: string): string | null {
  const words = prompt
    .slice(0, 2_000)
    // "use opus to fix it" is about fixing it.
    .replace(/^\s*(?:use|using|have|let|ask|dispatch)\s+\S+\s+(?:to\s+)?(?=\S)/i, "")
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[\u0300-\u036f'’]/g, "")
    .split(/[^a-z0-9]+/)
    .filter((word) => word.length > 0);
  const telling = words.filter((word) => !fillers.has(word));
  const chosen = (telling.length > 0 ? telling : words).slice(0, 4);
  let id = "";
  for (const word of chosen) {
    const longer = id === "" ? word.slice(0, 40) : `${id}-${word}`;
    if (longer.length > 40) break;
    id = longer;
  }
  return id === "" ? null : id;
}

/** `paint`, `paint-2`, `paint-3`, …: the names to try when nobody chose one. */
export function* idCandidates(base: string): Generator<string> {
  yield base;
  for (let count = 2; ; count++) yield `${base}-${count}`;
}
