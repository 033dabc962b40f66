/**
 * How many tokens a text costs an agent, about: it is cut as o200k_base cuts before it looks
 * anything up (a word with what stands before it, up to three digits, marks, white space), and
 * each piece counts by its length. On texts of ours that is within 15 % of the real count, which
 * needs a table of megabytes. Claude's own tokenizer is not public, and makes more of them.
 */

// Ranges instead of \p{L}: those take several times as long to compile, once for each command.
const upper = "A-ZÀ-ÞΑ-ΩЀ-Я";
const lower = "a-zß-ʯα-ώа-ӿ";
/** Letters of scripts without capitals. */
const other = String.raw`\u0500-\u1fff\u3040-\ud7ff`;
const letters = upper + lower + other;
const pieces = [
  `([^\\r\\n\\d${letters}]?(?:[${upper}]?[${lower}]+|[${upper}]+))`,
  `([${other}]+)`,
  String.raw`\d{1,3}`,
  `( ?[^\\s\\d${letters}]+\\n*)`,
  String.raw`\s*\n|\s+(?!\S)|\s`,
];

/** Of a longer text only the start is looked at, and the rest taken to be like it. */
export const lookedAt = 64 * 1024;

/** @param length of all of it, where `text` is its start */
export function estimateTokens(text: string, length: number = text.length): number {
  const seen = text.slice(0, lookedAt);
  if (seen === "") return 0;
  let count = 0;
  for (const [{ length: size }, word, unspaced, marks] of seen.matchAll(
    new RegExp(pieces.join("|"), "g"),
  )) {
    if (word !== undefined) count += Math.ceil(size / 9);
    else if (unspaced !== undefined) count += 0.7 * size;
    else count += marks === undefined ? 1 : Math.ceil(size / 3);
  }
  return Math.round((count * length) / seen.length);
}
