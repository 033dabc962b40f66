/**
 * A worktree storm: agents work in git worktrees, a user brings their work home, takes
 * it down and works in the checkout, and any of them is killed at any time. Then all
 * is brought home, and nothing of what was written may be missing.
 */

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Violation } from "./check.ts";
import { aimActs, namesIn } from "./driver.ts";
import { filesBelow } from "./disk.ts";
import { addProgram, type Ground, makeGround, writeConfig } from "./ground.ts";
import { aimActsFor } from "./kill.ts";
import { killAll, killOne, type Process, processesOf } from "./processes.ts";
import { diaryOf, itemText, scriptOf } from "./script.ts";
import { checkContents, checkRepository, checkTrees, fingerprint } from "./worktree-check.ts";
import {
  type Aim,
  linesOfAFile,
  project,
  type Role,
  sharedFiles,
  type TaskCommand,
  type UserCommand,
  ways,
  type WorktreeEvent,
  type WorktreePlan,
} from "./worktree-plan.ts";

/** A command that is still there after so long hangs. */
const hangsMs = 60_000;
const restMs = 60_000;
const killPatienceMs = 500;
const killPollMs = 10;
/** More often no worker is told of a conflict. */
const mostRounds = 5;
/** What is wrong is mostly the same many times. */
const mostTold = 8;

/** All that is known of such a storm, beside the files that it has left. */
export interface WorktreeRecord {
  plan: WorktreePlan;
  ran: Ran[];
  did: { atMs: number; what: string }[];
  runs: number;
  kills: number;
}

interface Ran {
  argv: string[];
  startedMs: number;
  endedMs: number;
  /** Null: it was ended by a signal. */
  exit: number | null;
  out: string;
  err: string;
}

export async function runWorktreeStorm(
  plan: WorktreePlan,
  folder: string,
  program: string,
): Promise<{ record: WorktreeRecord; violations: Violation[] }> {
  const storm = new Storm(plan, makeGround(folder, program, [project]));
  try {
    storm.lay();
    await storm.rage();
    const violations = await storm.judged();
    return { record: storm.record, violations };
  } finally {
    killAll(storm.ground.mark);
    writeFileSync(join(folder, "record.json"), JSON.stringify(storm.record, null, 1));
  }
}

class Storm {
  readonly root: string;
  readonly record: WorktreeRecord;
  /** The user does one thing in the checkout at a time. */
  #hands: Promise<unknown> = Promise.resolve();
  /** What the user has written and not committed. */
  readonly #dirty = new Set<string>();
  /** A git that worked in the checkout was itself killed: it takes a person to tidy up. */
  #isHurt = false;
  readonly #home = new Set<string>();
  #edits = 0;
  #own = "";

  constructor(
    readonly plan: WorktreePlan,
    readonly ground: Ground,
  ) {
    this.root = ground.projectOf(project);
    this.record = { plan, ran: [], did: [], runs: 0, kills: 0 };
  }

  // The ground.

  lay(): void {
    const { plan, ground, root } = this;
    const real = Bun.which("git");
    if (real === null) throw new Error("git is not on PATH");
    ground.env["REAL_GIT"] = real;
    mkdirSync(join(ground.folder, "aims"));
    addProgram(ground.folder, "git", readFileSync(join(import.meta.dir, "git.sh"), "utf8"));
    addProgram(
      ground.folder,
      "worker",
      `#!/bin/sh\nexec '${process.execPath}' '${join(import.meta.dir, "worktree-agent.ts")}' "$@"\n`,
    );
    writeFileSync(join(ground.folder, "home/.gitconfig"), gitConfig);
    for (const { id, items } of plan.tasks)
      writeFileSync(scriptOf(ground.folder, project, id), JSON.stringify(items, null, 1));
    writeFileSync(join(ground.folder, "plan.json"), JSON.stringify(plan, null, 1));
    const config = [
      "default: worker",
      `limits: { parallel: ${plan.parallel}, stagger: 0s }`,
      "retry: { attempts: 3, first: 100ms, longest: 300ms }",
      `resume_lost: ${plan.resumeLost}`,
      "backends: { worker: { command: worker } }",
      "models: { worker: { backend: worker } }",
    ];
    writeConfig(ground, `${config.join("\n")}\n`);

    rmSync(join(root, ".git"), { recursive: true });
    this.#must("init", "--quiet", "--initial-branch=main");
    for (const path of sharedFiles) this.#write(path, lines(path).join("\n"));
    this.#write(".gitignore", "*.log\n.env\nlocal.conf\n");
    this.#write(".worktreeinclude", ".env\n");
    this.#write(".env", "SECRET=of the user\n");
    if (plan.hasSubmodule) this.#addSubmodule();
    this.#must("add", "--all");
    this.#must("commit", "--quiet", "--message", "first");
    const own = join(ground.folder, "own");
    this.#must("worktree", "add", "--quiet", "-b", "own", own);
    writeFileSync(join(own, "untracked.txt"), "mine\n");
    writeFileSync(join(own, sharedFiles[0]!), "edited\n");
    this.#own = fingerprint(real, own);
  }

  #addSubmodule(): void {
    const library = join(this.ground.folder, "library");
    const git = (...args: string[]) => this.#git(args, library);
    mkdirSync(library);
    git("init", "--quiet", "--initial-branch=main");
    writeFileSync(join(library, "lib.txt"), "a library\n");
    git("add", "--all");
    git("commit", "--quiet", "--message", "library");
    this.#must("submodule", "--quiet", "add", library, "lib");
  }

  #must(...args: string[]): void {
    const { code, err } = this.#git(args);
    if (code !== 0) throw new Error(`git ${args.join(" ")}: ${err}`);
  }

  /** The user's own git: nobody of the storm's kills it. */
  #git(args: readonly string[], cwd = this.root) {
    const { ground } = this;
    const { exitCode, stdout, stderr } = Bun.spawnSync([ground.env["REAL_GIT"]!, ...args], {
      cwd,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: ground.env["HOME"]! },
      stdin: "ignore",
    });
    return { code: exitCode, out: stdout.toString(), err: stderr.toString().trim() };
  }

  #write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  // The storm.

  async rage(): Promise<void> {
    const beganMs = performance.now();
    const going: Promise<unknown>[] = [];
    for (const event of this.plan.events) {
      await Bun.sleep(Math.max(0, event.atMs - (performance.now() - beganMs)));
      going.push(
        this.#happen(event).then((what) => {
          if (what !== "") this.#did(what);
        }),
      );
    }
    await Promise.all(going);
    aimActs(this.ground, null);
    rmSync(join(this.ground.folder, "aims"), { recursive: true });
    for (const each of processesOf(this.ground.mark))
      if (each.environ.includes("\0DISPATCH_STEP=") && roleOf(each) !== "worker")
        if (killOne(each, this.ground.mark)) this.#did(`calm: kill ${roleOf(each)}`);
  }

  #did(what: string): void {
    this.record.did.push({ atMs: Date.now(), what });
  }

  async #happen(event: WorktreeEvent): Promise<string> {
    switch (event.kind) {
      case "command": {
        const { command } = event;
        const run = async () => {
          const words = this.#wordsOf(command);
          if (words !== null) await this.#dispatch(words, event);
          if (command.verb === "merge") await this.#gitIsDone();
        };
        // With both hands on the checkout.
        await (command.verb === "merge" ? this.#byHand(run) : run());
        return "";
      }
      case "kill":
        return this.#kill(event.who, event.pick);
      case "aim":
        writeFileSync(join(this.ground.folder, "aims/all"), aimText(event.aim));
        return `aim ${aimText(event.aim).trim()}`;
      case "aim acts":
        await aimActsFor(this.ground, event.step, event.forMs);
        return `aim acts ${event.step}`;
      case "edit":
        return this.#byHand(async () => this.#edit(event));
    }
  }

  /** One whose caller was killed goes on: nobody edits what it is just writing. */
  async #gitIsDone(): Promise<void> {
    const isWriting = ({ cwd, words }: Process) => cwd === this.root && words.some(isHurtful);
    while (processesOf(this.ground.mark).some((each) => roleOf(each) === "git" && isWriting(each)))
      await Bun.sleep(killPollMs);
  }

  #byHand<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#hands.then(act);
    this.#hands = done.catch(() => {});
    return done;
  }

  #edit({ path, line, isCommitted }: Extract<WorktreeEvent, { kind: "edit" }>): string {
    const full = join(this.root, path);
    const text = existsSync(full) ? readFileSync(full, "utf8") : lines(path).join("\n");
    const all = text.split("\n");
    const edited = all.with(Math.min(line, all.length - 1), `user.${this.#edits++}`).join("\n");
    this.#write(path, edited);
    const sha = new Bun.CryptoHasher("sha256").update(edited).digest("hex");
    const diary = diaryOf(this.ground.folder, project, "user");
    const said = (act: string) => appendFileSync(diary, `${Date.now()} user ${act}\n`);
    if (this.#dirty.has(path))
      said(`leaves ${new Bun.CryptoHasher("sha256").update(text).digest("hex")}`);
    said(`wrote ${sha} ${path}`);
    this.#dirty.add(path);
    if (!isCommitted) return `edit ${path}`;
    this.#git(["add", "--", path]);
    const { code, err } = this.#git(["commit", "--quiet", "-m", `user ${this.#edits}`, "--", path]);
    if (code !== 0) return `edit ${path}: ${err}`;
    said(`committed ${sha}`);
    this.#dirty.delete(path);
    return `commit ${path}`;
  }

  /** The first that is there within a moment. */
  async #kill(who: Role, pick: number): Promise<string> {
    const { mark } = this.ground;
    for (const deadline = performance.now() + killPatienceMs; ; await Bun.sleep(killPollMs)) {
      const some = processesOf(mark).filter((each) => roleOf(each) === who);
      const chosen = some[Math.floor(pick * some.length)];
      if (chosen === undefined) {
        if (performance.now() > deadline) return `no ${who}`;
        continue;
      }
      if (!killOne(chosen, mark)) continue;
      if (who === "git" && chosen.cwd === this.root && chosen.words.some(isHurtful))
        this.#isHurt = true;
      this.record.kills++;
      return `kill ${who} ${chosen.pid} ${chosen.words.join(" ").slice(0, 200)}`;
    }
  }

  /** Null where there is nothing that it could be about. */
  #wordsOf(command: UserCommand): string[] | null {
    if (command.verb === "status") return ["status", "--json"];
    if (command.verb === "doctor") return ["doctor", "--fix"];
    const id = this.#chosen(command);
    if (id === undefined) return null;
    switch (command.verb) {
      case "run":
        return this.#runWords(id);
      case "diff":
        return ["diff", id, "--stat"];
      case "result":
        return ["result", id];
      case "stop":
        return ["stop", id, "--grace", "200ms"];
      case "resume":
        return ["resume", id];
      case "merge": {
        const way = command.way === "merge" ? [] : [`--${command.way}`];
        return ["merge", id, ...way, ...(command.keep ? ["--keep"] : [])];
      }
      case "clean":
        return ["clean", id, ...(command.unmerged ? ["--unmerged"] : [])];
    }
  }

  #chosen({ verb, task }: TaskCommand): string | undefined {
    if (task === null) return "--all";
    if (typeof task === "string") return task;
    const there = namesIn(join(this.root, ".dispatch/tasks"));
    const wanted =
      verb === "run"
        ? this.plan.tasks.map(({ id }) => id).filter((id) => !there.includes(id))
        : verb === "merge" || verb === "clean"
          ? there.filter((id) => existsSync(this.#worktree(id)))
          : there;
    return wanted[Math.floor(task * wanted.length)];
  }

  #runWords(id: string): string[] {
    const { after, items } = this.plan.tasks.find((task) => task.id === id)!;
    const known = after.filter((parent) => existsSync(this.#taskFolder(parent)));
    return [
      "run",
      `work on ${id}`,
      "--worktree",
      "--id",
      id,
      "--model",
      "worker",
      ...items.flatMap((_, index) => ["--item", itemText(id, index + 1)]),
      ...known.flatMap((parent) => ["--after", parent]),
    ];
  }

  #worktree = (id: string) => join(this.root, ".dispatch/worktrees", `dispatch-${id}`);
  #taskFolder = (id: string) => join(this.root, ".dispatch/tasks", id);

  async #dispatch(
    argv: string[],
    how: { killAfterMs?: number | null; step?: string | null; aim?: Aim | null } = {},
  ): Promise<Ran> {
    const { killAfterMs = null, step = null, aim = null } = how;
    const aimed = join(this.ground.folder, "aims", crypto.randomUUID());
    if (aim !== null) writeFileSync(aimed, aimText(aim));
    const startedMs = Date.now();
    const child = Bun.spawn([this.ground.dispatch, ...argv], {
      cwd: this.root,
      env: {
        ...this.ground.env,
        ...(step === null ? {} : { DISPATCH_STEP: step }),
        ...(aim === null ? {} : { CHAOS_AIM: aimed }),
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: killAfterMs ?? hangsMs,
      killSignal: "SIGKILL",
    });
    const [out, err] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    await child.exited;
    const exit = child.signalCode === null ? child.exitCode : null;
    const ran = { argv, startedMs, endedMs: Date.now(), exit, out, err };
    this.record.ran.push(ran);
    if (exit === null) this.record.kills++;
    return ran;
  }

  // The quiet.

  async judged(): Promise<Violation[]> {
    const violations: Violation[] = [];
    const check = (when: string, found: Iterable<Violation>) => {
      for (const { rule, what } of found) violations.push({ rule: `${rule} (${when})`, what });
    };
    check("after the storm", await this.#rest());
    this.#isHurt ||= readAimed(this.ground).some(
      ([call, when, whom, cwd]) =>
        isHurtful(call!) && when === "during" && whom !== "parent" && cwd === this.root,
    );
    check("after the storm", this.#contents());
    if (this.#isHurt) this.#tidyUp();
    check("after the storm", this.#checkout());
    this.#removeLocks();
    const doctor = await this.#dispatch(["doctor", "--fix"]);
    if (doctor.exit !== 0) check("after the storm", [{ rule: "doctor mends", what: doctor.err }]);
    check("when mended", this.#contents());
    check("when mended", checkTrees(this.ground.env["REAL_GIT"]!, this.root));
    check("when mended", this.#outcomes(await this.#shown()));
    check("in the end", await this.#bringAllHome());
    check("in the end", this.#contents());
    check("in the end", this.#checkout());
    check("in the end", checkTrees(this.ground.env["REAL_GIT"]!, this.root));
    const [first, second] = [await this.#shown(), await this.#shown()];
    for (const { id, state } of first)
      check("in the end", [{ rule: "all can be removed", what: `${id} is ${state}` }]);
    if (JSON.stringify(first) !== JSON.stringify(second))
      check("in the end", [{ rule: "status stays", what: "two looks differ" }]);
    for (const name of namesIn(join(this.root, ".dispatch/worktrees")))
      check("in the end", [{ rule: "no worktree is left", what: name }]);
    for (const { argv, exit, err } of this.record.ran)
      if (violations.length < mostTold && err.includes("this is a bug"))
        check("all along", [
          { rule: "errors are told", what: `${argv.join(" ")} (${exit}): ${err}` },
        ]);
    for (const { argv, startedMs, endedMs } of this.record.ran)
      if (endedMs - startedMs > hangsMs - 1_000)
        check("all along", [{ rule: "no command hangs", what: argv.join(" ") }]);
    this.record.runs = new Set(
      this.plan.tasks.flatMap(({ id }) => diaryTokens(diaryOf(this.ground.folder, project, id))),
    ).size;
    return violations;
  }

  #contents = () =>
    checkContents(this.ground.env["REAL_GIT"]!, this.root, join(this.ground.folder, "diaries"));

  *#checkout(): Generator<Violation> {
    yield* checkRepository(this.ground.env["REAL_GIT"]!, this.root, this.#dirty);
    const own = fingerprint(this.ground.env["REAL_GIT"]!, join(this.ground.folder, "own"));
    if (own !== this.#own)
      yield { rule: "the user's own worktree is untouched", what: `${this.#own}\n${own}` };
  }

  *#outcomes(shown: readonly Shown[]): Generator<Violation> {
    for (const { id, state } of shown) {
      const path = join(this.#taskFolder(id), "worktree.json");
      if (state !== "done") continue;
      const text = existsSync(path) ? readFileSync(path, "utf8") : "null";
      const worktree = JSON.parse(text) as { merged: { as: string } | null } | null;
      const isThere =
        existsSync(this.#worktree(id)) ||
        this.#git(["rev-parse", "--verify", "--quiet", `refs/heads/dispatch/${id}`]).code === 0;
      const as = worktree?.merged?.as ?? null;
      const isHome =
        as !== null && this.#git(["merge-base", "--is-ancestor", as, "HEAD"]).code === 0;
      if (!isThere && !isHome) yield { rule: "what is done is there", what: `${id}: ${text}` };
    }
  }

  /** Nothing moves any more; what does not come to rest is told. */
  async #rest(): Promise<Violation[]> {
    await this.#dispatch(["wait", "--all", "--json", "--timeout", `${restMs / 2}ms`]);
    const deadline = performance.now() + restMs;
    for (;;) {
      const moving = (await this.#shown()).filter(({ state }) => isMoving(state));
      const left = processesOf(this.ground.mark).filter((each) => roleOf(each) !== "supervisor");
      if (moving.length === 0 && left.length === 0) return [];
      if (performance.now() > deadline)
        return [
          ...moving.map(({ id, state }) => ({ rule: "all comes to rest", what: `${id} ${state}` })),
          ...left.map(({ words }) => ({ rule: "nothing is left running", what: words.join(" ") })),
        ];
      await Bun.sleep(200);
    }
  }

  async #shown(): Promise<Shown[]> {
    const { out } = await this.#dispatch(["status", "--json"]);
    return out === "" ? [] : (JSON.parse(out).tasks as Shown[]);
  }

  /** As a person whose git was killed in the checkout: nothing of their own is touched. */
  #tidyUp(): void {
    this.#did("tidy up");
    this.#removeLocks();
    const own = [...this.#dirty].map(
      (path) => [path, readFileSync(join(this.root, path), "utf8")] as const,
    );
    if (existsSync(join(this.root, ".git/MERGE_HEAD"))) this.#git(["merge", "--abort"]);
    const { out } = this.#git([
      "status",
      "--porcelain",
      "-z",
      "--no-renames",
      "--untracked-files=all",
    ]);
    for (const entry of out.split("\0").filter(Boolean)) {
      const path = entry.slice(3);
      if (this.#dirty.has(path) || path.startsWith(".dispatch/")) continue;
      this.#git(["restore", "--staged", "--", path]);
      if (this.#git(["checkout", "--", path]).code !== 0)
        rmSync(join(this.root, path), { recursive: true, force: true });
    }
    rmSync(join(this.root, ".git/SQUASH_MSG"), { force: true });
    for (const [path, text] of own) this.#write(path, text);
  }

  /** As git tells a person to, when no git is left. */
  #removeLocks(): void {
    for (const path of filesBelow(join(this.root, ".git")))
      if (path.endsWith(".lock")) {
        this.#did(`remove ${path}`);
        rmSync(join(this.root, ".git", path));
      }
  }

  /** Whoever is told of a conflict mends it; nobody else brings anything home meanwhile. */
  async #bringHome(id: string, turn: number): Promise<void> {
    for (let round = 0; round < mostRounds; round++) {
      const way = ways[(turn + round) % ways.length]!;
      const words = this.#wordsOf({ verb: "merge", task: id, way, keep: false })!;
      const { exit, err } = await this.#dispatch(words);
      if (exit === 0) {
        this.#home.add(id);
        return;
      }
      this.#did(`${id} is not merged: ${err}`);
      if (!err.includes("conflict")) return;
      await this.#dispatch(["resume", id]);
      await this.#dispatch(["wait", id, "--json", "--timeout", "20s"]);
    }
  }

  async #bringAllHome(): Promise<Violation[]> {
    // What was edited and not committed would be in the way.
    for (const path of this.#dirty) {
      this.#git(["add", "--", path]);
      this.#git(["commit", "--quiet", "-m", "the user's last", "--", path]);
    }
    this.#dirty.clear();
    for (let round = 0; round < mostRounds; round++) {
      for (const { id, state } of await this.#shown())
        if (state !== "done") await this.#dispatch(["resume", id]);
      const restless = await this.#rest();
      if (restless.length > 0) return restless;
      const away = (await this.#shown()).filter(({ id }) => !this.#home.has(id));
      for (const [index, { id }] of away.entries()) await this.#bringHome(id, index + round);
      if (away.length === 0) break;
    }
    const unmerged = (await this.#shown()).filter(
      ({ id, state }) => !this.#home.has(id) && state === "done",
    );
    const { exit, err } = await this.#dispatch(["clean", "--unmerged", "--all"]);
    return [
      ...unmerged.map(({ id }) => ({
        rule: "what is done can be brought home",
        what: `${id}: ${this.record.ran.findLast(({ argv }) => argv[0] === "merge" && argv[1] === id)?.err}`,
      })),
      ...(exit === 0 ? [] : [{ rule: "all can be cleaned", what: err }]),
    ];
  }
}

interface Shown {
  id: string;
  state: string;
}

const isMoving = (state: string) => ["queued", "running", "waiting", "stopping"].includes(state);

const gitConfig = `[user]
\tname = A User
\temail = user@example.org
[protocol "file"]
\tallow = always
[advice]
\tdetachedHead = false
`;

/** Calls of git that write in a checkout: one that is killed in its midst leaves it to a person. */
const isHurtful = (word: string) => word === "merge";

const lines = (name: string) =>
  Array.from({ length: linesOfAFile }, (_, index) => `${name} line ${index}`);

const aimText = ({ call, when, whom, skip, seconds }: Aim) =>
  `${call} ${when} ${whom} ${skip} ${seconds}\n`;

/** Calls of git that went wrong: which, when, who was ended, and where. */
function readAimed({ folder }: Ground): string[][] {
  const path = join(folder, "aimed");
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split(" "));
}

const diaryTokens = (path: string) =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => line.split(" ")[1]!)
    : [];

function roleOf({ kind, words }: Process): Role | "other" {
  if (kind === "worker" || kind === "shim" || kind === "supervisor") return kind;
  if (words.includes("dispatch-steps")) return "steps";
  if (kind === "act") return words[2] === "ground" ? "ground" : "act";
  if (words.some((word) => word.endsWith("/git")) && !words[0]!.endsWith("/bun")) return "git";
  return kind === "other" ? "other" : "command";
}
