/**
 * A session of the real Claude Code whose model says what it is told to say, part by part, and
 * what each part has added to its conversation.
 */

import {
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  openSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { ofHost, settle, startHost } from "../../../test/real/host.ts";
import type { Scenario, Step } from "../../../test/real/model-server.ts";
import { stage } from "../../../test/real/stage.ts";
import { type Block, blocksOf, type Cost, costOf, type Known, tokens } from "./count.ts";
import { planPath, prose, type Task, words } from "./tasks.ts";

const patienceMs = 60_000;

/** What one part of a session has cost. */
export interface Part extends Cost {
  /** Requests meanwhile that no worker has sent. */
  requests: number;
}

export interface Measured {
  parts: Record<string, Part>;
  /** The skill's line in the listing that every session has. */
  listing: number;
}

interface Setting {
  /** The text of SKILL.md. */
  skill: string;
  /** The tools that need not be confirmed, which costs no tokens. */
  allow: string[];
  hooks?: unknown;
  workers: (Scenario & { match: string })[];
}

export type Session = Awaited<ReturnType<typeof openSession>>;

export async function openSession({ skill, allow, hooks, workers }: Setting) {
  const host: Scenario = { steps: [] };
  const s = await stage([host, ...workers]);
  process.once("exit", s.strike);
  const gates = openGates(join(s.folder, "gates"), ["host", ...workers.map(nameOf)]);
  s.env["GATES"] = join(s.folder, "gates");
  // A copy, so that a build meanwhile changes nothing.
  const binary = join(s.folder, "bin/dispatch");
  mkdirSync(dirname(binary));
  copyFileSync(join(import.meta.dir, "../../../dist/dispatch"), binary);
  s.env["PATH"] = [dirname(binary), s.env["PATH"]].join(delimiter);
  const put = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  settle(s.home, [s.project]);
  put(join(s.home, ".claude/skills/dispatch/SKILL.md"), skill);
  const settings = { permissions: { defaultMode: "default", allow }, hooks };
  put(join(s.home, ".claude/settings.json"), JSON.stringify(settings));
  put(join(s.home, ".dispatch/config.yaml"), config);
  for (const path of ["src/app.ts", "test/app.test.ts", "docs/api.md", "config/flags.json"])
    put(join(s.project, path), "\n");
  for (const command of ["init -q -b main", "add .", `${gitUser} commit -q -m First`])
    await s.run(["git", ...command.split(" ")]);
  const terminal = await startHost(s.folder, s.project, s.env, "claude");

  const typed: string[] = [];
  const ranges: { name: string; from: number; to: number; requests: number }[] = [];
  const requests = () => s.server.requests.filter(ofHost);
  const conversation = () => blocksOf(requests().at(-1)?.body.messages ?? []);
  /** Between turns: the model's last words are in no request yet. */
  const length = () => (requests().length === 0 ? 0 : conversation().length + 1);
  const ofNoWorker = () => s.server.requests.filter(({ match }) => match === null).length;

  async function within<T>(what: string, promise: Promise<T>): Promise<T> {
    const timer = Promise.withResolvers<never>();
    const timeout = setTimeout(() => {
      const problems = s.server.problems.join("; ");
      timer.reject(new Error(`waited in vain for ${what}; ${problems}\n${terminal.screen()}`));
    }, patienceMs);
    return Promise.race([promise, timer.promise]).finally(() => clearTimeout(timeout));
  }
  /** Resolves once a scenario has been asked for so many of its steps. */
  async function asked(match: string | null, count: number): Promise<void> {
    const sent = () =>
      match === null ? requests() : s.server.requests.filter((request) => request.match === match);
    await within(
      `request ${count} of ${match ?? "the host"}`,
      s.server.arrival(() => sent().length >= count),
    );
  }
  /** Tells the model what to do and say next, does what sets it going, and waits until it is over. */
  async function play(steps: Step[], begin: () => unknown): Promise<void> {
    host.steps.push(...steps);
    await begin();
    await asked(null, host.steps.length);
    const last = steps.at(-1)!;
    if (!("text" in last)) return;
    // The terminal wraps, and shows no marks of Markdown.
    const start = last.text
      .split(" ")
      .slice(0, 4)
      .join(" ")
      .replaceAll(/[^\w ]/g, ".");
    await within(`“${start}”`, terminal.shows(new RegExp(`^● ${start}`, "m")));
  }
  async function part(name: string, from: number, body: () => Promise<void>): Promise<void> {
    const before = ofNoWorker();
    await body();
    ranges.push({ name, from, to: length(), requests: ofNoWorker() - before });
  }

  const session = {
    project: s.project,
    home: s.home,
    play,
    /** A turn: the user types, the model does and says. */
    async say(text: string, ...steps: Step[]): Promise<void> {
      typed.push(text);
      await play(steps, () => within(`the prompt to take “${text}”`, terminal.say(text)));
    },
    /** Lets the worker, or the host's tool, that waits or will wait at its gate go on. */
    open: (gate: string) => gates.open(gate),
    /** Lets workers that wait at their gates do so many steps in turn. */
    async workOn(tasks: readonly Task[], steps: number): Promise<void> {
      for (let step = 1; step <= steps; step++) {
        for (const task of tasks) {
          session.open(task.id);
          await asked(planPath(task), step + 1);
        }
      }
    },
    /** Resolves once the worker has been asked for the last step of its script. */
    async lastRequest(task: Task): Promise<void> {
      const { match, steps } = workers.find((worker) => worker.match === planPath(task))!;
      await asked(match, steps.length);
    },
    /** Resolves once `dispatch` says that it has ended. */
    ended: ({ id }: Task) => within(`the end of ${id}`, s.run([binary, "wait", id])),
    /** Measures what happens from the end of one turn to the end of another. */
    part: (name: string, body: () => Promise<void>) => part(name, length(), body),
    /** The same, from the result of the tool that is at work, which does not count. */
    partAfterTool: (name: string, body: () => Promise<void>) => part(name, length() + 1, body),
    async measured(): Promise<Measured> {
      // One more request, which holds all that was said before.
      await session.say(words.end, { text: prose.end });
      if (s.server.problems.length > 0) throw new Error(s.server.problems.join("; "));
      const blocks = wholeConversation(requests().map(({ body }) => blocksOf(body.messages)));
      const known: Known = { body: bodyOf(skill), typed };
      const start = startOf(blocks);
      const parts = ranges.map(({ name, from, to, requests: sent }): [string, Part] => {
        const some = blocks.slice(from, to).filter((block) => !start.includes(block));
        return [name, { ...costOf(some, blocks, known), requests: sent }];
      });
      return { parts: Object.fromEntries(parts), listing: tokens(listingLine(start)) };
    },
    async close(): Promise<void> {
      process.off("exit", s.strike);
      terminal.close();
      gates.close();
      await s.strike();
    },
  };
  return session;
}

const gitUser = "-c user.name=You -c user.email=you@example.com";
const nameOf = ({ match }: { match: string }) => match.split("/")[2]!;
export const bodyOf = (skill: string) => skill.replace(/^---\n[^]*?\n---\n/, "").trim();

/** The same for both sides; one of them has its host read it. */
const config = `default: opus
backends:
  claude: {}
models:
  opus: { backend: claude }
  sonnet: { backend: claude }
  haiku: { backend: claude }
`;

/** FIFOs that are held open at both ends: who opens one never waits, who reads one does. */
function openGates(folder: string, names: readonly string[]) {
  mkdirSync(folder);
  const gates = new Map(
    names.map((name) => {
      Bun.spawnSync(["mkfifo", join(folder, name)]);
      return [name, openSync(join(folder, name), constants.O_RDWR)];
    }),
  );
  return {
    open: (name: string) => void writeSync(gates.get(name)!, "go\n"),
    close: () => gates.forEach((gate) => closeSync(gate)),
  };
}

/** The last conversation, once it is clear that nothing was ever taken out of it or changed. */
function wholeConversation(conversations: readonly Block[][]): Block[] {
  for (const [index, blocks] of conversations.slice(0, -1).entries()) {
    const next = conversations[index + 1]!.slice(0, blocks.length);
    if (!Bun.deepEquals(blocks, next)) throw new Error("the host has rewritten its conversation");
  }
  return conversations.at(-1)!;
}

/** What every session begins with, whatever its user does: nothing that it grows by. */
function startOf(blocks: readonly Block[]): Block[] {
  const first = blocks.findIndex(({ text }) => text.startsWith("<command-message>"));
  const environment = blocks.find(({ role }) => role === "system")!;
  return [...blocks.slice(0, first), environment];
}

function listingLine(start: readonly Block[]): string {
  const line = start.map(({ text }) => /^- dispatch: .*$/m.exec(text)?.[0]).find(Boolean);
  if (line === undefined) throw new Error("the listing of skills has no dispatch");
  return `${line}\n`;
}
