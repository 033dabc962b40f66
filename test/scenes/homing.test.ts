/** A task's work, looked at and brought home: diff, merge, pr, and what its worker mends in between. */

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { appears } from "./machine.ts";
import { repository, type Repository, traces, untouched, usersOwn } from "./repository.ts";
import { binary } from "./scene.ts";

const second = "echo 4 >>file; git commit -qam second";
const both = `${second}; echo new >new`;
const history = "git log --format=%s --first-parent";
const ways = [
  ["merge", []],
  ["squash", ["--squash"]],
  ["rebase", ["--rebase"]],
] as const;

describe("diff", () => {
  const text = (from: string, to: string) => `diff --git a/file b/file
index ${from}..${to} 100644
--- a/file
+++ b/file
@@ -1,3 +1,4 @@
 1
 2
 3
+4
diff --git a/new b/new
new file mode 100644
index 0000000..3e75765
--- /dev/null
+++ b/new
@@ -0,0 +1 @@
+new
`;

  test("shows what is committed and what is not, as git does", async () => {
    const s = repository();
    await s.finish("it", both);
    expect(await s.dispatch("diff", "it")).toEqual({
      exit: 0,
      out: text("01e79c3", "94ebaf9"),
      err: "",
    });
    expect((await s.dispatch("diff", "it", "--stat")).out).toBe(
      " file | 1 +\n new  | 1 +\n 2 files changed, 2 insertions(+)\n",
    );
    expect(JSON.parse((await s.dispatch("diff", "it", "--json")).out)).toEqual({
      schema: 1,
      id: "it",
      files: [
        { path: "file", added: 1, removed: 0 },
        { path: "new", added: 1, removed: 0 },
      ],
      branch: "dispatch/it",
      commits: 1,
      uncommitted_files: 1,
    });
    expect(await s.dispatch("diff", "it", "--stat", "--tool")).toMatchObject({ exit: 2 });
  });

  test("is the same when it is at home, and when only the branch is left", async () => {
    const s = repository();
    await s.finish("it", both);
    s.sh("git add -A; git commit -qm rest", s.worktree("it"));
    const { out } = await s.dispatch("diff", "it");
    s.sh("git worktree remove .dispatch/worktrees/dispatch-it");
    expect((await s.dispatch("diff", "it")).out).toBe(out);
    await s.dispatch("merge", "it");
    expect((await s.dispatch("diff", "it")).out).toBe(out);
  });

  test("leaves out what its worker has taken over from the branch that it is for", async () => {
    const s = repository();
    await s.hand(
      "it",
      "echo 1 >own; git add own; git commit -qm own; gate go; git merge -q --no-edit main; git rm -q file",
    );
    s.sh("echo 1 >mine; git add mine; git commit -qm mine");
    await s.open("go");
    await s.dispatch("wait");
    expect(JSON.parse((await s.dispatch("result", "it", "--json")).out).changed).toEqual([
      "file",
      "own",
    ]);
  });

  test("is shown in the tool of the user's choice", async () => {
    const s = repository(`git config diff.tool mine
      git config difftool.mine.cmd 'diff -r "$LOCAL" "$REMOTE" | grep -v ^diff >"$HOME/seen"'`);
    await s.finish("it", both);
    expect(await s.dispatch("diff", "it", "--tool")).toMatchObject({ exit: 0, err: "" });
    expect(readFileSync(join(s.home, "seen"), "utf8")).toMatch(
      /^3a4\n> 4\nOnly in \/.*\/right\/?: new\n$/,
    );
  });

  const hasTerminal = Bun.which("script") !== null;
  // What makes a terminal of its own.
  test.skipIf(!hasTerminal).each([
    ["GIT_PAGER", ":", "sed 's/^/env: /'"],
    ["core.pager", `git config core.pager "sed 's/^/config: /'"`, ""],
  ])("goes through %s at a terminal", async (_, configures, pager) => {
    const s = repository(configures);
    await s.finish("it", second);
    const argv = ["script", "-qec", `${binary} diff it`, "/dev/null"];
    const env = { ...s.env, TERM: "dumb", ...(pager === "" ? {} : { GIT_PAGER: pager }) };
    const { stdout } = Bun.spawnSync(argv, { cwd: s.project, env, stdin: "ignore" });
    expect(stdout.toString()).toMatch(/^(?:env|config): diff --git a\/file b\/file/);
  });

  test("without a worktree shows what changed while it ran, and touches nothing", async () => {
    const s =
      repository(`echo old >>file; echo staged >staged; git add staged; echo old >old; echo '*.log' >.git/info/exclude
      find . -path ./.git -prune -o -type f -exec touch -d "1 hour ago" {} +`);
    await s.handHere("it", "echo new >new; echo a >a.log; echo 2 >>staged; mkdir d; echo 1 >d/f");
    await s.dispatch("wait");
    const was = [usersOwn(s), untouched(s), s.sh("git count-objects -v")];
    const { out, err } = await s.dispatch("diff", "it", "--stat");
    expect(err).toBe("what changed in the checkout while it ran, by whatever hand:\n");
    expect(out.replaceAll(/ +/g, " ")).toBe(
      " d/f | 1 +\n new | 1 +\n staged | 2 ++\n 3 files changed, 4 insertions(+)\n",
    );
    expect((await s.dispatch("result", "it")).out).toContain("changed meanwhile: 3 files (+4 -0)");
    expect((await s.dispatch("diff", "it", "--json")).out).toContain('"branch":null');
    expect([usersOwn(s), untouched(s), s.sh("git count-objects -v")]).toEqual(was);
  });

  test("tells where there is nothing to show", async () => {
    const s = repository(`find . -path ./.git -prune -o -type f -exec touch -d "1 hour ago" {} +`);
    await s.handHere("it", "");
    await s.dispatch("wait");
    expect(await s.dispatch("diff", "it")).toEqual({
      exit: 0,
      out: "",
      err: "nothing of the checkout changed while it ran\n",
    });
    s.sh("rm -r .git");
    expect(await s.dispatch("diff", "it")).toMatchObject({
      exit: 3,
      err: "error: git cannot tell what it has changed\nhint: dispatch result it\n",
    });
  });
});

describe("merge", () => {
  test.each<[what: string, flags: string[], meanwhile: string, said: string, log: string]>([
    ["forward", [], "", "merged it into main: 2 commits", "work of it\nsecond\nfirst"],
    [
      "with what happened meanwhile",
      [],
      "echo 1 >mine; git add mine; git commit -qm mine",
      "merged it into main: 2 commits",
      "Merge dispatch/it: work of it\nmine\nfirst",
    ],
    [
      "as one commit",
      ["--squash"],
      "echo 1 >mine; git add mine; git commit -qm mine",
      "merged it into main: 2 commits",
      "work of it\nmine\nfirst",
    ],
    [
      "commit by commit",
      ["--rebase"],
      "echo 1 >mine; git add mine; git commit -qm mine",
      "merged it into main: 2 commits",
      "work of it\nsecond\nmine\nfirst",
    ],
    [
      "into whatever branch is there",
      [],
      "git switch -qc other",
      "merged it into other: 2 commits",
      "work of it\nsecond\nfirst",
    ],
    [
      "beside what the user is at",
      [],
      "echo 1 >mine",
      "merged it into main: 2 commits",
      "work of it\nsecond\nfirst",
    ],
  ])("%s", async (_, flags, meanwhile, said, log) => {
    const s = repository();
    await s.finish("it", both);
    s.sh(meanwhile);
    const ran = await s.dispatch("merge", "it", ...flags);
    expect(ran).toMatchObject({ exit: 0, err: "" });
    expect(ran.out).toStartWith(`${said}; 1 file that its worker had not committed\n`);
    expect(s.sh(history)).toBe(log);
    expect(s.sh("tail -n 1 file; cat new")).toBe("4\nnew");
    expect(s.sh("git status --porcelain").replace("?? mine", "")).toBe("");
    expect(
      s.sh("ls .dispatch/worktrees; git branch --list 'dispatch/*'; git worktree list | wc -l"),
    ).toBe("1");
    expect(await s.task("it")).toMatchObject({ worktree: null, next: "dispatch result it" });
    expect((await s.dispatch("result", "it")).out).toMatch(/merged into (?:main|other)\n/);
  });

  test.each(ways)("by %s twice is said, and changes nothing", async (_, flags) => {
    const s = repository();
    await s.finish("it", both);
    s.sh("echo 1 >mine; git add mine; git commit -qm mine");
    await s.dispatch("merge", "it", ...flags);
    const was = usersOwn(s);
    for (const [, again] of ways)
      expect(await s.dispatch("merge", "it", ...again)).toMatchObject({
        exit: 0,
        out: "main has all of it already\n",
        err: "",
      });
    expect(usersOwn(s)).toBe(was);
  });

  test("as one commit of what is there already in another makes none", async () => {
    const s = repository();
    await s.finish("it", second);
    s.sh("git cherry-pick dispatch/it >/dev/null; git commit -q --amend -m mine");
    expect(await s.dispatch("merge", "it", "--squash")).toMatchObject({ exit: 0, err: "" });
    expect(s.sh(`git status --porcelain; ${history}`)).toBe("mine\nfirst");
  });

  test.each([
    ["--keep", ["--keep"], ""],
    ["keep: true", [], "worktree: { keep: true }"],
  ])(
    "with %s its worktree stays, and what comes later comes home too",
    async (_, flags, config) => {
      const s = repository();
      if (config !== "") s.configure(config);
      await s.finish("it", second);
      expect((await s.dispatch("merge", "it", ...flags)).out).toBe(
        "merged it into main: 1 commit; its worktree stays (as the config says)\n",
      );
      expect(await s.task("it")).toMatchObject({
        worktree: s.worktree("it"),
        next: "dispatch result it",
      });
      s.does("it", "echo 5 >>file");
      await s.dispatch("resume", "it");
      await s.dispatch("wait", "it");
      expect((await s.dispatch("diff", "it", "--stat")).out).toContain("1 insertion(+)");
      await s.dispatch("merge", "it", ...flags);
      expect(s.sh("tail -n 2 file | xargs")).toBe("4 5");
    },
  );

  test("is refused of a task at work, of one without a worktree, and of one not begun", async () => {
    const s = repository();
    await s.hand("live", "gate go");
    await s.hand("late", "", "--after", "live");
    await s.handHere("here", "");
    await s.dispatch("wait", "here");
    const said = async (id: string) => {
      const { exit, err } = await s.dispatch("merge", id);
      return `${exit} ${err}`;
    };
    expect(await said("live")).toBe(
      "4 error: live is still running\nhint: dispatch wait live, or: dispatch stop live\n",
    );
    expect(await said("late")).toBe(
      "4 error: late has not begun: its worktree is not there yet\nhint: dispatch status late\n",
    );
    expect(await said("here")).toBe(
      "4 error: here has no worktree: what it changed is in the checkout\nhint: dispatch diff here\n",
    );
    expect(await said("none")).toStartWith("3 error: no task none in ");
    expect((await s.dispatch("merge", "here", "--squash", "--rebase")).exit).toBe(2);
  });

  test("of a task that is not done says so", async () => {
    const s = repository();
    await s.finish("it", `${second}; exit 1`);
    expect(await s.dispatch("merge", "it")).toMatchObject({
      exit: 0,
      err: "warning: it is failed, not done\n",
    });
  });

  const hook = (name: string) =>
    `printf '#!/bin/sh\\necho no, says ${name}\\nexit 1\\n' >.git/hooks/${name}; chmod +x .git/hooks/${name}`;
  const mine = "echo 1 >mine; git add mine; git commit -qm mine";
  test.each<[what: string, flags: string[], before: string, exit: number, said: RegExp]>([
    [
      "changes are in the way",
      [],
      "echo x >>file",
      1,
      /^error: git would not: error: Your local changes [^]*file[^]*hint: git status; the checkout is as it was\n$/,
    ],
    ["changes are in the way of a squash", ["--squash"], "echo x >>file", 1, /Your local changes/],
    ["changes are in the way of a rebase", ["--rebase"], "echo x >>file", 1, /Your local changes/],
    [
      "a new file is in the way",
      [],
      "echo x >new",
      1,
      /untracked working tree files would be overwritten/,
    ],
    [
      "commit-msg says no",
      [],
      `${mine}; ${hook("commit-msg")}; echo x >y`,
      1,
      /no, says commit-msg/,
    ],
    [
      "commit-msg says no to one of all",
      ["--squash"],
      `${mine}; ${hook("commit-msg")}; echo x >y`,
      1,
      /^error: git would not: no, says commit-msg/,
    ],
    [
      "nobody knows who the user is",
      [],
      `${mine}; rm "$HOME/.gitconfig"; git config user.useConfigOnly true`,
      1,
      /no (?:name|email) was given/,
    ],
    [
      "nobody knows who makes one of all",
      ["--squash"],
      `rm "$HOME/.gitconfig"; git config user.useConfigOnly true`,
      1,
      /no (?:name|email) was given/,
    ],
    [
      "a merge is going on",
      [],
      `git switch -qc x; git commit -q --allow-empty -m x; git switch -q main; ${mine}; git merge -q --no-commit --no-ff x`,
      4,
      /^error: the checkout is in the middle of a merge\nhint: git merge --continue, or --abort\n$/,
    ],
    [
      "a rebase is going on",
      [],
      `${mine}; GIT_SEQUENCE_EDITOR='sed -i s/pick/edit/' git rebase -qi HEAD~1 2>/dev/null`,
      4,
      /^error: the checkout is on no branch/,
    ],
  ])("where %s, nothing is changed", async (_, flags, before, exit, said) => {
    const s = repository();
    await s.finish("it", both);
    s.sh("git add -A; git commit -qm rest", s.worktree("it"));
    s.sh(before);
    const was = [usersOwn(s), traces(s)];
    const ran = await s.dispatch("merge", "it", ...flags);
    expect(ran.err).toMatch(said);
    expect(ran).toMatchObject({ exit, out: "" });
    expect([usersOwn(s), traces(s)]).toEqual(was);
    expect((await s.task("it")).worktree).toBe(s.worktree("it"));
  });

  test("without a name of the user's it goes forward all the same", async () => {
    const s = repository();
    await s.finish("it", "echo 4 >>file");
    s.sh('rm "$HOME/.gitconfig"; git config user.useConfigOnly true');
    expect((await s.dispatch("merge", "it")).out).toContain("merged it into main: 1 commit");
    expect(s.sh("git log -1 --format='%an %s'")).toBe("dispatch work of it");
  });

  test("resumed after it came home, a task begins at what it came to", async () => {
    const s = repository();
    await s.finish("it", both);
    await s.dispatch("merge", "it", "--squash");
    s.does("it", "git log --format=%s -n 1; echo 5 >>file");
    await s.dispatch("resume", "it");
    await s.dispatch("wait", "it");
    expect((await s.dispatch("logs", "it", "--raw")).out).toBe("work of it\n");
    expect((await s.dispatch("diff", "it", "--stat")).out).toContain("1 insertion(+)");
    expect((await s.dispatch("clean", "it")).exit).toBe(4);
    expect((await s.dispatch("merge", "it")).out).toContain("merged it into main: 1 commit;");
    expect(s.sh("tail -n 2 file | xargs")).toBe("4 5");
  });
});

describe("a conflict", () => {
  test.each(ways)("by %s changes nothing, and is for the worker to resolve", async (_, flags) => {
    const s = repository();
    await s.finish(
      "it",
      "echo its >>file; git commit -qam second; echo its >'new one'; git add .; git commit -qm third",
    );
    s.sh(
      "echo mine >>file; echo mine >'new one'; git add 'new one'; git commit -qam mine; echo x >y; echo s >staged",
    );
    const was = [usersOwn(s), untouched(s), traces(s)];
    const into = s.sh("git rev-parse --short=12 HEAD");
    expect(await s.dispatch("merge", "it", ...flags)).toEqual({
      exit: 1,
      out: "",
      err: "error: it conflicts with main in file, new one; nothing was changed\nhint: dispatch resume it (its worker is told to resolve it), then merge again\n",
    });
    expect([usersOwn(s), untouched(s), traces(s)]).toEqual(was);
    expect(await s.task("it")).toMatchObject({ state: "done" });

    s.does(
      "it",
      `for last; do :; done; printf '%s\\n' "$last" >"$HOME/told"; git merge -q ${into} >/dev/null; printf 'both\\n' >file; printf 'both\\n' >'new one'; git add -A; git commit -qm resolved`,
    );
    await s.dispatch("resume", "it");
    await s.dispatch("wait", "it");
    expect(readFileSync(join(s.home, "told"), "utf8")).toContain(
      `Your work conflicts with what main holds by now (${into}), in: file, new one. Merge that commit into your branch (\`git merge ${into}\`), resolve the conflicts so that both purposes are kept, see that all still works, and commit.`,
    );
    expect((await s.dispatch("diff", "it", "--stat")).out).toContain("2 files changed");
    const again = flags[0] === "--rebase" ? [] : flags;
    expect((await s.dispatch("merge", "it", ...again)).out).toContain("merged it into main");
    expect(s.sh("cat file 'new one'; git status --porcelain")).toBe("both\nboth\n?? staged\n?? y");
  });
});

test("a file that two workers are changing at once is told, by its own name alone", async () => {
  const s = repository();
  await s.hand("a", "echo a >>file; echo a >only-a; gate a");
  await s.hand("b", "echo b >>file; git commit -qam b; gate b");
  await s.hand("c", "gate c");
  for (const gate of ["a", "b", "c"]) await appears(join(s.env["GATES"]!, gate));
  expect((await s.dispatch("status")).out).toContain("both a and b are changing file\n");
  const both = async () => JSON.parse((await s.dispatch("status", "--json")).out).overlaps;
  expect(await both()).toEqual([{ path: "file", ids: ["a", "b"] }]);
  await s.open("b");
  await s.dispatch("wait", "b");
  // What has ended is for the merge to tell.
  expect(await both()).toEqual([]);
  for (const gate of ["a", "c"]) await s.open(gate);
});

describe("pr", () => {
  const remote = "git init -q --bare ../far; git remote add origin ../far";
  const gh = `{ printf '%s\\n' "$@"; cat; } >"$HOME/gh"; echo https://example.org/pull/1`;
  const items = ["--item", "Mend it", "--item", "Test it"];

  async function withWork(before: string, script: string | null = gh): Promise<Repository> {
    const s = repository(before);
    if (script !== null) s.program("gh", script);
    await s.finish(
      "it",
      `${both}; echo "the findings" >"$DISPATCH_TASK_DIR/output.md"; tick_all`,
      ...items,
    );
    return s;
  }

  test.each([
    [[], "pr create --head dispatch/it --base main --title work of it --body-file -"],
    [
      ["--draft"],
      "pr create --head dispatch/it --base main --title work of it --body-file - --draft",
    ],
    [
      ["--base", "next", "--title", "Mine"],
      "pr create --head dispatch/it --base next --title Mine --body-file -",
    ],
  ])("with %p pushes all of the work, and asks for it", async (flags, argv) => {
    const s = await withWork(remote);
    expect(await s.dispatch("pr", "it", ...flags)).toEqual({
      exit: 0,
      out: "https://example.org/pull/1\n",
      err: "",
    });
    const said = readFileSync(join(s.home, "gh"), "utf8");
    expect(said.split("\n").join(" ")).toStartWith(argv);
    expect(said).toEndWith("- [x] Mend it\n- [x] Test it\n\nthe findings");
    expect(
      s.sh(
        "git log --format=%s dispatch/it; git ls-tree --name-only dispatch/it",
        join(s.project, "../far"),
      ),
    ).toBe("work of it\nsecond\nfirst\nfile\nnew");
    expect(s.sh("git branch --list main", join(s.project, "../far"))).toBe("");
  });

  test.each([
    [
      "gh is not there",
      remote,
      1,
      "GitHub's CLI (gh) is not on PATH; nothing was pushed\nhint: install it; or: git push -u origin dispatch/it",
    ],
    [
      "there is no remote",
      ":",
      4,
      "the repository has no remote to push to\nhint: git remote add origin URL",
    ],
    [
      "it began at no branch",
      `${remote}; git checkout -q --detach`,
      4,
      "it began at no branch; nothing was pushed\nhint: dispatch pr it --base main",
    ],
  ])("where %s, nothing is pushed", async (what, before, exit, said) => {
    const s = await withWork(before, what.startsWith("gh") ? null : gh);
    expect(await s.dispatch("pr", "it")).toEqual({ exit, out: "", err: `error: ${said}\n` });
    expect(existsSync(join(s.home, "gh"))).toBe(false);
    s.sh('[ ! -e ../far ] || [ -z "$(git -C ../far for-each-ref)" ]');
  });

  test("what the remote or gh refuse is said in their words", async () => {
    const s = await withWork(remote, "echo no such base >&2; exit 1");
    expect(await s.dispatch("pr", "it")).toMatchObject({
      exit: 1,
      err: "error: gh would not: no such base; dispatch/it is pushed\nhint: gh pr create --head dispatch/it --base main\n",
    });
    s.sh("rm -r ../far");
    expect((await s.dispatch("pr", "it")).err).toStartWith("error: git would not push: ");
  });

  test("of a task at work, or without a worktree, is refused", async () => {
    const s = repository(remote);
    s.program("gh", gh);
    await s.hand("live", "gate go");
    await s.handHere("here", "");
    await s.dispatch("wait", "here");
    for (const id of ["live", "here"])
      expect(await s.dispatch("pr", id)).toMatchObject({ exit: 4, out: "" });
    expect(existsSync(join(s.home, "gh"))).toBe(false);
  });
});
