/** The user of a storm: runs commands, some of which are ended half way, and remembers what each of them said. */

import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Ground } from "./ground.ts";
import { type Command, hostCount, itemTexts, type StormPlan, type TaskPlan } from "./plan.ts";

/** A command that is still there after so long hangs. */
const hangsMs = 45_000;

const pollMs = 20;

/** What somebody asked of the program, and what it said. */
export interface Ran {
  project: string;
  argv: string[];
  stdin: string | null;
  /** The host session that it was run by, or null for a person. */
  host: number | null;
  step: string | null;
  pid: number;
  startedMs: number;
  endedMs: number;
  /** Null: it was ended by a signal. */
  exit: number | null;
  hung: boolean;
  out: string;
  err: string;
}

export interface Said {
  host?: number | null;
  step?: string | null;
  killAfterMs?: number | null;
  stdin?: string | null;
}

export class Driver {
  readonly ran: Ran[] = [];
  /** New tasks are made by them. */
  readonly #running = new Set<Promise<Ran>>();
  readonly #away = new Set<string>();
  readonly #hosts: Bun.Subprocess[] = [];

  constructor(
    readonly ground: Ground,
    readonly plan: StormPlan,
  ) {
    for (let host = 0; host < hostCount; host++) {
      this.#hosts.push(
        Bun.spawn(["sleep", "100000"], { env: ground.env, stdio: ["ignore", "ignore", "ignore"] }),
      );
    }
  }

  /** Runs `dispatch ARGV` to its end. */
  async dispatch(project: string, argv: string[], said: Said = {}): Promise<Ran> {
    const { host = null, step = null, killAfterMs = null, stdin = null } = said;
    const isRun = argv[0] === "run";
    while (isRun && this.#away.has(project)) await Bun.sleep(pollMs);
    const ran = this.#run(project, argv, { host, step, killAfterMs, stdin });
    if (isRun) this.#running.add(ran);
    try {
      return await ran;
    } finally {
      this.#running.delete(ran);
    }
  }

  async #run(project: string, argv: string[], said: Required<Said>): Promise<Ran> {
    const { host, step, killAfterMs, stdin } = said;
    const startedMs = Date.now();
    const child = Bun.spawn([this.ground.dispatch, ...argv], {
      cwd: this.ground.projectOf(project),
      env: {
        ...this.ground.env,
        ...(host === null ? {} : this.#hostVariables(host)),
        ...(step === null ? {} : { DISPATCH_STEP: step }),
      },
      stdin: stdin === null ? "ignore" : Buffer.from(stdin),
      stdout: "pipe",
      stderr: "pipe",
    });
    let hung = false;
    const killer = setTimeout(() => child.kill("SIGKILL"), killAfterMs ?? 1e9);
    // Some stay for as long as nothing happens: they have to be gone in the end.
    const isLasting = argv[0] === "hook" || argv.includes("--follow");
    const watchdog = setTimeout(
      () => {
        hung = true;
        child.kill("SIGKILL");
      },
      isLasting ? 1e9 : hangsMs,
    );
    const [out, err] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    await child.exited;
    clearTimeout(killer);
    clearTimeout(watchdog);
    const endedMs = Date.now();
    const exit = child.signalCode === null ? child.exitCode : null;
    const { pid } = child;
    const ran = { project, argv, stdin, host, step, pid, startedMs, endedMs, exit, hung, out, err };
    this.ran.push(ran);
    return ran;
  }

  /** No tasks are made of a project meanwhile: they would be somewhere else afterwards. */
  async whileAway(project: string, body: () => Promise<string>): Promise<string> {
    if (this.#away.has(project)) return "";
    this.#away.add(project);
    try {
      while (this.#running.size > 0) await Promise.allSettled(this.#running);
      return await body();
    } finally {
      this.#away.delete(project);
    }
  }

  #hostVariables(host: number): Record<string, string> {
    return {
      CLAUDECODE: "1",
      CLAUDE_CODE_ENTRYPOINT: "cli",
      CLAUDE_CODE_SESSION_ID: sessionOf(host),
      CLAUDE_PID: String(this.#hosts[host]!.pid),
      DISPATCH_WAKE: "hook",
    };
  }

  killHost(host: number): void {
    this.#hosts[host]!.kill("SIGKILL");
  }

  livingHosts(): number[] {
    return this.#hosts.flatMap(({ exitCode, signalCode }, host) =>
      exitCode === null && signalCode === null ? [host] : [],
    );
  }

  hostPids(): number[] {
    return this.#hosts.map(({ pid }) => pid);
  }

  endHosts(): void {
    for (const host of this.#hosts) host.kill("SIGKILL");
  }

  /** What the command's words are; null where there is nothing that it could be about. */
  wordsOf(command: Command): { argv: string[]; stdin: string | null } | null {
    const { verb } = command;
    switch (verb) {
      case "run":
        return this.runWords(command.tasks);
      case "status":
        return words("status", ...(command.json ? ["--json"] : []));
      case "wait": {
        const all = command.all ? ["--all"] : [];
        return words("wait", "--json", "--timeout", `${command.timeoutMs}ms`, ...all);
      }
      case "answer": {
        const open = openQuestions(this.ground, command.project);
        const chosen = open[Math.floor(command.pick * open.length)];
        if (chosen === undefined) return null;
        return words("answer", chosen.task, chosen.number, command.text);
      }
      case "note":
        return words("note", command.task, command.text);
      case "stop":
        return words("stop", command.task, "--grace", `${command.graceMs}ms`);
      case "resume":
        return words(
          "resume",
          command.task,
          ...(command.fresh ? ["--fresh"] : []),
          ...(command.model === null ? [] : ["--model", command.model]),
        );
      case "resume all":
        return words("resume", "--all");
      case "logs":
        return words("logs", command.task, ...(command.follow ? ["--follow"] : []));
      case "hook":
        return words("hook", command.hook);
      case "home":
        return words("--json");
    }
  }

  /** One task by its flags, several as Markdown. */
  runWords(ids: readonly string[]): { argv: string[]; stdin: string | null } {
    const tasks = ids.map((id) => this.plan.tasks.find((task) => task.id === id)!);
    const [task] = tasks;
    if (tasks.length > 1) return { argv: ["run", "-"], stdin: tasks.map(batchText).join("\n") };
    const { id, model, after, parallel, answerTimeoutMs, timeLimitMs, script } = task!;
    const items = script.ownPlan ? [] : itemTexts(task!).flatMap((text) => ["--item", text]);
    return words(
      "run",
      `do what ${id} is about`,
      "--id",
      id,
      "--model",
      model,
      ...items,
      ...after.flatMap((parent) => ["--after", parent]),
      ...(parallel === null ? [] : ["--parallel", String(parallel)]),
      ...(answerTimeoutMs === null ? [] : ["--answer-timeout", `${answerTimeoutMs}ms`]),
      ...(timeLimitMs === null ? [] : ["--time-limit", `${timeLimitMs}ms`]),
    );
  }
}

const words = (...argv: string[]) => ({ argv, stdin: null });
export const sessionOf = (host: number) => `session-${host}`;

function batchText(task: TaskPlan): string {
  const { id, model, after, answerTimeoutMs, timeLimitMs, script } = task;
  const lines = [
    `# what ${id} is about`,
    `id: ${id}`,
    `model: ${model}`,
    ...(after.length === 0 ? [] : [`after: ${after.join(", ")}`]),
    ...(answerTimeoutMs === null ? [] : [`answer_timeout: ${answerTimeoutMs}ms`]),
    ...(timeLimitMs === null ? [] : [`time_limit: ${timeLimitMs}ms`]),
    "",
    ...(script.ownPlan ? ["Nothing more."] : itemTexts(task).map((text) => `- [ ] ${text}`)),
    "",
  ];
  return lines.join("\n");
}

interface Open {
  task: string;
  number: string;
}

/** As a user sees them: a question's file without an answer's beside it. */
export function openQuestions(ground: Ground, project: string): Open[] {
  const tasks = join(ground.projectOf(project), ".dispatch/tasks");
  return namesIn(tasks).flatMap((task) => {
    const names = namesIn(join(tasks, task, "ipc"));
    return names.flatMap((name) => {
      const number = /^(\d+)\.question$/.exec(name)?.[1];
      return number === undefined || names.includes(`${number}.answer`) ? [] : [{ task, number }];
    });
  });
}

export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/**
 * The acts of a supervisor run in the environment that their task was asked in, which
 * is kept in files: a step that they are to end at has to stand there. Null: none.
 */
export function aimActs({ env }: Ground, step: string | null): void {
  const folder = join(env["DISPATCH_HOME"]!, "environments");
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    if (!/^[0-9a-f]{32}$/.test(name) || !existsSync(path)) continue;
    const { DISPATCH_STEP: _, ...rest } = JSON.parse(readFileSync(path, "utf8"));
    const text = JSON.stringify(step === null ? rest : { ...rest, DISPATCH_STEP: step });
    try {
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
    } catch {
      // The disk is full just now; it never is when no step is meant any more.
      rmSync(`${path}.new`, { force: true });
    }
  }
}
