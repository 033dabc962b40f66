/**
 * Checks that the user has asked for with a task. A task's files can be changed by
 * its worker, which may be kept in a sandbox; what runs outside of it must be the
 * user's own words. Kept in the user's folder, named by their hash: a run's own shell
 * knows the name from its start.
 */

import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { homePaths } from "./paths.ts";
import { replace } from "./publish.ts";
import { isFile, readText } from "./read.ts";

export function keepCheck(command: string): void {
  const path = pathOf(checkName(command));
  if (isFile(path)) return;
  mkdirSync(homePaths().checks, { recursive: true, mode: 0o700 });
  replace(path, command);
}

export const checkName = (command: string) =>
  createHash("sha256").update(command).digest("hex").slice(0, 32);

/** The check of that name; null where nobody has asked for one. */
export const readCheckLine = (name: string): string | null =>
  /^[0-9a-f]{32}$/.test(name) ? (readText(pathOf(name))?.text ?? null) : null;

const pathOf = (name: string) => `${homePaths().checks}/${name}`;
