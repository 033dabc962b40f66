/**
 * A scene: a scratch project with a scratch home, fake agents first on PATH,
 * and the compiled binary. Nothing here sleeps: agents block on gates (FIFOs)
 * that the test opens, and tests wait on `dispatch wait` or on files.
 */

import { onTestFinished } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agents, prelude } from "./agents.ts";
import { appears, killMarked } from "./machine.ts";

export const binary = join(import.meta.dir, "../../dist/dispatch");

export interface Ran {
  exit: number;
  out: string;
  err: string;
}

export interface Scene {
  project: string;
  home: string;
  env: Record<string, string>;
  /** Runs `dispatch ARGV` in the project. */
  dispatch: (...argv: string[]) => Promise<Ran>;
  dispatchWith: (
    options: { stdin?: string; env?: Record<string, string>; cwd?: string },
    ...argv: string[]
  ) => Promise<Ran>;
  /** `status --json` of one task. */
  task: (id: string) => Promise<any>;
  /** A file of a task, or null. */
  file: (id: string, path: string) => string | null;
  path: (id: string, path: string) => string;
  /** Opens a gate that an agent waits at; returns once the agent has passed it. */
  open: (gate: string) => Promise<void>;
  /** Puts a program on the scene's PATH. */
  program: (name: string, script: string) => void;
  config: (text: string) => void;
}

export function scene(): Scene {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "scene-")));
  const token = crypto.randomUUID();
  // Not afterEach: that would hold for the first file that loads this one.
  onTestFinished(() => strike(folder, token));
  const [project, home, bin, gates, tmp] = ["project", "home", "bin", "gates", "tmp"].map(
    (name) => {
      const made = join(folder, name);
      mkdirSync(made);
      return made;
    },
  ) as [string, string, string, string, string];
  mkdirSync(join(project, ".git"));
  writeFileSync(join(project, ".git/HEAD"), "ref: refs/heads/main\n");

  const env: Record<string, string> = {
    PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`,
    HOME: home,
    GATES: gates,
    TMPDIR: tmp,
    SCENE: token,
    DISPATCH_HOME: join(home, ".dispatch"),
    LANG: "C.UTF-8",
  };
  const program = (name: string, script: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${prelude}\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  const config = (text: string) => {
    mkdirSync(env["DISPATCH_HOME"]!, { recursive: true });
    writeFileSync(join(env["DISPATCH_HOME"]!, "config.yaml"), text);
  };
  for (const [name, script] of Object.entries(agents)) program(name, script);
  const names = Object.keys(agents);
  config(
    [
      "default: finishes",
      // Tests start as many as they like, on whatever machine.
      "limits: { parallel: 99, stagger: 0s }",
      "backends:",
      ...names.map((name) => `  ${name}: { command: ${name} }`),
      "models:",
      ...names.map((name) => `  ${name}: { backend: ${name} }`),
      "",
    ].join("\n"),
  );

  const dispatchWith: Scene["dispatchWith"] = async ({ stdin, env: more, cwd }, ...argv) => {
    const child = Bun.spawn([binary, ...argv], {
      cwd: cwd ?? project,
      env: { ...env, ...more },
      stdin: stdin === undefined ? "ignore" : Buffer.from(stdin),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err, exit] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { exit, out, err };
  };
  const dispatch: Scene["dispatch"] = (...argv) => dispatchWith({}, ...argv);
  const path = (id: string, name: string) => join(project, ".dispatch/tasks", id, name);
  return {
    project,
    home,
    env,
    dispatch,
    dispatchWith,
    program,
    config,
    path,
    file: (id, name) => (existsSync(path(id, name)) ? readFileSync(path(id, name), "utf8") : null),
    task: async (id) => {
      const { out, err } = await dispatch("status", id, "--json");
      if (out === "") throw new Error(err);
      return JSON.parse(out).tasks[0];
    },
    open: async (gate) => {
      const fifo = join(gates, gate);
      await appears(fifo);
      // Opening a FIFO for writing waits until the agent reads it.
      await Bun.$`echo > ${fifo}`.quiet();
    },
  };
}

/** Whatever a scene has started carries its token; nothing of it may outlive its test. */
function strike(folder: string, token: string): void {
  killMarked(`SCENE=${token}`);
  rmSync(folder, { recursive: true, force: true });
}
