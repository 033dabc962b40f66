/** What can be known of a repository without starting git. */

import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

/** The nearest folder at or above `start` that holds a `.git`, or null. */
export function gitTopLevel(start: string): string | null {
  for (let folder = realpathSync(start); ; folder = dirname(folder)) {
    if (existsSync(join(folder, ".git"))) return folder;
    if (folder === dirname(folder)) return null;
  }
}
