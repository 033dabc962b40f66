/**
 * A stage for real agents: a scratch project, a scratch HOME, a scripted model server, and the
 * compiled binary. Whatever was started on it is gone once it is struck.
 */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { killMarked } from "../scenes/machine.ts";
import { agentEnv } from "./agents.ts";
import { scratch } from "./isolation.ts";
import { type Scenario, startModelServer } from "./model-server.ts";

const binary = join(import.meta.dir, "../../dist/dispatch");

export async function stage(scenarios: Scenario | Scenario[]) {
  const server = startModelServer(scenarios);
  const folder = mkdtempSync(join(scratch, "real-"));
  const project = join(folder, "project");
  const home = join(folder, "home");
  const tmp = join(folder, "tmp");
  mkdirSync(join(project, ".git"), { recursive: true });
  writeFileSync(join(project, ".git/HEAD"), "ref: refs/heads/main\n");
  mkdirSync(home);
  mkdirSync(tmp);
  const scene = crypto.randomUUID();
  const agents = await agentEnv(home, server.url);
  const env: Record<string, string> = {
    ...agents,
    SCENE: scene,
    TMPDIR: tmp,
    PATH: [dirname(binary), agents["PATH"]].join(delimiter),
  };
  const strike = async () => {
    killMarked(`SCENE=${scene}`);
    rmSync(folder, { recursive: true, force: true });
    await server.stop();
  };
  /** @param own variables in place of the stage's; undefined takes one away */
  const run = async (argv: string[], own: Record<string, string | undefined> = {}) => {
    const child = Bun.spawn(argv, {
      cwd: project,
      env: { ...env, ...own },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err, exit] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    return { out, err, exit };
  };
  const dispatch = (...argv: string[]) => run([binary, ...argv]);
  return {
    server,
    scene,
    folder,
    project,
    home,
    env,
    strike,
    run,
    dispatch,
    task: async (id: string) => JSON.parse((await dispatch("status", id, "--json")).out).tasks[0],
    read: (path: string) =>
      existsSync(join(project, path)) ? readFileSync(join(project, path), "utf8") : null,
  };
}
