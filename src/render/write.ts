/** The two streams: stdout carries the answer, stderr the talk. Nothing else writes to either. */

import { writeSync } from "node:fs";
import { createConsola } from "consola/core";
import { ReaderGone } from "../core/error.ts";
import { estimateTokens, lookedAt } from "../core/tokens.ts";

/** What passed between a host and this command: its start, and how long all of it is. */
const paid = { start: "", length: 0 };

/** What a host wrote for this command, or reads of it, beside what is written here. */
export function countAsPaid(text: string): void {
  if (paid.start.length < lookedAt) paid.start += text.slice(0, lookedAt);
  paid.length += text.length;
}

/** How many tokens that is so far, about. */
export const tokensPaid = () => estimateTokens(paid.start, paid.length);

/** Writes all of it; a reader that has gone away (`| head`) is no error. */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EPIPE") throw new ReaderGone();
      // A slow reader of a pipe that somebody made non-blocking.
      if (code === "EAGAIN") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      else throw error;
    }
  }
  countAsPaid(text);
}

/** A text on stdout, ended by one newline. */
export function print(text: string): void {
  writeAll(1, text.endsWith("\n") || text === "" ? text : `${text}\n`);
}

/** One JSON value on a line of stdout. */
export const printJson = (value: unknown) => print(JSON.stringify(value));

/** The three voices on stderr: a plain word, a warning, an error; a hint goes with the last two. */
export const talk = createConsola({
  level: 3,
  throttle: 0,
  reporters: [
    {
      log: ({ type, args }) => {
        const prefix =
          type === "info" || type === "log" ? "" : `${type === "warn" ? "warning" : type}: `;
        writeAll(2, `${prefix}${args.join(" ")}\n`);
      },
    },
  ],
});

/** What to do next, after an error. */
export const hint = (text: string) => writeAll(2, `hint: ${text}\n`);
