/** One failing run of a real agent: bare, as it would be in anybody's script, and through dispatch. */

import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { backendNamed } from "../../../src/backends/index.ts";
import { type Agent, envOf, type Failure, models } from "../../../test/real/failures.ts";
import type { Step } from "../../../test/real/model-server.ts";
import { stage } from "../../../test/real/stage.ts";
import { msSince } from "../measure.ts";

export const capS = 240;

export interface Bare {
  seconds: number;
  /** Null: it was still trying. */
  exit: number | null;
}

export interface Dispatched {
  seconds: number;
  /** What `status` showed then: failed or held with a cause, or done; null: nothing of the kind. */
  shown: { state: string; cause: string | null; evidence: string | null } | null;
}

const prompt = "the work.";
const text: Step = { text: "All done." };
const tick: Step = { shell: "sed -i 's/- \\[ \\]/- [x]/' .dispatch/tasks/it/plan.md" };

async function staged<T>(
  failure: Failure,
  steps: Step[],
  play: (s: Stage, env: Record<string, string | undefined>) => Promise<T>,
): Promise<T> {
  const s = await stage({ steps });
  process.once("exit", s.strike);
  try {
    return await play(s, await envOf(failure, s.folder));
  } finally {
    process.off("exit", s.strike);
    await s.strike();
  }
}
type Stage = Awaited<ReturnType<typeof stage>>;

/** From the spawn to the exit, with the command line that dispatch builds. */
export const bare = (failure: Failure) =>
  staged(failure, [...failure.steps, text], async (s, own): Promise<Bare> => {
    const promptPath = join(s.folder, "prompt.md");
    writeFileSync(promptPath, prompt);
    const fds = [openSync(promptPath, "r"), openSync(join(s.folder, "log"), "a")] as const;
    const startNs = Bun.nanoseconds();
    const child = Bun.spawn(commandOf(failure.agent, s, promptPath), {
      cwd: s.project,
      env: { ...s.env, ...own },
      stdio: [fds[0], fds[1], fds[1]],
    });
    for (const fd of fds) closeSync(fd);
    const exit = await Promise.race([child.exited, Bun.sleep(capS * 1_000)]);
    return { seconds: msSince(startNs) / 1_000, exit: exit ?? null };
  });

function commandOf(agent: Agent, { project, env }: Stage, promptPath: string): string[] {
  const { invocation, session } = backendNamed(agent);
  const { policy, args } = invocation({
    model: models[agent],
    prompt,
    promptPath,
    cwd: project,
    folders: [],
    gitFolders: [],
    session: session === "chosen" ? crypto.randomUUID() : null,
    resume: false,
    title: "it",
    isRoot: process.getuid?.() === 0,
    env,
  });
  return [agent, ...policy, ...args];
}

/** From the spawn of `dispatch run` until `dispatch status` shows what came of it. */
export const dispatched = (failure: Failure) =>
  staged(failure, [...failure.steps, tick, text], async (s, own): Promise<Dispatched> => {
    mkdirSync(join(s.home, ".dispatch"));
    writeFileSync(join(s.home, ".dispatch/config.yaml"), config);
    const argv = ["dispatch", "run", "-m", models[failure.agent], "--id", "it", "--item", "Do it"];
    const startNs = Bun.nanoseconds();
    const { exit, err } = await s.run([...argv, prompt], own);
    if (exit !== 0) throw new Error(`dispatch run: ${err}`);
    const watch = Bun.spawn(["dispatch", "status", "it", "--watch", "--json"], {
      cwd: s.project,
      env: s.env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const shown = await Promise.race([firstOutcome(watch.stdout), Bun.sleep(capS * 1_000)]);
    return { seconds: msSince(startNs) / 1_000, shown: shown ?? null };
  });

const config = `default: sonnet
models:
  sonnet: { backend: claude }
  gpt-5.5: { backend: codex }
`;

async function firstOutcome(stdout: ReadableStream<Uint8Array>): Promise<Dispatched["shown"]> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stdout) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const [{ state, cause, evidence }] = JSON.parse(line).tasks;
      if (cause !== null || state === "done") return { state, cause, evidence };
    }
  }
  return null;
}
