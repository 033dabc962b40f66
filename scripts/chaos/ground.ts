/**
 * The ground of a storm: a folder of its own with projects, a home, and fake agents
 * first on PATH. Whatever is started there carries the storm's token.
 */

import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gateOf, groundVariable, tokenVariable } from "./script.ts";

export interface Ground {
  folder: string;
  /** The binary that can be told to end at a step. */
  dispatch: string;
  token: string;
  env: Record<string, string>;
  /** What every process of the storm carries. */
  mark: string;
  projectOf: (name: string) => string;
  openGate: (name: string) => void;
}

/** Below a ground: for whoever has to end what it has left running. */
export const tokenFile = "token";

const folders = ["home", "bin", "tmp", "projects", "diaries", "scripts", "gates", "locks"];

/** @param program the folder of the binary, which is called `dispatch` there */
export function makeGround(folder: string, program: string, projects: readonly string[]): Ground {
  for (const name of folders) mkdirSync(join(folder, name), { recursive: true });
  const token = crypto.randomUUID();
  writeFileSync(join(folder, tokenFile), token);
  const projectOf = (name: string) => join(folder, "projects", name);
  for (const name of projects) {
    mkdirSync(join(projectOf(name), ".git"), { recursive: true });
    writeFileSync(join(projectOf(name), ".git/HEAD"), "ref: refs/heads/main\n");
  }
  const agent = join(import.meta.dir, "agent.ts");
  const start = (words: string) =>
    `#!/bin/sh\nexec '${process.execPath}' '${agent}'${words} "$@"\n`;
  addProgram(folder, "worker", start(""));
  addProgram(folder, "claude", start(" --as-claude"));
  const home = join(folder, "home");
  return {
    folder,
    dispatch: join(program, "dispatch"),
    token,
    mark: `${tokenVariable}=${token}`,
    projectOf,
    openGate: (name) => writeFileSync(gateOf(folder, name), ""),
    env: {
      PATH: `${join(folder, "bin")}:${program}:/usr/local/bin:/usr/bin:/bin`,
      HOME: home,
      TMPDIR: join(folder, "tmp"),
      LANG: "C.UTF-8",
      DISPATCH_HOME: join(home, ".dispatch"),
      DISPATCH_STEP_LOG: join(folder, "steps"),
      [groundVariable]: folder,
      [tokenVariable]: token,
    },
  };
}

export function addProgram(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, "bin", name), text);
  chmodSync(join(folder, "bin", name), 0o755);
}

export function writeConfig(ground: Ground, text: string): void {
  mkdirSync(ground.env["DISPATCH_HOME"]!, { recursive: true });
  writeFileSync(join(ground.env["DISPATCH_HOME"]!, "config.yaml"), text);
}
