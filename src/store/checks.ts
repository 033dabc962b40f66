/**
 * Checks that the user has asked for with a task. A task's files can be changed by
 * its worker, which may be kept in a sandbox; what runs outside of it must be the
 * user's own words. Kept in the user's folder, named by their hash.
 */

import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { homePaths } from "./paths.ts";
import { replace } from "./publish.ts";
import { isFile } from "./read.ts";

export function keepCheck(command: string): void {
  if (isKeptCheck(command)) return;
  mkdirSync(homePaths().checks, { recursive: true, mode: 0o700 });
  replace(pathOf(command), command);
}

/** Whether the user has ever asked for it. */
export const isKeptCheck = (command: string) => isFile(pathOf(command));

const pathOf = (command: string) =>
  `${homePaths().checks}/${createHash("sha256").update(command).digest("hex").slice(0, 32)}`;
