/**
 * The fake agent of a worktree storm: it does in its worktree what its script says,
 * with real git. Its diary stands outside of the project, and is what the checker
 * believes:
 *
 *     start PID
 *     wrote SHA256 PATH        the content stands there, whole
 *     leaves SHA256            it is about to be deleted or written over, by its own doing
 *     committed SHA256         git has it: it stays, whatever comes
 *     tick N    failed WHAT    end CODE
 */

import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { diaryOf, groundVariable, itemText, scriptOf } from "./script.ts";
import { linesOfAFile, project, type WorkAct, type WorkItem } from "./worktree-plan.ts";

const folder = process.env["DISPATCH_TASK_DIR"]!;
const ground = process.env[groundVariable]!;
const task = basename(folder);
const plan = join(folder, "plan.md");
const diary = diaryOf(ground, project, task);
const items = JSON.parse(readFileSync(scriptOf(ground, project, task), "utf8")) as WorkItem[];
const lines = existsSync(diary) ? readFileSync(diary, "utf8").split("\n") : [];
const starts = lines.filter((line) => line.split(" ")[2] === "start").length;
/** What it has written and not left, by content: with where it was. */
const own = new Map<string, string>();
let count = 0;

for (const line of lines) {
  const [, , act, sha = "", path = ""] = line.split(" ");
  if (act === "wrote") own.set(sha, path);
  if (act === "leaves") own.delete(sha);
}

function write(act: string): void {
  appendFileSync(diary, `${Date.now()} ${process.env["DISPATCH_RUN"]} ${act}\n`);
}

async function work(): Promise<never> {
  write(`start ${process.pid}`);
  // As somebody does whose git was killed.
  const admin = git("rev-parse", "--git-dir").trim();
  if (admin !== "") rmSync(join(admin, "index.lock"), { force: true });
  // What somebody else's work conflicts with is taken over, in favour of our own.
  if (starts > 0) takeOver();
  for (const [index, { pauseMs, acts }] of items.entries()) {
    if (isTicked(index + 1)) continue;
    for (const act of acts) {
      await Bun.sleep(pauseMs / acts.length);
      if (act.kind === "end" && starts === 0) end(act.code);
      doAct(act);
    }
    tick(index + 1);
    write(`tick ${index + 1}`);
  }
  return end(0);
}

function takeOver(): void {
  git("add", "--all", "--", ".", ":!*inner-*");
  commit();
  git("merge", "--quiet", "--no-edit", "-X", "ours", "main");
  if (git("ls-files", "--unmerged") === "") return;
  // What one side has deleted is kept as it stands.
  git("add", "--all", "--", ".", ":!*inner-*");
  git("commit", "--quiet", "--no-edit");
}

function doAct(act: WorkAct): void {
  switch (act.kind) {
    case "edit": {
      const text = existsSync(act.path) ? readFileSync(act.path, "utf8") : filler();
      const edited = text.split("\n").with(Math.min(act.line, text.split("\n").length - 1), mark());
      return put(act.path, edited.join("\n"));
    }
    case "write":
      put(act.path, filler());
      if (act.isExecutable) chmodSync(act.path, 0o755);
      return;
    case "link": {
      leave(act.path);
      rmSync(act.path, { force: true });
      const to = `nowhere/${mark()}`;
      symlinkSync(to, act.path);
      return wrote(act.path, to);
    }
    case "repository":
      mkdirSync(act.path, { recursive: true });
      git("init", "--quiet", act.path);
      put(`${act.path}/inside.txt`, filler());
      if (!act.isCommitted) return;
      git("-C", act.path, "add", "--all");
      git("-C", act.path, "commit", "--quiet", "--message", mark());
      return;
    case "submodule":
      if (!existsSync("lib/.git")) return;
      put(`lib/${task}-${count}.txt`, filler());
      if (!act.isCommitted) return;
      git("-C", "lib", "add", "--all");
      git("-C", "lib", "commit", "--quiet", "--message", mark());
      return;
    case "delete":
    case "rename": {
      const here = [...own].filter(([sha, path]) => shaOf(path) === sha && isPlain(path));
      const [sha, path] = here[Math.floor(act.pick * here.length)] ?? [];
      if (sha === undefined || path === undefined) return;
      if (act.kind === "delete") {
        leave(path);
        return rmSync(path, { force: true });
      }
      const to = `${path}.moved`;
      if (existsSync(to)) return;
      renameSync(path, to);
      own.set(sha, to);
      return;
    }
    case "commit":
      if (act.all) git("add", "--all", "--", ".", ":!*inner-*");
      else git("add", "--update");
      return commit();
    case "branch":
      git("switch", "--quiet", "--create", `${act.name}-${starts}`);
      return;
    case "detach":
      // Only where nothing is on no branch that way.
      git("switch", "--quiet", "--detach");
      return;
    case "back": {
      // What was committed on no branch would be left behind.
      if (git("branch", "--show-current").trim() === "")
        git("branch", `aside-${task}-${starts}-${count++}`);
      git("switch", "--quiet", `dispatch/${task}`);
      return;
    }
    case "end":
  }
}

const isPlain = (path: string) => !path.includes("inner-") && !path.startsWith("lib/");

/** Notes what git has from now on. */
function commit(): void {
  const staged = git("diff", "--cached", "--name-only", "-z").split("\0").filter(Boolean);
  const shas = staged.flatMap((path) => shaOfStaged(path) ?? []);
  const before = git("rev-parse", "HEAD");
  git("commit", "--quiet", "--message", `${mark()} of ${task}`);
  // One that was killed may have got so far all the same.
  const isDone = git("rev-parse", "HEAD") !== before;
  if (isDone) for (const sha of shas) if (own.has(sha)) write(`committed ${sha}`);
}

function shaOfStaged(path: string): string | null {
  const { exitCode, stdout } = Bun.spawnSync([realGit, "cat-file", "blob", `:${path}`]);
  return exitCode === 0 ? hash(stdout) : null;
}

/** Writes over whatever stands there. */
function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  leave(path);
  // A link would be followed.
  rmSync(path, { force: true });
  writeFileSync(path, text);
  wrote(path, text);
}

function leave(path: string): void {
  const sha = shaOf(path);
  if (sha === null || !own.has(sha)) return;
  write(`leaves ${sha}`);
  own.delete(sha);
}

function wrote(path: string, text: string): void {
  const sha = hash(Buffer.from(text));
  own.set(sha, path);
  write(`wrote ${sha} ${path}`);
}

function shaOf(path: string): string | null {
  try {
    const isLink = lstatSync(path).isSymbolicLink();
    return hash(isLink ? Buffer.from(readlinkSync(path)) : readFileSync(path));
  } catch {
    return null;
  }
}

const hash = (bytes: Uint8Array) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** Never the same twice, in whatever run. */
const mark = () => `${task}.${starts}.${count++}`;
const filler = () => {
  const name = mark();
  return Array.from({ length: linesOfAFile }, (_, index) => `${name} line ${index}`).join("\n");
};

const realGit = process.env["REAL_GIT"]!;
/** What it has said; nothing, and a word in the diary, where it would not. */
function git(...args: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([realGit, ...args], { stdin: "ignore" });
  if (exitCode === 0) return stdout.toString();
  write(`failed ${args.join(" ")}: ${stderr.toString().trim().replaceAll("\n", " | ")}`);
  return "";
}

const isTicked = (number: number) =>
  readFileSync(plan, "utf8").includes(`- [x] ${itemText(task, number)}`);

function tick(number: number): void {
  const text = readFileSync(plan, "utf8");
  writeFileSync(
    `${plan}.new`,
    text.replace(`- [ ] ${itemText(task, number)}`, `- [x] ${itemText(task, number)}`),
  );
  renameSync(`${plan}.new`, plan);
}

function end(code: number): never {
  write(`end ${code}`);
  process.exit(code);
}

// Last: all that is named above is there.
await work();
