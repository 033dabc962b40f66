/** The terminal: whether there is one, and asking the person at it. */

import { isatty } from "node:tty";
import { createInterface } from "node:readline/promises";

/** Both ends are a terminal: only then is a person ever asked anything. */
export const isInteractive = () => isatty(0) && isatty(1);

/** A line from the person; null when they end the input instead. */
export async function askPerson(prompt: string): Promise<string | null> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<string | null>((resolve, reject) => {
      lines.once("close", () => resolve(null));
      lines.question(prompt).then(resolve, reject);
    });
  } finally {
    lines.close();
  }
}
