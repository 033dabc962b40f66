/** Tasks in worktrees: where there can be one, how it is made, in whatever repository, and what it begins with. */

import { describe, expect, test } from "bun:test";
import { readFileSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { appears, killMarked } from "./machine.ts";
import {
  everything,
  repository,
  type Repository,
  submodules,
  traces,
  usersOwn,
} from "./repository.ts";

const output = (s: Repository, id: string) => s.file(id, "output.md")?.trimEnd() ?? null;

describe("where there can be none, it says why, and leaves nothing behind:", () => {
  test.each<
    [what: string, before: string, exit: number, said: string, options?: { cwd?: string; bare?: 1 }]
  >([
    [
      "without git",
      "",
      1,
      "git is not on PATH, and a worktree needs it\nhint: install git; or run it without a worktree",
      { bare: 1 },
    ],
    [
      "outside of a checkout",
      "rm -r .git",
      4,
      "PROJECT is no git checkout, so there is nothing to make a worktree of\nhint: git init && git add -A && git commit; or run it without a worktree",
    ],
    [
      "without a commit",
      "rm -r .git && git init -q .",
      4,
      "the repository in PROJECT has no commit yet to branch from\nhint: git add -A && git commit; or run it without a worktree",
    ],
    [
      "in a bare repository",
      "git clone -q --bare . ../bare.git",
      4,
      "BESIDE/bare.git is a bare repository; expected a checkout of it\nhint: git worktree add ../checkout, and run dispatch there",
      { cwd: "../bare.git" },
    ],
    [
      "where the branch is taken",
      "git branch dispatch/it",
      4,
      "the branch dispatch/it is there already\nhint: another --id; or, where its work is not wanted: git branch -D dispatch/it",
    ],
    [
      "where a branch is in the way",
      "git branch dispatch",
      4,
      "there is a branch named dispatch, so there can be none named dispatch/it\nhint: git branch -m dispatch ANOTHER-NAME",
    ],
    [
      "where a branch is below it",
      "git branch dispatch/it/more",
      4,
      "there is a branch named dispatch/it/more, so there can be none named dispatch/it\nhint: another --id; or: git branch -m dispatch/it/more ANOTHER-NAME",
    ],
    [
      "where the folder is taken",
      "mkdir -p .dispatch/worktrees/dispatch-it/x",
      4,
      "PROJECT/.dispatch/worktrees/dispatch-it is there already, and of no task\nhint: dispatch doctor; or another --id",
    ],
    [
      "where a file is in its place",
      "mkdir -p .dispatch/worktrees && ln -s nowhere .dispatch/worktrees/dispatch-it",
      4,
      "PROJECT/.dispatch/worktrees/dispatch-it is there already, and of no task\nhint: dispatch doctor; or another --id",
    ],
    [
      "where git's own folder is taken",
      "mkdir -p .git/worktrees/dispatch-it",
      4,
      "PROJECT/.git/worktrees/dispatch-it is there already, and of no task\nhint: dispatch doctor; or another --id",
    ],
  ])("%s", async (_, before, exit, said, { cwd = ".", bare } = {}) => {
    const s = repository(before);
    const was = everything(s);
    const env = bare === undefined ? {} : { PATH: s.env["PATH"]!.split(":")[0]! };
    const options = { cwd: join(s.project, cwd), env };
    const ran = await s.dispatchWith(options, "run", "-w", "--id", "it", "x");
    const err = `error: ${said.replace("PROJECT", s.project).replace("BESIDE", dirname(s.project))}\n`;
    expect(ran).toEqual({ exit, out: "", err });
    expect(everything(s)).toBe(was);
  });

  test("of a batch, all or none", async () => {
    const s = repository("git branch dispatch/b");
    const was = everything(s);
    const stdin = "# One\nid: a\nworktree: yes\n\n# Two\nid: b\nworktree: yes\n";
    const ran = await s.dispatchWith({ stdin }, "run", "-");
    expect(ran.exit).toBe(4);
    expect(ran.err).toContain("nothing was started\nline 5: the branch dispatch/b is there");
    expect(everything(s)).toBe(was);
  });

  test("an id that was not asked for gives way", async () => {
    const s = repository("git branch dispatch/paint && mkdir -p .git/worktrees/dispatch-paint-2");
    s.does("paint-3", "");
    expect((await s.dispatch("run", "-w", "paint it")).out).toContain("dispatched paint-3 ");
    expect((await s.dispatch("wait")).out).toContain("paint-3 done");
  });
});

describe("in whatever repository:", () => {
  test("at a detached HEAD it works, and is brought home from a branch", async () => {
    const s = repository("git checkout -q --detach");
    await s.finish("it", "echo 4 >>file");
    expect(await s.dispatch("merge", "it")).toEqual({
      exit: 4,
      out: "",
      err: "error: the checkout is on no branch\nhint: git switch BRANCH\n",
    });
    s.sh("git switch -q main");
    expect((await s.dispatch("merge", "it")).out).toContain("merged it into main: 1 commit");
    expect(s.sh("tail -n 1 file")).toBe("4");
  });

  test("what is not committed stays where it is, and that is said", async () => {
    const s = repository("echo 4 >>file; echo 1 >staged; git add staged; echo 1 >new");
    const was = usersOwn(s);
    const ran = await s.hand("it", `ls >"$DISPATCH_TASK_DIR/output.md"; echo mine >>file`);
    expect(ran.err).toBe("not in the worktree, since not committed: 2 changed and 1 new\n");
    await s.dispatch("wait");
    expect(output(s, "it")).toBe("file");
    expect(usersOwn(s)).toBe(was);
  });

  test.each<[what: string, before: string, cwd: string, said: string, files: string]>([
    [
      "the inner of two",
      "git init -q in; cd in; echo 1 >f; git add f; git commit -qm in",
      "in",
      "",
      "f",
    ],
    [
      "the outer of two",
      "git init -q in",
      ".",
      "not in the worktree, since not committed: 1 new\n",
      "file",
    ],
    ["a worktree", "git worktree add -q in", "in", "", "file"],
    ["a submodule", submodules, "sub", "", "deep f"],
    ["a submodule of a submodule", submodules, "sub/deep", "", "f"],
  ])("%s", async (_, before, inner, said, files) => {
    const s = repository(before);
    const cwd = join(s.project, inner);
    s.does(
      "it",
      `ls | xargs >"$HOME/seen"; pwd >>"$HOME/seen"; echo 2 >new; git add new; git commit -qm new`,
    );
    const in_ = (...argv: string[]) => s.dispatchWith({ cwd }, ...argv);
    expect(await in_("run", "-w", "--id", "it", "x")).toMatchObject({ exit: 0, err: said });
    expect((await in_("wait")).out).toContain(
      "it done in 0s\nchanged in its worktree: new; once the user agrees: dispatch merge it\n",
    );
    const seen = readFileSync(join(s.home, "seen"), "utf8");
    expect(seen).toBe(
      `${files}\n${cwd === s.project ? s.project : cwd}/.dispatch/worktrees/dispatch-it\n`,
    );
    expect((await in_("diff", "it", "--stat")).out).toContain("1 file changed, 1 insertion(+)");
    expect(await in_("merge", "it")).toMatchObject({ exit: 0, err: "" });
    expect(s.sh("cat new; git branch --list 'dispatch/*'", cwd)).toBe("2");
  });

  test("submodules are had from the checkout, to the last", async () => {
    const s = repository(submodules);
    await s.finish(
      "it",
      `cat sub/f sub/deep/f; git submodule status --recursive; cd sub/deep; git config remote.origin.url`,
    );
    const { out } = await s.dispatch("logs", "it", "--raw");
    expect(out).toMatch(
      /^1\n1\n [0-9a-f]+ sub \(heads\/main\)\n [0-9a-f]+ sub\/deep \(heads\/main\)\n/,
    );
    expect(out).toContain(`${s.home}/deep\n`);
    expect(await s.dispatch("clean", "it")).toEqual({ exit: 0, out: "removed it\n", err: "" });
  });

  test("one that the checkout does not have is not there, and nothing is fetched", async () => {
    const s = repository(`${submodules}; git submodule --quiet deinit -f sub`);
    await s.finish("it", "ls -A sub");
    expect((await s.dispatch("logs", "it", "--raw")).out).toBe("");
    expect(await s.dispatch("clean", "it")).toMatchObject({ exit: 0, out: "removed it\n" });
  });

  const filter = `
    git config filter.big.clean 'sed s/content/pointer/'
    git config filter.big.smudge 'sed s/pointer/content/'
    git config filter.big.required true
    echo '*.bin filter=big' >.gitattributes; echo content >a.bin; git add -A; git commit -qm big`;

  test("a filter's contents are there, and are no change", async () => {
    const s = repository(filter);
    await s.finish("it", `cat a.bin; echo content >>a.bin; touch other.bin`);
    expect((await s.dispatch("logs", "it", "--raw")).out).toBe("content\n");
    expect(JSON.parse((await s.dispatch("result", "it", "--json")).out).work.files).toEqual([
      { path: "a.bin", added: 1, removed: 0 },
      { path: "other.bin", added: 0, removed: 0 },
    ]);
    await s.dispatch("merge", "it");
    expect(s.sh("cat a.bin; git show HEAD:a.bin")).toBe("content\ncontent\npointer\npointer");
  });

  test("a filter that cannot be run is told of in git's words, and mended", async () => {
    const s = repository(`${filter}; git config filter.big.smudge no-such-program`);
    await s.finish("it", "cat a.bin");
    expect(await s.task("it")).toMatchObject({
      state: "failed",
      cause: "start_failed",
      evidence: expect.stringContaining("smudge filter big failed"),
      next: "dispatch logs it (why), or dispatch resume it (again)",
    });
    s.sh("git config filter.big.smudge cat");
    await s.dispatch("resume", "it");
    expect((await s.dispatch("wait")).out).toContain('it done in 0s: "pointer"');
  });

  test("a sparse checkout's worktree is as sparse, and loses nothing of the rest", async () => {
    const s = repository(`mkdir d; echo 1 >d/f; echo 1 >kept; git add -A; git commit -qm more
      git sparse-checkout set --no-cone /kept`);
    await s.finish("it", `ls; echo 2 >kept`);
    expect((await s.dispatch("logs", "it", "--raw")).out).toBe("kept\n");
    expect(JSON.parse((await s.dispatch("result", "it", "--json")).out).changed).toEqual(["kept"]);
    await s.dispatch("merge", "it");
    expect(s.sh("git ls-tree -r --name-only HEAD; cat kept")).toBe("d/f\nfile\nkept\n2");
  });

  test("names and kinds of files come home as they are", async () => {
    const s = repository();
    await s.finish(
      "it",
      `cd .; printf 'one\\n' >'a
b'; echo 2 >'"quoted"'; echo 3 >'tab	here'; echo 4 >ünïcode; echo 5 >-dash; echo 6 >' blank '
      : >empty; printf '\\0\\1\\377' >binary; echo : >run; chmod +x run; ln -s nowhere link; mkdir -p d; ln -s ../file d/up
      find . -name .git -prune -o ! -type d -printf '%p %m %l\\0' | sort -z | tr '\\0' ';' >"$HOME/there"
      find . -name .git -prune -o -type f -print0 | sort -z | xargs -0 sha1sum >>"$HOME/there"`,
    );
    const { work } = JSON.parse((await s.dispatch("result", "it", "--json")).out);
    expect(work).toMatchObject({ commits: 0, uncommitted_files: 11 });
    expect(work.files).toContainEqual({ path: "binary", added: null, removed: null });
    expect((await s.dispatch("merge", "it")).exit).toBe(0);
    const here =
      s.sh(`find . \\( -name .git -o -name .dispatch \\) -prune -o ! -type d -printf '%p %m %l\\0' | sort -z | tr '\\0' ';'
      find . \\( -name .git -o -name .dispatch \\) -prune -o -type f -print0 | sort -z | xargs -0 sha1sum`);
    expect(here).toBe(readFileSync(join(s.home, "there"), "utf8").trimEnd());
    expect(s.sh("git status --short")).toBe("");
  });
});

describe("asked for", () => {
  test.each([
    ["by a flag", ["run", "--worktree", "--id", "it", "x"], undefined],
    ["by a letter", ["run", "-w", "--id", "it", "x"], undefined],
    ["in words", ["run", "--id", "it", "mend it in a worktree"], undefined],
    ["behind a comma", ["run", "--id", "it", "mend it, worktree"], undefined],
    ["in a batch", ["run", "-"], "# Mend it\nid: it\nworktree: yes\n"],
    ["in a batch's title", ["run", "-"], "# Mend it in its own worktree\nid: it\n"],
    ["for a whole batch", ["run", "-w", "-"], "# Mend it\nid: it\n"],
  ] as const)("%s", async (_, argv, stdin) => {
    const s = repository();
    s.does("it", "");
    await s.dispatchWith(stdin === undefined ? {} : { stdin }, ...argv);
    expect(await s.task("it")).toMatchObject({ branch: "dispatch/it" });
    await s.dispatch("wait");
    expect(await s.task("it")).toMatchObject({ state: "done", worktree: s.worktree("it") });
    expect(JSON.parse((await s.dispatch("result", "it", "--json")).out)).toMatchObject({
      worktree: s.worktree("it"),
      branch: "dispatch/it",
      work: { files: [], branch: "dispatch/it", commits: 0, uncommitted_files: 0 },
    });
  });

  test("not by a word in passing", async () => {
    const s = repository();
    s.does("it", "");
    await s.dispatch("run", "--id", "it", "explain what a worktree is");
    expect(await s.task("it")).toMatchObject({ branch: null, worktree: null });
  });

  test("its worker is told where it is, and where its plan is", async () => {
    const s = repository();
    await s.finish("it", `for last; do :; done; echo "$last"; cat ../../tasks/it/plan.md`);
    const { out } = await s.dispatch("logs", "it", "--raw");
    expect(out).toStartWith("Your plan is ../../tasks/it/plan.md.");
    expect(out).toContain(
      "You work in a git worktree of your own, on the branch dispatch/it: change files of this folder only, and commit your work there (no push, no other branch).",
    );
    expect(out).toContain("- [ ] work of it\n");
  });

  test("a look without a start leaves nothing behind", async () => {
    const s = repository();
    const was = everything(s);
    const { out } = await s.dispatch("run", "-w", "--dry-run", "--id", "it", "x");
    expect(out).toContain(s.worktree("it"));
    expect(everything(s)).toBe(was);
  });

  test("whatever repository the caller's environment names", async () => {
    const s = repository("git init -q ../other");
    const other = join(s.project, "../other");
    const env = {
      GIT_DIR: `${other}/.git`,
      GIT_WORK_TREE: other,
      GIT_INDEX_FILE: `${other}/index`,
    };
    s.does(
      "it",
      "echo 4 >>file; unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE; git commit -qam second",
    );
    await s.dispatchWith({ env }, "run", "-w", "--id", "it", "x");
    expect((await s.dispatchWith({ env }, "wait")).out).toContain(
      "it done in 0s\nchanged in its worktree: file;",
    );
    expect((await s.dispatchWith({ env }, "merge", "it")).out).toContain("merged it into main");
    expect(s.sh("tail -n 1 file; git log --format=%s")).toBe("4\nsecond\nfirst");
    expect(s.sh("find . -name .git -prune -o -print", other)).toBe(".");
  });

  test("a person who stands in it sees the project's tasks", async () => {
    const s = repository();
    await s.finish("it", "mkdir d");
    for (const cwd of [s.worktree("it"), join(s.worktree("it"), "d")])
      expect((await s.dispatchWith({ cwd }, "status")).out).toContain(
        "it (works, worktree) — COMPLETE",
      );
  });
});

describe("made ready", () => {
  test("what is not in git comes along where it is asked for, and nothing else", async () => {
    const s = repository(`
      printf '.env*\nbuild/\nlink\nlocal\n' >.gitignore; printf '.env\nbuild/\nfile\n' >.worktreeinclude
      git add -A; git commit -qm more
      echo key >.env; echo no >.env.other; mkdir -p build/deep; echo 1 >build/deep/f; chmod +x build/deep/f
      ln -s nowhere link; echo mine >local; echo changed >>file; echo new >new`);
    s.configure("worktree: { copy: [link, '*.d', .dispatch, '/local'] }");
    await s.finish(
      "it",
      `find . -name .git -prune -o ! -type d -printf '%P %m\n' | sort; readlink link; tail -n 1 file`,
    );
    expect((await s.dispatch("logs", "it", "--raw")).out).toBe(
      ".env 644\n.gitignore 644\n.worktreeinclude 644\nbuild/deep/f 755\nfile 644\nlink 777\nlocal 644\nnowhere\n3\n",
    );
    expect(await s.dispatch("clean", "it")).toEqual({ exit: 0, out: "removed it\n", err: "" });
  });

  test("what is there already stays", async () => {
    const s = repository(
      `git rm -q --cached file; echo file >.gitignore; git add -A; git commit -qm out`,
    );
    s.configure("worktree: { copy: [file] }");
    s.sh(
      "git checkout -q -b old HEAD~1 2>/dev/null || git checkout -qf -b old HEAD~1; git switch -q main; echo mine >file",
    );
    await s.finish("it", "cat file; git checkout -q HEAD~1 -- file; cat file");
    expect((await s.dispatch("logs", "it", "--raw")).out).toBe("mine\n1\n2\n3\n");
  });

  test("its setup runs once, there, before the worker", async () => {
    const s = repository();
    s.configure("worktree: { setup: 'pwd; echo set up >>ready; echo and said so >&2' }");
    await s.finish("it", "cat ready; exit 1");
    expect((await s.dispatch("logs", "it", "--setup")).out).toBe(
      `${s.worktree("it")}\nset up\n`.replace("set up", "and said so"),
    );
    await s.dispatch("resume", "it");
    await s.dispatch("wait");
    expect((await s.dispatch("logs", "it", "--raw")).out).toBe("set up\n");
  });

  test("a setup that fails is told of by its last line, and tried again where it was", async () => {
    const s = repository();
    s.configure(
      `worktree: { setup: 'echo once >>tried; echo no network >&2; [ -e "$HOME/online" ]' }`,
    );
    await s.finish("it", "cat tried; wc -l <tried");
    expect(await s.task("it")).toMatchObject({
      state: "failed",
      cause: "start_failed",
      evidence: expect.stringMatching(
        /^worktree\.setup \(.*\) ended with exit code 1: no network$/,
      ),
      next: "dispatch logs it (why), or dispatch resume it (again)",
    });
    expect((await s.dispatch("logs", "it", "--setup")).out).toBe("no network\n");
    s.sh('touch "$HOME/online"');
    await s.dispatch("resume", "it");
    expect((await s.dispatch("wait")).out).toContain("it done");
    expect((await s.dispatch("logs", "it", "--raw")).out).toBe("once\nonce\n2\n");
  });

  test("without a setup there is nothing to show", async () => {
    const s = repository();
    await s.finish("it", "");
    expect(await s.dispatch("logs", "it", "--setup")).toMatchObject({
      exit: 3,
      err: "error: no setup was run for it\n",
    });
  });

  test.each([["HOME/there"], ["HOME/there/"], ["~/there"], ["~/there/"]])(
    "settings of the project %s win over those of all",
    async (name) => {
      const s = repository('git clone -q . "$HOME/there"');
      const cwd = join(s.home, "there");
      const folder = name.replace("HOME", s.home);
      s.configure(
        `worktree: { setup: 'echo all >set', copy: [x] }\nprojects: { '${folder}': { worktree: { setup: 'echo own >set' } }, '~/other': { worktree: { setup: 'echo other >set' } } }`,
      );
      s.does("it", "cat set");
      await s.dispatchWith({ cwd }, "run", "-w", "--id", "it", "x");
      expect((await s.dispatchWith({ cwd }, "wait")).out).toContain('it done in 0s: "own"');
    },
  );

  test("its setup goes on with the run that it belongs to, and ends with it", async () => {
    const s = repository();
    s.configure("worktree: { setup: gated }");
    s.program("gated", "gate setup");
    await s.hand("it", "echo worked");
    await appears(`${s.env["GATES"]}/setup`);
    expect(await s.task("it")).toMatchObject({ state: "running" });
    await s.dispatch("stop", "it", "--grace", "10ms");
    expect(await s.task("it")).toMatchObject({ state: "stopped" });
    s.sh('rm "$GATES/setup"');
    await s.dispatch("resume", "it");
    await s.open("setup");
    expect((await s.dispatch("wait", "--all")).out).toContain('it done in 0s: "worked"');
  });
});

describe("what happens to it meanwhile:", () => {
  /** Git is ended, and what called it, when it first makes a worktree, having done this of it. */
  const killedAt = (s: Repository, half: string) =>
    s.program(
      "git",
      `case " $* " in *" worktree add "*) [ -e "$HOME/killed" ] || {
        touch "$HOME/killed"; ${half}; kill -9 $PPID $$; };; esac
      exec /usr/bin/git "$@"`,
    );

  test.each([
    ["before it had begun", ":"],
    ["when it had only its folder", "mkdir -p .dispatch/worktrees/dispatch-it"],
    [
      "when git knew of nothing but the name",
      "mkdir -p .git/worktrees/dispatch-it; echo initializing >.git/worktrees/dispatch-it/locked",
    ],
    ["when it had its branch", "/usr/bin/git branch dispatch/it"],
    [
      "half way",
      '/usr/bin/git "$@"; cd .dispatch/worktrees/dispatch-it; rm file; touch ../../../.git/worktrees/dispatch-it/index.lock; echo initializing >../../../.git/worktrees/dispatch-it/locked',
    ],
    ["when it was whole", '/usr/bin/git "$@"'],
  ])("killed %s, it is made whole by the next run", async (_, half) => {
    const s = repository("mkdir d; echo 1 >d/f; git add -A; git commit -qm more");
    killedAt(s, half);
    expect(
      await s.finish(
        "it",
        "git status --porcelain; ls -d * d/*; echo 4 >>file; git commit -qam new",
      ),
    ).toMatchObject({
      state: "failed",
      cause: "killed",
    });
    await s.dispatch("resume", "it");
    expect((await s.dispatch("wait")).out).toContain(
      "changed in its worktree: file; once the user agrees: dispatch merge it",
    );
    expect((await s.dispatch("logs", "it", "--raw")).out).toBe("d\nd/f\nfile\n");
    expect((await s.dispatch("merge", "it")).out).toBe("merged it into main: 1 commit\n");
    expect(traces(s)).toBe(
      s
        .path("it", "")
        .replace(`${s.project}/`, "./")
        .replace(/^\.\/|\/$/g, ""),
    );
  });

  test("killed with all that it was started by, it is lost, and made whole", async () => {
    const s = repository();
    s.program(
      "git",
      `case " $* " in *" worktree add "*) /usr/bin/git "$@"; gate added;; esac; exec /usr/bin/git "$@"`,
    );
    await s.hand("it", "cat file");
    await appears(`${s.env["GATES"]}/added`);
    killMarked(`SCENE=${s.env["SCENE"]}`);
    expect(await s.task("it")).toMatchObject({ state: "lost", next: "dispatch resume it" });
    s.program("git", 'exec /usr/bin/git "$@"');
    await s.dispatch("resume", "it");
    expect((await s.dispatch("wait")).out).toContain('it done in 0s: "3"');
  });

  test.each([
    ["by rm", "rm -r .dispatch/worktrees/dispatch-it"],
    ["by git", "git worktree remove --force .dispatch/worktrees/dispatch-it"],
    ["by rm, and pruned", "rm -r .dispatch/worktrees/dispatch-it; git worktree prune"],
    ["but not its folder", "rm .dispatch/worktrees/dispatch-it/.git"],
  ])("removed %s, it is there again, with what was committed", async (_, removes) => {
    const s = repository();
    await s.finish("it", "echo 4 >>file; git commit -qam second; exit 1");
    s.sh(removes);
    expect(await s.task("it")).toMatchObject({ state: "failed" });
    s.does("it", "git log --format=%s; git status --porcelain; cat file");
    await s.dispatch("resume", "it");
    expect((await s.dispatch("wait", "it")).out).toContain("it done");
    expect((await s.dispatch("logs", "it", "--raw")).out).toBe("second\nfirst\n1\n2\n3\n4\n");
    expect((await s.dispatch("merge", "it")).out).toContain("merged it into main: 1 commit");
  });

  test.each([
    ["is gone", "rm -r .git/worktrees/dispatch-it", "not a worktree of this repository any more"],
    [
      "is another's",
      "cd .dispatch/worktrees/dispatch-it; rm .git; git init -q",
      ".git is not a file",
    ],
  ])(
    "where what git knows of it %s, no worker is let loose on the checkout",
    async (_, breaks, said) => {
      const s = repository();
      await s.finish("it", "echo 4 >>file; exit 1");
      s.sh(breaks);
      s.does("it", "git add -A; git commit -qm second");
      const was = usersOwn(s);
      await s.dispatch("resume", "it");
      await s.dispatch("wait");
      expect(await s.task("it")).toMatchObject({
        state: "failed",
        cause: "start_failed",
        evidence: expect.stringContaining(said),
      });
      expect(usersOwn(s)).toBe(was);
      expect(readFileSync(join(s.worktree("it"), "file"), "utf8")).toBe("1\n2\n3\n4\n");
    },
  );

  test("a branch that somebody else has checked out is left to them", async () => {
    const s = repository('git worktree add -q "$HOME/other"');
    const cwd = join(s.home, "other");
    await s.hand("first", "gate first");
    await s.hand("it", "gate it", "--after", "first");
    // The same repository, and the same id: not taken yet, of a task that waits.
    await s.dispatchWith({ cwd }, "run", "-w", "--id", "it", "x");
    await appears(`${s.env["GATES"]}/it`);
    await s.open("first");
    await s.dispatch("wait", "--all");
    expect(await s.task("it")).toMatchObject({
      state: "failed",
      cause: "start_failed",
      evidence: `the branch dispatch/it is checked out in ${cwd}/.dispatch/worktrees/dispatch-it`,
    });
    await s.open("it");
    expect((await s.dispatchWith({ cwd }, "wait", "it")).out).toContain("it done");
  });

  test("the project may be moved", async () => {
    const s = repository();
    await s.finish("it", "echo 4 >>file; git commit -qam second; echo 5 >>file; exit 1");
    await s.finish("gone", "");
    const cwd = join(s.project, "../moved");
    renameSync(s.project, cwd);
    const there = (...argv: string[]) => s.dispatchWith({ cwd }, ...argv);
    expect((await there("diff", "it", "--stat")).out).toContain("1 file changed, 2 insertions(+)");
    s.does("it", "tail -n 1 file; git status --porcelain; pwd");
    await there("resume", "it");
    expect((await there("wait", "it")).out).toContain("it done");
    expect((await there("logs", "it", "--raw")).out).toBe(
      `5\n M file\n${cwd}/.dispatch/worktrees/dispatch-it\n`,
    );
    expect(await there("clean", "gone")).toMatchObject({ exit: 0, out: "removed gone\n" });
    expect(await there("merge", "it")).toMatchObject({ exit: 0 });
    expect(s.sh("tail -n 1 file; git worktree list | wc -l", cwd)).toBe("5\n1");
  });

  test.each([
    ["another branch", "git switch -qc mine"],
    ["no branch", "git checkout -q --detach"],
    ["a branch with its own's name", "git branch -m dispatch/renamed"],
    ["a new root", "git checkout -q --orphan mine"],
  ])("its worker goes over to %s: all that it did counts", async (_, goes) => {
    const s = repository();
    await s.finish("it", `${goes}; echo 4 >>file; git commit -qam second; echo 5 >>file`);
    const { work } = JSON.parse((await s.dispatch("result", "it", "--json")).out);
    expect(work).toMatchObject({ uncommitted_files: 1, files: [{ path: "file", added: 2 }] });
    expect((await s.dispatch("diff", "it")).out).toContain("+4\n+5\n");
    expect(await s.dispatch("clean", "it")).toMatchObject({ exit: 4 });
  });

  test("its worker did nothing at all: nothing to bring home", async () => {
    const s = repository();
    await s.finish("it", "");
    expect((await s.dispatch("diff", "it")).out).toBe("");
    expect((await s.dispatch("merge", "it")).out).toBe("main has all of it already\n");
  });
});

describe("a task after others", () => {
  /** Commits a line at the end of a file, and leaves another file uncommitted. */
  const adds = (file: string, text: string) =>
    `echo ${text} >>${file}; git add ${file}; git commit -qm ${text}; echo ${text} >rest-${text}`;

  test("begins at what its parent came to, committed or not", async () => {
    const s = repository();
    await s.finish("one", adds("file", "one"));
    await s.finish("two", "tail -n 1 file; cat rest-one; git log --format=%s", "--after", "one");
    expect((await s.dispatch("logs", "two", "--raw")).out).toBe(
      "one\none\nwork of one\none\nfirst\n",
    );
    expect(s.sh("git status --porcelain", s.worktree("one"))).toBe("");
    expect(JSON.parse((await s.dispatch("result", "two", "--json")).out).changed).toEqual([]);
  });

  test("waits for parents that are at work, and begins at all that they came to", async () => {
    const s = repository();
    s.does("one", `gate one; ${adds("a", "one")}`);
    s.does("two", `gate two; ${adds("b", "two")}`);
    s.does("three", "git log --format=%s -n 1; ls");
    const stdin = "# One\nid: one\n\n# Two\nid: two\n\n# Three\nid: three\nafter: one, two\n";
    await s.dispatchWith({ stdin }, "run", "-w", "-");
    expect(await s.task("three")).toMatchObject({ state: "queued", worktree: null });
    await s.open("two");
    await s.open("one");
    await s.dispatch("wait", "--all");
    expect((await s.dispatch("logs", "three", "--raw")).out).toBe(
      "Merge what one and two came to\na\nb\nfile\nrest-one\nrest-two\n",
    );
    expect((await s.dispatch("merge", "three")).out).toContain("merged three into main");
    expect(s.sh("ls")).toBe("a\nb\nfile\nrest-one\nrest-two");
    for (const id of ["one", "two"])
      expect((await s.dispatch("merge", id)).out).toBe(`main has all of ${id} already\n`);
  });

  test("of two that do not go together is held, says where, and starts once they do", async () => {
    const s = repository();
    await s.finish("one", adds("file", "one"));
    await s.finish("two", adds("file", "two"));
    const was = traces(s);
    await s.hand("it", "cat file", "--after", "one", "--after", "two");
    await s.dispatch("wait", "it");
    expect(await s.task("it")).toMatchObject({
      state: "held",
      cause: "conflict",
      evidence: "two conflicts with one in file",
      run: null,
      worktree: null,
      next: "dispatch resume it, once they go together",
    });
    expect((await s.dispatch("status", "it")).out).toContain("two conflicts with one in file");
    expect(traces(s).replace(".dispatch/tasks/it\n", "")).toBe(was);
    expect((await s.dispatch("resume", "it")).out).not.toContain("resumed");
    expect(await s.task("it")).toMatchObject({ state: "held", run: null });
    s.sh(
      "git merge -q dispatch/one || :; printf 'both\\n' >file; git commit -qam both",
      s.worktree("two"),
    );
    expect((await s.dispatch("resume", "it")).out).toContain("resumed it as run 1");
    expect((await s.dispatch("wait", "it")).out).toContain('it done in 0s: "both"');
  });

  test.each([
    [
      "without a worktree",
      async (s: Repository) => {
        await s.handHere("one", "echo one >new; git add new; git commit -qm one");
        await s.dispatch("wait");
      },
    ],
    [
      "that is at home and gone",
      async (s: Repository) => {
        await s.finish("one", "echo one >new");
        await s.dispatch("merge", "one");
      },
    ],
    [
      "that was squashed",
      async (s: Repository) => {
        await s.finish("one", "echo one >new");
        await s.dispatch("merge", "one", "--squash");
      },
    ],
    [
      "whose worktree was removed by hand",
      async (s: Repository) => {
        await s.finish("one", "echo one >new; git add new; git commit -qm one");
        s.sh("git worktree remove .dispatch/worktrees/dispatch-one");
      },
    ],
  ])("begins at a parent %s", async (_, comes) => {
    const s = repository();
    await comes(s);
    await s.finish("it", "cat new", "--after", "one");
    expect((await s.dispatch("logs", "it", "--raw")).out).toBe("one\n");
  });

  test("can be resumed without a parent that failed", async () => {
    const s = repository();
    await s.finish("one", "echo one >new; exit 1");
    await s.hand("it", "ls", "--after", "one");
    expect(await s.task("it")).toMatchObject({
      state: "held",
      reason: "after one, which failed (crash)",
    });
    await s.dispatch("resume", "it");
    await s.dispatch("wait", "it");
    expect((await s.dispatch("logs", "it", "--raw")).out).toBe("file\nnew\n");
  });
});
