/** Worktrees that go: what is nowhere else is kept before they do, and every byte of it can be had back. */

import { describe, expect, test } from "bun:test";
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import {
  everything,
  repository,
  type Repository,
  submodules,
  traces,
  usersOwn,
} from "./repository.ts";
import { binary } from "./scene.ts";

/** Every file below a folder but git's own, with its mode and content. */
const contents = `find . -name .git -prune -o -name .dispatch -prune -o -type l -printf '%P -> %l\\n' -o -type f -printf '%P %m ' -exec sh -c 'sha1sum <"$1"' - {} \\; | sort`;

describe("clean", () => {
  test.each([
    ["a commit", "echo 4 >>file; git commit -qam second", "1 commit"],
    ["a change", "echo 4 >>file", "1 file not committed"],
    [
      "what is staged",
      "echo 4 >>file; git add file; git show HEAD:file >file",
      "1 file not committed",
    ],
    ["a new file", "touch new", "1 file not committed"],
    ["a file that is gone", "rm file", "1 file not committed"],
    [
      "a repository",
      "git init -q in; git -C in commit -q --allow-empty -m in",
      "1 file not committed",
    ],
    ["a repository without a commit", "git init -q in; echo 1 >in/f", "1 file not committed"],
    [
      "a commit and a file",
      "git commit -q --allow-empty -m x; touch a b",
      "1 commit and 2 files not committed",
    ],
    [
      "a commit on its branch, and another on none",
      "git commit -q --allow-empty -m x; git checkout -q --detach HEAD~1; git commit -q --allow-empty -m y",
      "2 commits",
    ],
    [
      "a commit on a branch of its own",
      "git switch -qc dispatch/mine; git commit -q --allow-empty -m x",
      "1 commit",
    ],
  ])("keeps a task that holds %s", async (_, work, why) => {
    const s = repository();
    await s.finish("it", work);
    await s.handHere("other", "");
    await s.dispatch("wait");
    const was = traces(s);
    const tree = s.sh(contents, s.worktree("it"));
    expect(await s.dispatch("clean", "it")).toEqual({
      exit: 4,
      out: "",
      err: `error: it holds ${why}, nowhere else; nothing was removed\nhint: dispatch merge it; or dispatch clean it --unmerged, which keeps it under refs/dispatch/rescue\n`,
    });
    const dry = `would remove other\nwould keep it: ${why}, nowhere else\n`;
    expect(await s.dispatch("clean", "--dry-run")).toEqual({ exit: 0, out: dry, err: "" });
    expect(traces(s)).toBe(was);
    const said = `removed other\nkept it: ${why}, nowhere else\n`;
    expect(await s.dispatch("clean")).toEqual({ exit: 0, out: said, err: "" });
    expect(traces(s)).toBe(was.replace(".dispatch/tasks/other\n", ""));
    expect(s.sh(contents, s.worktree("it"))).toBe(tree);
  });

  test.each([
    ["nothing", "", ""],
    ["nothing that is its own", "git checkout -q --detach", ""],
    ["what was merged", "echo 4 >>file", "dispatch merge it --keep"],
    [
      "what was squashed",
      "echo 4 >>file; git commit -qam second; echo 5 >>file",
      "dispatch merge it --squash --keep",
    ],
    [
      "what is on another branch",
      "git commit -q --allow-empty -m x",
      "git branch mine dispatch/it",
    ],
    ["what has a tag", "git commit -q --allow-empty -m x", "git tag mine dispatch/it"],
    [
      "what was pushed",
      "git commit -q --allow-empty -m x",
      "git init -q --bare ../far; git remote add origin ../far; git push -q origin dispatch/it",
    ],
  ])("removes one that holds %s", async (_, work, then) => {
    const s = repository();
    await s.finish("it", work);
    s.sh(then.replace(/^dispatch/, binary));
    expect((await s.dispatch("clean")).out).toMatch(/^removed it\n(?:kept: refs\/dispatch.*\n)?$/);
    expect(traces(s).replace(/refs\/dispatch\/rescue\S+$/, "")).toBe("");
  });
});

/** Takes back what `clean` says that it has kept, by the commands that it prints, and looks. */
function takenBack(s: Repository, said: string): string {
  const back = join(s.home, "back");
  const [first, ...others] = [...said.matchAll(/to get it back: (.*)\)/g)].map(([, line]) => line!);
  s.sh(
    first === undefined
      ? `git worktree add -q --detach ${back}`
      : `${first.replace("NAME", "back")}; git worktree add -q ${back} back`,
  );
  for (const [index, line] of others.entries()) s.sh(line.replace("NAME", `back-${index}`));
  const folder = /^kept: (\/.*)$/m.exec(said)?.[1];
  if (folder !== undefined) cpSync(folder, back, { recursive: true, verbatimSymlinks: true });
  return s.sh(contents, back);
}

describe("clean --unmerged saves", () => {
  test.each([
    ["commits", "echo 4 >>file; git commit -qam second"],
    [
      "what is staged, changed, new and gone",
      "echo 4 >>file; mkdir d; echo 1 >d/staged; git add d; echo 2 >>d/staged; echo 3 >new; chmod +x new; ln -s d link; git mv file moved; rm d/staged",
    ],
    [
      "commits and the rest",
      "echo 4 >>file; git commit -qam second; echo 5 >>file; rm -f none; touch ünï 'a b'",
    ],
    [
      "what is ignored, and not as it came along",
      "echo own >>.env; echo 1 >new.log; mkdir d; echo 2 >d/deep.log; ln -s nowhere link.log",
    ],
    [
      "a repository that it has made",
      "git init -q in; cd in; echo 1 >f; git add f; git commit -qm in; echo 2 >>f; echo 3 >new; cd ..",
    ],
    ["a repository without a commit", "git init -q in; echo 1 >in/f; echo 4 >>file"],
    [
      "a repository deep in a folder",
      "mkdir -p a/b; git init -q a/b/in; echo 1 >a/b/in/f; echo 1 >a/f",
    ],
    [
      "a repository that it has added",
      "git init -q in; git -C in commit -q --allow-empty -m in; echo 1 >in/f; git add in 2>/dev/null; git commit -qm in",
    ],
    [
      "a tracked folder that became a repository",
      "mkdir d; echo 1 >d/f; git add d; git commit -qm d; git init -q d; echo 2 >>d/f; echo 3 >d/new",
    ],
    [
      "a repository that is ignored",
      "git init -q in.log; git -C in.log commit -q --allow-empty -m in; echo 1 >in.log/f",
    ],
    [
      "commits at a detached HEAD",
      "git checkout -q --detach; echo 4 >>file; git commit -qam second",
    ],
    ["a new root", "git checkout -q --orphan mine; echo 4 >>file"],
  ])("%s", async (_, work) => {
    const s = repository(
      `printf '*.log\\n.env\\n' >.gitignore; git add -A; git commit -qm more; echo key >.env`,
    );
    s.configure("worktree: { copy: [.env] }");
    await s.finish("it", work);
    const had = s
      .sh(contents, s.worktree("it"))
      .replace(/^\.env 644 \S+ .*\n/m, (line) => (/own/.test(work) ? line : ""));
    const was = usersOwn(s);
    const ran = await s.dispatch("clean", "it", "--unmerged");
    expect(ran).toMatchObject({ exit: 0, err: "" });
    expect(ran.out).toStartWith("removed it\nkept: ");
    expect(usersOwn(s)).toBe(was);
    expect(traces(s)).not.toContain("refs/heads/dispatch");
    expect(traces(s)).not.toContain("worktrees/");
    expect(takenBack(s, ran.out)).toBe(had);
  });

  test("the branch beside a detached HEAD", async () => {
    const s = repository();
    await s.finish(
      "it",
      "git commit -q --allow-empty -m on; git checkout -q --detach HEAD~1; git commit -q --allow-empty -m off",
    );
    const { out } = await s.dispatch("clean", "it", "--unmerged");
    takenBack(s, out);
    expect(s.sh("git log -1 --format=%s back; git log -1 --format=%s back-0")).toBe("off\non");
  });

  test.each([
    ["a submodule's commits", "cd sub; echo 2 >>f; git commit -qam second", ["sub"]],
    ["what is not committed in it", "cd sub; echo 2 >>f; echo 3 >new", ["sub"]],
    [
      "one that is further in",
      "cd sub/deep; echo 2 >>f; git commit -qam second; echo 3 >new",
      ["sub/deep"],
    ],
    [
      "both",
      "cd sub; echo 2 >>f; cd deep; echo 2 >>f; git commit -qam second",
      ["sub", "sub/deep"],
    ],
  ])("of submodules %s", async (_, work, changed) => {
    const s = repository(submodules);
    await s.finish("it", `${work}; cd "$OLDPWD"`);
    const had = changed.map((path) =>
      s.sh(
        contents.replaceAll("-name .git -prune", "-name .git -prune -o -name deep -prune"),
        join(s.worktree("it"), path),
      ),
    );
    const { out } = await s.dispatch("clean", "it", "--unmerged");
    expect(out).toStartWith("removed it\n");
    const refs = [...out.matchAll(/^kept: (refs\S+)/gm)].map(([, ref]) => ref!);
    for (const tree of had) {
      const back = refs.map((ref, index) => {
        s.sh(`git worktree add -q --detach ~/back-${index} ${ref}`);
        return s.sh(contents, join(s.home, `back-${index}`));
      });
      expect(back).toContain(tree);
      s.sh("rm -r ~/back-*; git worktree prune");
    }
  });
});

describe("nothing that a worker has written down for git is run:", () => {
  const evil = `git config filter.evil.clean 'touch "$HOME/ran"; cat'; git config core.fsmonitor 'touch "$HOME/ran"'
    git config core.hooksPath "$HOME"; echo '* filter=evil' >.gitattributes`;

  test.each([
    [
      "in a repository of its own",
      `git init -q in; cd in; echo 1 >f; git add f; git commit -qm in; ${evil}`,
    ],
    [
      "in one that it has committed",
      `git init -q in; cd in; echo 1 >f; git add f; git commit -qm in; cd ..; git add in 2>&-; git commit -qm in; cd in; ${evil}`,
    ],
    [
      "in one that it says is a submodule",
      `git init -q in; cd in; echo 1 >f; git add f; git commit -qm in; cd ..; git add in 2>&-; printf '[submodule "in"]\n\tpath = in\n\turl = x\n' >.gitmodules; cd in; ${evil}`,
    ],
    ["in a submodule", `cd sub; ${evil}`],
    [
      "in its worktree's own config",
      `cd sub; mv ../.git ../git; cp -r "$(git rev-parse --git-dir)" ../.git; cd ..; git config --unset core.worktree; ${evil}`,
    ],
  ])("%s", async (_, work) => {
    const s = repository(submodules);
    await s.finish("it", `${work}; touch -d yesterday f; rm -f "$HOME/ran"`);
    await s.dispatch("result", "it");
    await s.dispatch("diff", "it");
    await s.dispatch("status", "it");
    await s.dispatch("clean", "it");
    await s.dispatch("merge", "it", "--keep");
    await s.dispatch("clean", "it", "--unmerged");
    expect(existsSync(join(s.home, "ran"))).toBe(false);
  });

  test.each([
    ["its index", "$admin/index"],
    ["its way back", ".git"],
  ])("nor is anything waited for where it made a pipe of %s", async (_, path) => {
    const s = repository();
    await s.finish(
      "it",
      `echo 4 >>file; git commit -qam second; admin=$(git rev-parse --git-dir); rm "${path}"; mkfifo "${path}"`,
    );
    for (const command of ["status", "result", "diff", "merge"]) await s.dispatch(command, "it");
    await s.dispatch("clean", "it", "--unmerged");
    expect(s.sh("git for-each-ref --contains :/second")).not.toBe("");
  });
});

describe("while it cannot be, nothing goes:", () => {
  test("somebody stands in it", async () => {
    const s = repository();
    await s.finish("it", "mkdir d; echo 4 >>file");
    const was = everything(s);
    const env = { ...s.env };
    const person = Bun.spawn(["sh", "-c", "echo here; read _"], {
      cwd: join(s.worktree("it"), "d"),
      env,
      stdin: "pipe",
      stdout: "pipe",
    });
    await person.stdout.getReader().read();
    const said = `the worktree of it is in use (process ${person.pid}); nothing was removed`;
    expect(await s.dispatch("clean", "it", "--unmerged")).toEqual({
      exit: 4,
      out: "",
      err: `error: ${said}\nhint: leave it, or end them; it is ${s.worktree("it")}\n`,
    });
    expect(await s.dispatch("clean", "--unmerged")).toMatchObject({
      exit: 0,
      out: `nothing to remove\nkept it: ${said}\n`,
    });
    const still = (text: string) =>
      text.replaceAll(
        /^\.\/?\S*(?:index|staging|tasks|(?:supervisor|worktrees)\.lock|journal\.log|told\S*|\.dispatch|rescued|worktrees\/dispatch-it) \S .*\n/gm,
        "",
      );
    expect(still(everything(s))).toBe(still(was));
    const merged = await s.dispatch("merge", "it");
    expect(merged.out).toBe(
      `merged it into main: 1 commit; 1 file that its worker had not committed; its worktree stays (${said})\n`,
    );
    void person.stdin.end();
    await person.exited;
    expect((await s.dispatch("clean", "it")).out).toBe("removed it\n");
  });

  const mayMount = Bun.spawnSync(["unshare", "-m", "true"]).exitCode === 0;
  // Only where mounts can be made apart from everybody else's; root may write everywhere else.
  test.skipIf(!mayMount).each([
    [
      "its objects cannot be written",
      "mount --bind .git/objects .git/objects; mount -o remount,bind,ro .git/objects",
    ],
    [
      "its refs cannot be written",
      "mount --bind .git/refs .git/refs; mount -o remount,bind,ro .git/refs",
    ],
    [
      "what git does not keep has no place",
      "mkdir .dispatch/rescued; mount --bind .dispatch/rescued .dispatch/rescued; mount -o remount,bind,ro .dispatch/rescued",
    ],
    [
      "the disk is full",
      'cp -r .git/objects "$TMPDIR/o"; mount -t tmpfs -o size=256k none .git/objects; cp -r "$TMPDIR/o/." .git/objects; head -c 1M /dev/zero >.git/objects/full || :',
    ],
  ])("%s", async (_, mounts) => {
    const s = repository();
    await s.finish(
      "it",
      "echo '*.log' >.gitignore; echo 1 >a.log; head -c 20000 /dev/urandom >new; git add new; git commit -qm second; echo 4 >>file",
    );
    const was = [traces(s), s.sh(contents, s.worktree("it")), usersOwn(s)];
    const ran = Bun.spawnSync(
      [
        "unshare",
        "-m",
        "sh",
        "-c",
        `(${mounts}) >/dev/null 2>&1; exec "$0" clean it --unmerged`,
        binary,
      ],
      { cwd: s.project, env: s.env },
    );
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr.toString()).toStartWith("error: ");
    expect(ran.stderr.toString()).not.toContain("bug in dispatch");
    const strip = (text: string) =>
      text.replace(/\n?refs\/dispatch\S+/g, "").replace(/\.dispatch\/rescued\S*\n/g, "");
    expect([strip(traces(s)), s.sh(contents, s.worktree("it")), usersOwn(s)]).toEqual(was);
    const { out } = await s.dispatch("clean", "it", "--unmerged");
    expect(takenBack(s, out)).toBe(was[1]!);
  });
});

describe("doctor", () => {
  /** Three tasks whose folders are deleted by hand: with work, without, and one whose worktree is gone too. */
  async function strays(): Promise<Repository> {
    const s = repository(
      'git worktree add -q "$HOME/mine"; git worktree add -q .dispatch/worktrees/other; git worktree add -q "$HOME/dispatch-far"',
    );
    await s.finish("work", "echo 4 >>file; git commit -qam second; echo 5 >>file; echo 1 >new");
    await s.finish("none", "");
    await s.finish("gone", "echo 4 >>file; git commit -qam second");
    await s.finish("kept", "");
    s.sh(
      "rm -r .dispatch/tasks/work .dispatch/tasks/none .dispatch/tasks/gone .dispatch/worktrees/dispatch-gone",
    );
    return s;
  }

  test("tells of worktrees without a task, and touches none", async () => {
    const s = await strays();
    const was = everything(s);
    expect(await s.dispatch("doctor")).toEqual({
      exit: 0,
      out: `config: its default is works
no agent CLI on PATH
worktree without a task: gone (its folder is gone), 1 commit and 0 uncommitted files that are nowhere else
worktree without a task: ${s.worktree("none")}, nothing in it that is not elsewhere
worktree without a task: ${s.worktree("work")}, 1 commit and 2 uncommitted files that are nowhere else
next: dispatch doctor --fix (those that hold work become tasks again)
`,
      err: "",
    });
    expect(JSON.parse((await s.dispatch("doctor", "--json")).out)).toMatchObject({
      strays: [
        { id: "gone", path: null, unsaved: { commits: 1, files: 0 } },
        { id: "none", path: s.worktree("none"), unsaved: { commits: 0, files: 0 } },
        { id: "work", path: s.worktree("work"), unsaved: { commits: 1, files: 2 } },
      ],
      mended: [],
    });
    expect(everything(s)).toBe(was);
  });

  test("--fix makes tasks of those that hold work, and removes the others; the user's own stay", async () => {
    const s = await strays();
    const { out } = await s.dispatch("doctor", "--fix");
    expect(out).toMatch(
      /^removed the worktree gone\nkept: (refs\/dispatch\/rescue\/gone\/\S+) \(to get it back: git branch NAME \1\)\nremoved the worktree none\nwork is a task again: dispatch diff work, dispatch merge work, dispatch clean work$/m,
    );
    expect(s.sh("git worktree list --porcelain | sed -n 's/^worktree //p'").split("\n")).toEqual(
      [
        s.project,
        s.worktree("kept"),
        s.worktree("work"),
        join(s.project, ".dispatch/worktrees/other"),
        join(s.home, "dispatch-far"),
        join(s.home, "mine"),
      ].sort((a, b) => (a === s.project ? -1 : b === s.project ? 1 : a.localeCompare(b))),
    );
    expect((await s.dispatch("doctor")).out).toContain("no worktree without a task\n");
    expect(await s.task("work")).toMatchObject({
      state: "stopped",
      branch: "dispatch/work",
      worktree: s.worktree("work"),
    });
    expect((await s.dispatch("diff", "work", "--stat")).out).toContain(
      "2 files changed, 3 insertions(+)",
    );
    expect((await s.dispatch("clean", "work")).err).toContain(
      "work holds 1 commit and 2 files not committed",
    );
    expect((await s.dispatch("merge", "work")).out).toBe(
      "merged work into main: 2 commits; 2 files that its worker had not committed\n",
    );
    expect(s.sh("tail -n 2 file | xargs; git log --format=%s")).toBe(
      "4 5\nThe worktree work, found without its task\nsecond\nfirst",
    );
    expect((await s.dispatch("clean", "work")).out).toBe("removed work\n");
  });

  test.each([
    ["that git does not know any more", "rm -r .git/worktrees/dispatch-it"],
    ["whose way to git is gone", "rm .dispatch/worktrees/dispatch-it/.git"],
    [
      "whose branch is gone",
      "cd .dispatch/worktrees/dispatch-it; git checkout -q --detach; git branch -q -D dispatch/it",
    ],
  ])("--fix loses nothing of a folder %s", async (_, breaks) => {
    const s = repository();
    await s.finish("it", "echo 4 >>file; git commit -qam second; echo 5 >>file; echo 1 >new");
    const had = s.sh(contents, s.worktree("it"));
    const second = s.sh("git rev-parse dispatch/it");
    s.sh(`rm -r .dispatch/tasks/it; ${breaks}`);
    expect((await s.dispatch("doctor")).exit).toBe(0);
    const { out, exit } = await s.dispatch("doctor", "--fix");
    expect(exit).toBe(0);
    const folder = /^kept: (\/.*)$/m.exec(out)?.[1] ?? s.worktree("it");
    expect(s.sh(contents, folder)).toBe(had);
    expect(s.sh("git rev-list --all; git worktree list --porcelain")).toContain(second);
    expect((await s.dispatch("doctor")).out).toContain("no worktree without a task\n");
  });

  test("outside of a checkout there is nothing to tell", async () => {
    const s = repository("rm -r .git");
    expect((await s.dispatch("doctor")).out).toContain("no worktree without a task\n");
  });
});
