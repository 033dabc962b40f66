/** The text on stdin, which `-` stands for: read here alone, so that what a host wrote there is counted. */

import { countAsPaid } from "../render/write.ts";

export async function stdinText(): Promise<string> {
  const text = await Bun.stdin.text();
  countAsPaid(text);
  return text;
}
