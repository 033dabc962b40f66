/**
 * Tasks in worktrees of a real repository, and what is left when somebody is killed on
 * the way: at a call of git that is aimed at, the caller ends as `kill -9` would end it.
 */

import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { appears } from "./machine.ts";
import { binary, type Ran, type Scene, scene } from "./scene.ts";

const realGit = Bun.which("git")!;

interface Repository extends Scene {
  /** The user's own git, in the checkout. */
  git: (...args: string[]) => string;
  /** Runs `dispatch ARGV`, which is ended before or after the first call of git whose words hold `call`; or while git goes on; or such calls are ended themselves. */
  killed: (
    when: "before" | "after" | "beneath" | "ends",
    call: string,
    ...argv: string[]
  ) => Promise<Ran>;
  worktree: (id: string) => string;
  /** Every content that git can reach from a ref or a worktree's HEAD. */
  reachable: () => string;
}

/** A checkout with one commit, and a worker that does this in its worktree and ticks all. */
function repository(work: string, before = ""): Repository {
  const s = scene();
  rmSync(join(s.project, ".git"), { recursive: true });
  const git = (...args: string[]) => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([realGit, ...args], {
      cwd: s.project,
      env: s.env,
    });
    if (exitCode !== 0) throw new Error(`git ${args.join(" ")}: ${stderr.toString()}`);
    return stdout.toString().trim();
  };
  git("init", "-q", "-b", "main");
  git("config", "user.email", "a@b");
  git("config", "user.name", "a");
  writeFileSync(join(s.project, "shared"), "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  writeFileSync(join(s.project, ".gitignore"), "*.log\n");
  Bun.spawnSync(["sh", "-c", before], { cwd: s.project, env: s.env });
  git("add", "-A");
  git("commit", "-qm", "first");
  s.program("works", `${work}\ntick_all`);
  // Who is not told of an aim has git itself.
  s.program(
    "git",
    `PATH="$PATH:${dirname(binary)}"
     case "\${AIM:-}" in
     before) case "$*" in *"$AIM_CALL"*) kill -9 $PPID $$ ;; esac ;;
     after) case "$*" in *"$AIM_CALL"*) ${realGit} "$@"; kill -9 $PPID $$ ;; esac ;;
     ends) case "$*" in *"$AIM_CALL"*) kill -9 $$ ;; esac ;;
     beneath) case "$*" in *"$AIM_CALL"*) kill -9 $PPID; ${realGit} "$@"; : >"$GATES/over"; exit ;; esac ;;
     beside) case "$*" in *"$AIM_CALL"*) mkdir "$GATES/beside" 2>/dev/null && AIM= sh -c "$AIM_RUN" >/dev/null 2>&1 ;; esac ;;
     esac
     exec ${realGit} "$@"`,
  );
  s.config(
    "default: it\nlimits: { parallel: 99, stagger: 0s }\nbackends: { it: { command: works } }\nmodels: { it: { backend: it } }\n",
  );
  return {
    ...s,
    git,
    killed: (when, call, ...argv) =>
      s.dispatchWith({ env: { AIM: when, AIM_CALL: call } }, ...argv),
    worktree: (id) => join(s.project, ".dispatch/worktrees", `dispatch-${id}`),
    reachable: () => {
      const ids = git("rev-list", "--objects", "--all").split("\n");
      return ids
        .map((line) => line.split(" ")[0]!)
        .filter((id) => git("cat-file", "-t", id) === "blob")
        .map((id) => git("cat-file", "blob", id))
        .join("\n");
    },
  };
}

async function done(s: Scene, id: string): Promise<void> {
  await s.dispatch("run", "--worktree", "--id", id, "x");
  await s.dispatch("wait", id);
  expect((await s.task(id)).state).toBe("done");
}

/** All that stands in a folder, in one text. */
function textBelow(folder: string): string {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true });
  return paths
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"))
    .join("\n");
}

test("a repository without a commit, within a worktree, is kept whole, and hinders nothing", async () => {
  const s = repository("git init -q inner; echo precious >inner/file; echo 2 >tracked");
  await done(s, "it");
  expect((await s.dispatch("diff", "it", "--stat")).out).toContain("tracked");
  const { exit, err } = await s.dispatch("merge", "it");
  expect({ exit, err }).toEqual({ exit: 0, err: "" });
  expect(readFileSync(join(s.project, "tracked"), "utf8")).toBe("2\n");
  expect(textBelow(join(s.project, ".dispatch/rescued/it"))).toContain("precious");
});

test("a worktree that a worker has made within its own is kept, with what is not committed there", async () => {
  const s = repository("git worktree add -q -b side within; echo precious >within/file");
  await done(s, "it");
  expect((await s.dispatch("clean", "it", "--unmerged")).exit).toBe(0);
  expect(textBelow(join(s.project, ".dispatch/rescued/it"))).toContain("precious");
});

/** Git was killed while it checked out the worktree of `it`. */
function halfMake(s: Repository): void {
  s.git("worktree", "add", "-q", s.worktree("it"), "dispatch/it");
  writeFileSync(join(s.project, ".git/worktrees/dispatch-it/locked"), "initializing");
  rmSync(join(s.worktree("it"), "shared"));
}

test("what is missing in a worktree that is half made is no work of anybody's: the next run makes it whole", async () => {
  const s = repository(
    'test -e shared && echo "$DISPATCH_RUN" >>new; git add -A; git commit -qm new',
  );
  await done(s, "it");
  await s.dispatch("merge", "it");
  s.git("branch", "dispatch/it");
  halfMake(s);
  expect((await s.dispatch("diff", "it", "--stat")).out).not.toContain("shared");
  expect((await s.dispatch("merge", "it", "--keep")).exit).toBe(0);
  expect(existsSync(join(s.project, "shared"))).toBe(true);
  await s.dispatch("resume", "it");
  await s.dispatch("wait", "it");
  await s.dispatch("merge", "it");
  expect(existsSync(join(s.project, "shared"))).toBe(true);
  expect(readFileSync(join(s.project, "new"), "utf8").split("\n")).toHaveLength(3);
});

test("a worktree that is half made, and of no task, is not adopted", async () => {
  const s = repository("");
  await s.dispatch("run", "--worktree", "--id", "other", "x");
  s.git("branch", "dispatch/it");
  halfMake(s);
  expect((await s.dispatch("doctor", "--fix")).out).toContain("removed the worktree it");
  expect(s.git("worktree", "list")).not.toContain("dispatch-it");
});

test("a rebase that was killed leaves a worktree, which doctor takes away", async () => {
  const s = repository("echo 2 >new");
  await done(s, "it");
  await s.killed("before", "rebase --quiet", "merge", "it", "--rebase");
  expect(s.git("worktree", "list")).toContain("/rebase-");
  await s.dispatch("doctor", "--fix");
  expect(s.git("worktree", "list")).not.toContain("/rebase-");
  expect((await s.dispatch("merge", "it", "--rebase")).exit).toBe(0);
  expect(readFileSync(join(s.project, "new"), "utf8")).toBe("2\n");
});

test("a merge that was killed when the worktree had gone leaves nothing that doctor does not see", async () => {
  const s = repository("echo 2 >new");
  await done(s, "it");
  await s.killed("before", "worktree remove", "merge", "it");
  expect(existsSync(s.worktree("it"))).toBe(false);
  expect(s.git("worktree", "list")).toContain("dispatch-it");
  await s.dispatch("doctor", "--fix");
  expect(s.git("worktree", "list")).not.toContain("dispatch-it");
  expect((await s.dispatch("merge", "it")).exit).toBe(0);
  expect(s.git("branch", "--list", "dispatch/*")).toBe("");
});

test.each<["before" | "after", string, string]>([
  ["before", "commit-tree", "--squash"],
  ["after", "commit-tree", "--squash"],
  ["before", "--ff-only", "--squash"],
  ["after", "--ff-only", "--squash"],
  ["before", "--ff-only", "--rebase"],
  ["after", "--ff-only", "--rebase"],
])(
  "killed %s git %s, a merge %s leaves the checkout whole, and the next ends it",
  async (when, call, way) => {
    const s = repository("echo 2 >new; echo mine >>shared; git add -A; git commit -qm x");
    await done(s, "it");
    await s.killed(when, call, "merge", "it", way);
    expect(s.git("status", "--porcelain")).toBe("");
    const { exit, err } = await s.dispatch("merge", "it", way);
    expect({ exit, err }).toEqual({ exit: 0, err: "" });
    expect(s.git("log", "--format=%s", "main").split("\n")).toEqual(["x", "first"]);
    expect(s.git("status", "--porcelain")).toBe("");
    expect(existsSync(s.worktree("it"))).toBe(false);
  },
);

test.each(["merge", "squash", "rebase"])(
  "%s: what the user has staged or edited stays so, and is refused where it is in the way",
  async (way) => {
    const s = repository("echo 2 >new; echo mine >>shared");
    await done(s, "it");
    writeFileSync(join(s.project, "users"), "own");
    s.git("add", "users");
    writeFileSync(join(s.project, "new"), "edited");
    const words = ["merge", "it", ...(way === "merge" ? [] : [`--${way}`])];
    const { exit, err } = await s.dispatch(...words);
    expect({ exit, err }).toMatchObject({ exit: 1, err: expect.stringContaining("as it was") });
    expect(readFileSync(join(s.project, "new"), "utf8")).toBe("edited");
    rmSync(join(s.project, "new"));
    expect((await s.dispatch(...words)).exit).toBe(0);
    expect(s.git("status", "--porcelain")).toBe("A  users");
    expect(readFileSync(join(s.project, "new"), "utf8")).toBe("2\n");
  },
);

test("what was squashed is kept as it was, also where its worktree is removed later", async () => {
  const s = repository("echo as it was >new; git add -A; git commit -qm it; echo later >new");
  await done(s, "it");
  await s.dispatch("merge", "it", "--squash", "--keep");
  expect((await s.dispatch("clean", "it")).exit).toBe(0);
  expect(s.reachable()).toContain("as it was");
});

test("what was brought home and taken back there is kept when its task is removed", async () => {
  const s = repository("echo precious >new");
  await done(s, "it");
  await s.dispatch("merge", "it", "--keep");
  s.git("reset", "-q", "--hard", "HEAD~1");
  expect((await s.dispatch("clean", "it")).exit).toBe(0);
  expect(s.reachable()).toContain("precious");
});

test("a worktree stays where a worker came and went while its work was being brought home", async () => {
  const s = repository('echo "$DISPATCH_RUN" >>new');
  await done(s, "it");
  const env = {
    AIM: "beside",
    AIM_CALL: "--others --ignored",
    AIM_RUN: "dispatch resume it && dispatch wait it",
  };
  const { out } = await s.dispatchWith({ env }, "merge", "it");
  expect(out).toContain("its worktree stays");
  expect(readFileSync(join(s.worktree("it"), "new"), "utf8").split("\n")).toHaveLength(3);
});

const library = `
  git init -q "$HOME/library" && cd "$HOME/library" && echo lib >lib && echo '*.log' >.gitignore
  git add -A && git -c user.email=a@b -c user.name=a commit -qm lib
  cd - >/dev/null && git -c protocol.file.allow=always submodule --quiet add "$HOME/library" lib`;

test("all of a submodule is kept: other branches, and what is not committed or ignored", async () => {
  const s = repository(
    `cd lib; git config user.email a@b; git config user.name a
    git switch -qc side; echo on a branch >new; git add -A; git commit -qm side; git switch -q -
    echo uncommitted >rest; echo ignored >it.log; cd ..`,
    library,
  );
  await done(s, "it");
  expect((await s.dispatch("clean", "it", "--unmerged")).exit).toBe(0);
  expect(s.reachable()).toContain("on a branch");
  expect(s.reachable()).toContain("uncommitted");
  expect(textBelow(join(s.project, ".dispatch/rescued/it"))).toContain("ignored");
});

test("a submodule that git was killed in while it cloned it is cloned again", async () => {
  const s = repository("cat lib/lib >new", library);
  await s.killed("before", "submodule --quiet update", "run", "--worktree", "--id", "it", "x");
  await s.dispatch("wait", "it");
  mkdirSync(join(s.project, ".git/worktrees/dispatch-it/modules/lib/objects"), { recursive: true });
  mkdirSync(join(s.worktree("it"), "lib"), { recursive: true });
  writeFileSync(
    join(s.worktree("it"), "lib/.git"),
    `gitdir: ${s.project}/.git/worktrees/dispatch-it/modules/lib\n`,
  );
  expect((await s.dispatch("merge", "it", "--keep")).exit).toBe(0);
  await s.dispatch("resume", "it");
  await s.dispatch("wait", "it");
  await s.dispatch("merge", "it");
  expect(readFileSync(join(s.project, "new"), "utf8")).toBe("lib\n");
});

test("what was squashed is not brought home again, nor in conflict with what came there since", async () => {
  const s = repository("echo mine >shared");
  await done(s, "it");
  await s.dispatch("merge", "it", "--squash", "--keep");
  writeFileSync(join(s.project, "shared"), "yours\n");
  s.git("commit", "-qam", "later");
  const { exit, out } = await s.dispatch("merge", "it");
  expect({ exit, out }).toMatchObject({ exit: 0, out: expect.stringContaining("has all of it") });
  expect(s.git("log", "--format=%s", "-1")).toBe("later");
});

test.each(["", "--squash", "--rebase"])(
  "git brings a merge %s to its end when its caller is killed",
  async (way) => {
    const s = repository("echo 2 >new; sed -i s/1/one/ shared");
    await done(s, "it");
    writeFileSync(join(s.project, "shared"), "1\n2\n3\n4\n5\n6\n7\n8\nnine\n");
    s.git("commit", "-qam", "mine");
    const words = ["merge", "it", ...(way === "" ? [] : [way])];
    await s.killed("beneath", "--ff-only", ...words);
    await appears(join(s.env["GATES"]!, "over"));
    expect(s.git("status", "--porcelain", "--untracked-files=no")).not.toMatch(/^.[^ ]/m);
    expect(s.git("ls-files", "--others", "--exclude-standard")).toBe("");
    expect((await s.dispatch(...words)).exit).toBe(0);
    expect(readFileSync(join(s.project, "shared"), "utf8")).toBe(
      "one\n2\n3\n4\n5\n6\n7\n8\nnine\n",
    );
    expect(s.git("status", "--porcelain", "--untracked-files=no")).toBe("");
  },
);

test("a task whose parents conflict waits for somebody, also when it was resumed", async () => {
  const s = repository('echo "$DISPATCH_TASK" >shared');
  await done(s, "a");
  await done(s, "b");
  await s.dispatch("run", "--worktree", "--id", "c", "--after", "a", "--after", "b", "x");
  expect((await s.task("c")).state).toBe("held");
  // A run that could not start, as of one whose worker's program was missing just then.
  const run = s.path("c", "runs/001");
  mkdirSync(run);
  const record = JSON.parse(s.file("a", "runs/001/command.json")!);
  writeFileSync(join(run, "command.json"), JSON.stringify({ ...record, argv: [] }));
  writeFileSync(join(run, "exit"), "127\n");
  writeFileSync(join(run, "log"), "");
  await s.dispatch("resume", "c");
  expect(await s.task("c")).toMatchObject({ state: "failed", cause: "conflict" });
});

test.each(["rev-parse --verify --quiet HEAD^{commit}", "merge-base --is-ancestor", "merge-tree"])(
  "git %s that was killed is no answer",
  async (call) => {
    const s = repository("echo 2 >new");
    await done(s, "it");
    const { exit } = await s.killed("ends", call, "merge", "it", "--squash");
    expect(exit).toBe(1);
    expect((await s.dispatch("merge", "it", "--squash")).exit).toBe(0);
    expect(readFileSync(join(s.project, "new"), "utf8")).toBe("2\n");
  },
);

test("an id is free again where git was killed as soon as it had begun a worktree", async () => {
  const s = repository("echo 2 >new");
  await done(s, "other");
  mkdirSync(join(s.project, ".git/worktrees/dispatch-it"));
  mkdirSync(s.worktree("it"));
  // Longer ago than somebody's git could be at it.
  utimesSync(join(s.project, ".git/worktrees/dispatch-it"), 1, 1);
  expect((await s.dispatch("run", "--worktree", "--id", "it", "x")).exit).toBe(4);
  await s.dispatch("doctor", "--fix");
  expect(existsSync(s.worktree("it"))).toBe(false);
  await done(s, "it");
  expect((await s.dispatch("merge", "it")).exit).toBe(0);
});

test("a worktree that git was killed at, and cannot read of, keeps none from being made", async () => {
  const s = repository("echo 2 >new");
  const admin = join(s.project, ".git/worktrees/dispatch-killed");
  mkdirSync(admin, { recursive: true });
  writeFileSync(join(admin, "gitdir"), `${s.worktree("killed")}/.git\n`);
  writeFileSync(join(admin, "commondir"), "");
  utimesSync(admin, 1, 1);
  await done(s, "it");
  expect(s.git("worktree", "list")).not.toContain("killed");
});

test.each(["rev-parse --verify --quiet HEAD", "-f .gitmodules", "for-each-ref"])(
  "git %s that was killed loses nothing of a submodule",
  async (call) => {
    const s = repository(
      `cd lib; git config user.email a@b; git config user.name a
      echo precious >new; git add -A; git commit -qm it`,
      library,
    );
    await done(s, "it");
    await s.killed("ends", call, "clean", "it", "--unmerged");
    await s.dispatch("clean", "it", "--unmerged");
    expect(s.reachable()).toContain("precious");
  },
);
