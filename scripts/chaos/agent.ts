/**
 * The fake agent: a program that does what its script says, with its plan and its
 * mailbox as the only memory from run to run. `--as-claude`: it takes Claude Code's
 * arguments and writes Claude Code's events.
 *
 * It keeps a diary out of `.dispatch`, a line an act, which is what the checker
 * believes: `<epoch ms> <run's token> <act …>`.
 *
 *     start PID        overlap        session-taken ID
 *     item N           it does it     tick N      it stands in the plan
 *     asking K         asked K NNN: it is in the mailbox          ask-failed K CODE
 *     got K "ANSWER"   mark N MARKER
 *     child PID        left on purpose             end CODE
 */

import { dlopen, FFIType } from "bun:ffi";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import {
  diaryOf,
  gateOf,
  groundVariable,
  itemText,
  type Question,
  quietGate,
  type Script,
  scriptOf,
  tokenVariable,
  type Trouble,
} from "./script.ts";

/** `.dispatch` may be away, or full, for so long. */
const patienceMs = 20_000;
const pollMs = 20;

const env = process.env;
const folder = env["DISPATCH_TASK_DIR"]!;
const token = env["DISPATCH_RUN"]!;
const ground = env[groundVariable]!;
const task = basename(folder);
const project = basename(join(folder, "../../.."));
const plan = join(folder, "plan.md");
const ipc = join(folder, "ipc");
const diary = diaryOf(ground, project, task);
const isClaude = process.argv.includes("--as-claude");
const script = JSON.parse(readFileSync(scriptOf(ground, project, task), "utf8")) as Script;
const earlierStarts = linesOf(diary).filter((line) => line.split(" ")[2] === "start").length;
const trouble: Trouble = script.troubles[earlierStarts] ?? script.hopeless ?? { kind: "none" };

const flock = dlopen("libc.so.6", {
  flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
}).symbols.flock;

async function work(): Promise<never> {
  write(`start ${process.pid}`);
  await beAlone(`${ground}/locks/${project}.${task}`, "overlap");
  if (trouble.kind === "kills its parent" && trouble.when === "at its start") killParent();
  const session = isClaude ? await openSession() : "";
  if (isClaude) say({ type: "system", subtype: "init", session_id: session, model: "m" });
  if (script.ownPlan) await writeOwnPlan();
  await readAnswers();

  let done = 0;
  for (let item = await nextItem(); item !== null; item = await nextItem()) {
    await meetTrouble(done);
    await doItem(item);
    done++;
  }
  await meetTrouble(done);
  await persist(() => writeFileSync(join(ipc, ".done"), ""));
  return end(0);
}

async function doItem(number: number): Promise<void> {
  const item = script.items[number - 1]!;
  const before = item.staleMs > 0 ? await persist(() => readFileSync(plan, "utf8")) : null;
  if (item.question !== null) await askOnce(number, item.question);
  if (item.gate !== null) await until(() => existsSync(gateOf(ground, item.gate!)));
  await Bun.sleep(item.workMs);
  if (item.floodBytes > 0) flood(item.floodBytes);
  if (item.child !== null) leaveChild(item.child);
  if (isClaude) said(`did item ${number}`);
  write(`item ${number}`);
  if (trouble.kind === "is killed" && number > trouble.items) {
    // One start in which it is killed is enough: the next finds this line.
    process.kill(process.pid, "SIGKILL");
  }
  await Bun.sleep(item.staleMs);
  await mark(number, "x", before);
  write(`tick ${number}`);
}

async function meetTrouble(done: number): Promise<void> {
  if ("items" in trouble && done !== trouble.items) return;
  switch (trouble.kind) {
    case "ends":
      return end(trouble.code);
    case "marks": {
      const item = await nextItem();
      if (item === null) return;
      await mark(item, trouble.marker, null);
      write(`mark ${item} ${trouble.marker}`);
      return end(0);
    }
    case "reports":
      return report(trouble.what);
    case "kills its parent":
    case "is killed":
    case "none":
  }
}

/** The number of the first item that is not ticked; null where all are. */
async function nextItem(): Promise<number | null> {
  const text = await persist(() => readFileSync(plan, "utf8"));
  const open = /^- \[[^x]\] item (\d+) of /m.exec(text)?.[1];
  return open === undefined ? null : Number(open);
}

/** By a file beside it that takes its place, as editors do. */
async function mark(number: number, marker: string, before: string | null): Promise<void> {
  await persist(() => {
    const text = before ?? readFileSync(plan, "utf8");
    const line = new RegExp(`^- \\[.\\] (?=item ${number} of )`, "m");
    replace(plan, text.replace(line, `- [${marker}] `));
  });
}

async function writeOwnPlan(): Promise<void> {
  const text = await persist(() => readFileSync(plan, "utf8"));
  if (/^- \[.\] item 1 of /m.test(text)) return;
  const items = script.items.map((_, index) => `- [ ] ${itemText(task, index + 1)}`);
  const notes = text.split("\n").filter((line) => line.startsWith(">"));
  await persist(() => replace(plan, `# ${task}\n\n${items.join("\n")}\n\n${notes.join("\n")}\n`));
}

function replace(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

// Questions.

/** Those to questions that an earlier worker asked; its prompt tells them first of all. */
async function readAnswers(): Promise<void> {
  const names = await persist(() => readdirSync(ipc));
  for (const name of names.filter((each) => /^\d+\.answer$/.test(each)).sort()) {
    const number = name.slice(0, -".answer".length);
    const text = await persist(() => readFileSync(join(ipc, `${number}.question`), "utf8"));
    const item = Number(/question (\d+) of /.exec(text)?.[1] ?? "0");
    if (hasGot(item)) continue;
    if (names.includes(`${number}.done`) || script.asks === "files") await takeByFile(item, number);
    else await takeByCommand(item, number);
  }
}

const hasGot = (item: number) =>
  linesOf(diary).some((line) => line.split(" ").slice(2, 4).join(" ") === `got ${item}`);

/** Asks what nobody has answered yet; again after a run that did not get as far as that. */
async function askOnce(item: number, question: Question): Promise<void> {
  if (hasGot(item)) return;
  if (script.asks === "files") return askByFiles(item, question);
  const options = question.options.flatMap((option) => ["--option", option]);
  const first = ["ask", question.text, ...options];
  const isFirst = !linesOf(diary).some((line) => line.includes(` asking ${item}`));
  write(`asking ${item}`);
  let step = isFirst && !existsSync(gateOf(ground, quietGate)) ? question.step : null;
  let words = first;
  for (const deadline = performance.now() + patienceMs; ; step = null) {
    const { code, out, text } = await dispatch(words, question.limitMs, step);
    const number = /dispatch ask --wait (\d+) --try \d+/.exec(text);
    // One that was killed when it had printed the answer and acknowledged it has told it.
    if (code === 0 || (code === 137 && out !== "" && isRead(question))) return heard(item, out);
    if (code === 5) return giveUp(item);
    if (code === 124 && number !== null) {
      write(`asked ${item} ${number[1]}`);
      words = number[0].split(" ").slice(1);
      continue;
    }
    // Killed, or hindered by what the storm does: as an agent whose shell was killed, it asks again.
    write(`ask-failed ${item} ${code}`);
    if (performance.now() > deadline) return end(7);
    words = first;
    await Bun.sleep(5 * pollMs);
  }
}

async function takeByFile(item: number, number: string): Promise<void> {
  heard(item, await persist(() => readFileSync(join(ipc, `${number}.answer`), "utf8")));
  await persist(() => writeFileSync(join(ipc, `${number}.done`), ""));
}

async function takeByCommand(item: number, number: string): Promise<void> {
  for (const deadline = performance.now() + patienceMs; performance.now() < deadline;) {
    const { code, out } = await dispatch(["ask", "--wait", number], 1_000, null);
    if (code === 0) return heard(item, out);
    await Bun.sleep(5 * pollMs);
  }
  return end(7);
}

const heard = (item: number, answer: string) =>
  write(`got ${item} ${JSON.stringify(answer.trim())}`);

/** Its question has been answered and acknowledged: asking again would be a new one. */
function isRead(question: Question): boolean {
  const names = readdirSync(ipc);
  return names.some(
    (name) =>
      name.endsWith(".question") &&
      names.includes(name.replace(".question", ".done")) &&
      readFileSync(join(ipc, name), "utf8").startsWith(question.text),
  );
}

async function askByFiles(item: number, question: Question): Promise<void> {
  const number = await persist(() => {
    const asked = readdirSync(ipc).filter((name) => name.endsWith(".question"));
    const mine = asked.find((name) =>
      readFileSync(join(ipc, name), "utf8").includes(question.text),
    );
    if (mine !== undefined) return mine.slice(0, -".question".length);
    const next = String(asked.length + 1).padStart(3, "0");
    replace(join(ipc, `${next}.question`), `${question.text}\n`);
    return next;
  });
  write(`asked ${item} ${number}`);
  const answer = join(ipc, `${number}.answer`);
  if (!(await until(() => existsSync(answer), script.answerTimeoutMs))) return giveUp(item);
  return takeByFile(item, number);
}

/** As the prompt says it: context, mark, end. */
async function giveUp(item: number): Promise<never> {
  await persist(() => writeFileSync(join(folder, "context.md"), `waiting at item ${item}\n`));
  await mark(item, "?", null);
  write(`mark ${item} ?`);
  return end(0);
}

async function dispatch(words: readonly string[], limitMs: number, step: string | null) {
  const child = Bun.spawn(["dispatch", ...words], {
    env: {
      ...withoutStep(),
      DISPATCH_ASK_LIMIT: String(limitMs),
      ...(step === null ? {} : { DISPATCH_STEP: step }),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const code = await child.exited;
  return { code, out, text: `${out}\n${err}` };
}

/** A step that was meant for whoever started this worker. */
function withoutStep(): Record<string, string | undefined> {
  const { DISPATCH_STEP: _, ...rest } = env;
  return rest;
}

// Ends, and what a CLI says before them.

async function end(code: number): Promise<never> {
  if (isClaude && code === 0)
    say({ type: "result", subtype: "success", is_error: false, result: "all done" });
  if (trouble.kind === "kills its parent" && trouble.when === "at its end") killParent();
  write(`end ${code}`);
  process.exit(code);
}

/** The shim: a run's worker is its child. Where that has gone already, nobody is killed. */
function killParent(): void {
  const shim = process.ppid;
  const mark = `${tokenVariable}=${env[tokenVariable]}\0`;
  try {
    const isOurs = readFileSync(`/proc/${shim}/environ`, "latin1").includes(mark);
    const isShim = readFileSync(`/proc/${shim}/cmdline`, "latin1").includes("dispatch-shim");
    if (isOurs && isShim) process.kill(shim, "SIGKILL");
  } catch {
    // It has gone by itself.
  }
}

async function report(what: Extract<Trouble, { kind: "reports" }>["what"]): Promise<never> {
  // Gone on with by a CLI that has no such service.
  if (!isClaude) return end(1);
  const inSeconds = (seconds: number) => Math.ceil(Date.now() / 1_000) + seconds;
  const fail = (error: string, text: string): Promise<never> => {
    say({ type: "assistant", error, message: { content: [{ type: "text", text }] } });
    say({ type: "result", subtype: "success", is_error: true, result: text });
    return end(1);
  };
  const limit = (seconds: number) => {
    const rate_limit_info = { status: "rejected", resetsAt: inSeconds(seconds) };
    say({ type: "rate_limit_event", rate_limit_info });
    return fail("rate_limit", "You've hit your 5-hour limit");
  };
  switch (what) {
    case "an overload":
      return fail("server_error", "API Error: 529 Overloaded.");
    case "a denied login":
      return fail("authentication_failed", "API Error: 401 Invalid authentication credentials");
    case "a limit":
      return limit(1);
    case "a long limit":
      return limit(3_600);
    case "tries without end":
      for (let attempt = 1; ; attempt++) {
        say({
          type: "system",
          subtype: "api_retry",
          attempt,
          max_retries: 10,
          error_status: 401,
          error: "authentication_failed",
        });
        await Bun.sleep(200);
      }
  }
}

function say(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function said(text: string): void {
  say({ type: "assistant", message: { content: [{ type: "text", text }] } });
}

/** A session is a file; one that is opened twice, or goes on without ever having begun, is refused. */
async function openSession(): Promise<string> {
  await Bun.stdin.text();
  const valueOf = (flag: string) => process.argv[process.argv.indexOf(flag) + 1]!;
  const isResumed = process.argv.includes("--resume");
  const id = valueOf(isResumed ? "--resume" : "--session-id");
  const path = `${ground}/sessions/${id}`;
  if (existsSync(path) !== isResumed) {
    write(`session-${isResumed ? "missing" : "taken"} ${id}`);
    process.stderr.write(isResumed ? `No conversation found with session ID: ${id}\n` : "taken\n");
    return end(1);
  }
  mkdirSync(`${ground}/sessions`, { recursive: true });
  appendFileSync(path, `${token}\n`);
  await beAlone(path, "session-taken");
  return id;
}

function flood(bytes: number): void {
  const line = `${"x".repeat(1_000)}\n`;
  for (let left = bytes; left > 0; left -= line.length) process.stdout.write(line);
}

function leaveChild({ log, seconds }: { log: boolean; seconds: number }): void {
  const stdio = log ? "inherit" : "ignore";
  const child = Bun.spawn(["sleep", String(seconds)], {
    detached: true,
    stdio: ["ignore", stdio, stdio],
  });
  child.unref();
  write(`child ${child.pid}`);
}

/**
 * Holds the lock for as long as this process lives: no child inherits the file. One
 * that is just being killed lets go of its files one after the other, so a lock
 * that is free soon is no overlap.
 */
async function beAlone(path: string, complaint: string): Promise<void> {
  mkdirSync(join(path, ".."), { recursive: true });
  const fd = openSync(path, "a");
  const [exclusive, nonBlocking] = [2, 4];
  for (let tries = 0; tries < 20; tries++) {
    if (flock(fd, exclusive | nonBlocking) === 0) return;
    await Bun.sleep(10);
  }
  write(complaint);
}

function write(act: string): void {
  appendFileSync(diary, `${Date.now()} ${token} ${act}\n`);
}

function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
}

async function until(isTrue: () => boolean, withinMs = Infinity): Promise<boolean> {
  for (const deadline = performance.now() + withinMs; !isTrue(); await Bun.sleep(pollMs))
    if (performance.now() > deadline) return isTrue();
  return true;
}

/** Again and again while the storm keeps it from being done. */
async function persist<T>(act: () => T): Promise<T> {
  for (const deadline = performance.now() + patienceMs; ; await Bun.sleep(pollMs)) {
    try {
      return act();
    } catch (error) {
      if (performance.now() > deadline) {
        process.stderr.write(`${String(error)}\n`);
        return end(8);
      }
    }
  }
}

// Last: all that is named above is there.
await work();
