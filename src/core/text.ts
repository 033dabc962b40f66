/**
 * Text that somebody else wrote, made fit to show: control characters and tags
 * taken out, long texts cut, words compared.
 */

/** How much of a worker's text is shown where nobody asked for all of it. */
export const shownCharacters = 500;

// Escape sequences go whole (CSI, OSC, and two-character ones), then what is
// left of the control range, but for tab and newline.
const escapeSequences =
  // oxlint-disable-next-line no-control-regex
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
// Bidirectional overrides and zero-width marks can make a line read as another.
const invisible =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

/** Safe for a terminal or a host: no control characters but tab and newline. */
export function printable(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(escapeSequences, "").replace(invisible, "");
}

/** Safe, and on one line. */
export function oneLine(text: string): string {
  return collapsed(printable(text));
}

/**
 * What a worker wrote, as it may reach a host: printable, and without anything
 * that reads as a tag, in which a host's own voice and its user's are written
 * (`<system-reminder>`). A bracket before anything but a tag stays.
 */
export function foreign(text: string): string {
  return printable(text).replace(/[<\ufe64\uff1c](?![\s\d<=-]|$)/gu, "\u2039");
}

/** The same, on one line. */
export const foreignLine = (text: string) => collapsed(foreign(text));

/** A model's or an alias's name out of a file: nobody's is longer, but a worker can write what it likes there. */
export const shownName = (name: string) => cut(foreignLine(name), 100);

/** A worker's words as such: on one line, in quotes that they cannot close. */
export function quoted(text: string, limit: number = shownCharacters): string {
  return `"${cut(foreignLine(text).replaceAll('"', "'"), limit)}"`;
}

/** `1 file`, `2 files` */
export const counted = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`;

/** Cut at `limit` characters (never inside a surrogate pair), with an ellipsis. */
export function cut(text: string, limit: number = shownCharacters): string {
  if (text.length <= limit) return text;
  const head = text.slice(0, limit - 1);
  return `${/[\ud800-\udbff]$/.test(head) ? head.slice(0, -1) : head}…`;
}

/** Cut in the middle: of a long question the end is what is asked. */
export function cutMiddle(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const tail = text.slice(text.length - Math.floor(limit / 3));
  return cut(text, limit - tail.length) + tail.replace(/^[\udc00-\udfff]/, "");
}

/** Quoted for a POSIX shell, for commands that a person is to copy. */
export function shellQuoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The known word nearest to what was typed, or null when none is near enough. */
export function nearest(typed: string, known: Iterable<string>): string | null {
  const wanted = typed.toLowerCase();
  let best: string | null = null;
  // A third of the word may be wrong: "sonet" is sonnet, "gpt" is not opus.
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `; did you mean X?` behind the error about a word, or nothing where no known word is near it. */
export function didYouMean(typed: string, known: Iterable<string>, prefix = ""): string {
  const suggestion = nearest(typed, known);
  return suggestion === null ? "" : `; did you mean ${prefix}${suggestion}?`;
}

/** White space of any kind, newlines too, as single blanks. */
export const collapsed = (text: string) => text.replace(/\s+/g, " ").trim();

/**
 * How many letters must be changed, added, dropped or swapped with their
 * neighbour; gives up with `limit` once it can only be that or more.
 */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      const isSwapped =
        row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current.push(
        Math.min(
          last[column]! + 1,
          current[column - 1]! + 1,
          last[column - 1]! + (isSame ? 0 : 1),
          isSwapped ? beforeLast[column - 2]! + 1 : Infinity,
        ),
      );
    }
    if (Math.min(...current) >= limit) return limit;
    [beforeLast, last] = [last, current];
  }
  return last[b.length]!;
}
