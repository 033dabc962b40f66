/**
 * What each host session has been told, so that it is told everything once: a
 * file for each session, a line for each event's key.
 */

import { mkdirSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ProjectPaths } from "./paths.ts";
import { append } from "./publish.ts";
import { readText } from "./read.ts";

/** The file of a host session, or of the people at this project's terminals. */
export function toldPath(project: ProjectPaths, host: string | null): string {
  mkdirSync(project.told, { recursive: true, mode: 0o700 });
  // A session's id comes from the environment: it is never a file name as it is.
  const name =
    host === null ? "person" : createHash("sha256").update(host).digest("hex").slice(0, 16);
  return join(project.told, name);
}

export function readTold(path: string): Set<string> {
  return new Set(readText(path, 16 * 1024 * 1024)?.text.split("\n"));
}

/** Written after the telling: killed in between, it is told twice rather than never. */
export function addTold(path: string, keys: readonly string[]): void {
  if (keys.length > 0) append(path, `${keys.join("\n")}\n`);
}
