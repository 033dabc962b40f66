/** What can be known of a repository without starting git. */

import { existsSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** The nearest folder at or above `start` that is a checkout, or null. */
export function gitTopLevel(start: string): string | null {
  for (let folder = realpathSync(start); ; folder = dirname(folder)) {
    if (isGit(join(folder, ".git"))) return folder;
    if (folder === dirname(folder)) return null;
  }
}

// A worktree's is a file. An empty folder of that name is none: sandboxes leave such behind.
function isGit(path: string): boolean {
  return (
    existsSync(join(path, "HEAD")) || (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false)
  );
}
