/**
 * The environments that tasks were asked in. A task that is started later, by
 * the supervisor, is started in its own and not in that of whoever woke the
 * supervisor: PATH, keys and all. Kept in the user's own folder, readable by
 * the user alone, and out of the project.
 */

import { createHash } from "node:crypto";
import { mkdirSync, rmSync, statSync, utimesSync } from "node:fs";
import * as v from "valibot";
import { parsedAs } from "./json.ts";
import { environmentName, homePaths } from "./paths.ts";
import { replace } from "./publish.ts";
import { readNames, readText } from "./read.ts";

type Environment = Record<string, string>;

/** They differ from shell to shell, and mean nothing to a program that outlives it. */
const passing = new Set(["_", "OLDPWD", "PWD", "SHLVL", "WINDOWID", "COLUMNS", "LINES"]);
const unusedMs = 14 * 86_400_000;
const longest = 4 * 2 ** 20;

/** Keeps it, and returns the name that it is found by; null where it cannot be kept. */
export function keepEnvironment(env: Environment): string | null {
  const entries = Object.entries(env).filter(([name]) => !passing.has(name));
  const text = JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => a.localeCompare(b))));
  const name = createHash("sha256").update(text).digest("hex").slice(0, 32);
  const { environments } = homePaths();
  const path = `${environments}/${name}`;
  try {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) {
      mkdirSync(environments, { recursive: true, mode: 0o700 });
      forgetUnused(environments);
      replace(path, text);
    } else touch(path);
    return name;
  } catch {
    return null;
  }
}

/** Null where it is not there any more. */
export function readEnvironment(name: string): Environment | null {
  const path = `${homePaths().environments}/${name}`;
  const file = environmentName.test(name) ? readText(path, longest) : null;
  if (file === null) return null;
  try {
    touch(path);
  } catch {
    // A folder that cannot be written to can be read.
  }
  return parsedAs(v.record(v.string(), v.string()), file.text);
}

function touch(path: string): void {
  const now = new Date();
  utimesSync(path, now, now);
}

function forgetUnused(folder: string): void {
  for (const name of readNames(folder)) {
    const stat = statSync(`${folder}/${name}`, { throwIfNoEntry: false });
    if (stat !== undefined && stat.mtimeMs < Date.now() - unusedMs)
      rmSync(`${folder}/${name}`, { force: true });
  }
}
