/**
 * A scene in real git: the project is a checkout with one commit, and each task's
 * worker does what the test has written down for it.
 */

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Ran, type Scene, scene } from "./scene.ts";

export interface Repository extends Scene {
  /** Runs a script in the checkout, or elsewhere; its output without the last newline. Throws where it fails. */
  sh: (script: string, cwd?: string) => string;
  /** Hands over a task in a worktree of its own, whose worker does this and ticks its items. */
  hand: (id: string, work: string, ...flags: string[]) => Promise<Ran>;
  /** The same without a worktree. */
  handHere: (id: string, work: string, ...flags: string[]) => Promise<Ran>;
  /** The same in a worktree, and waits for its end; its `status --json`. */
  finish: (id: string, work: string, ...flags: string[]) => Promise<any>;
  /** What the task's worker does from now on. */
  does: (id: string, work: string) => void;
  worktree: (id: string) => string;
  /** More lines for the config. */
  configure: (lines: string) => void;
}

/** @param before runs in the checkout, after its first commit */
export function repository(before = ""): Repository {
  const s = scene();
  rmSync(join(s.project, ".git"), { recursive: true });
  const scripts = join(s.home, "does");
  mkdirSync(scripts);
  writeFileSync(
    join(s.home, ".gitconfig"),
    "[user]\n  name = A\n  email = a@b\n[init]\n  defaultBranch = main\n",
  );
  const config = `default: works
limits: { parallel: 99, stagger: 0s }
backends: { works: { command: works } }
models: { works: { backend: works } }
`;
  s.config(config);
  s.program("works", `. "$HOME/does/$DISPATCH_TASK" || exit; tick_all`);

  const sh: Repository["sh"] = (script, cwd = s.project) => {
    const { exitCode, stdout, stderr } = Bun.spawnSync(["/bin/sh", "-ec", script], {
      cwd,
      env: s.env,
    });
    if (exitCode !== 0) throw new Error(`${script}: ${stderr.toString()}`);
    return stdout.toString().trimEnd();
  };
  const does: Repository["does"] = (id, work) => writeFileSync(join(scripts, id), `${work}\n`);
  const handHere: Repository["handHere"] = (id, work, ...flags) => {
    does(id, work);
    return s.dispatch("run", "--id", id, ...flags, `work of ${id}`);
  };
  const hand: Repository["hand"] = (id, work, ...flags) => handHere(id, work, "-w", ...flags);
  sh(
    `git init -q . && printf '1\\n2\\n3\\n' >file && git add -A && git commit -qm first\n${before}`,
  );
  return {
    ...s,
    sh,
    does,
    hand,
    handHere,
    finish: async (id, work, ...flags) => {
      const { exit, err } = await hand(id, work, ...flags);
      if (exit !== 0) throw new Error(err);
      await s.dispatch("wait", id);
      return s.task(id);
    },
    worktree: (id) => join(s.project, ".dispatch/worktrees", `dispatch-${id}`),
    configure: (lines) => s.config(`${config}${lines}\n`),
  };
}

/** What the user has of it: all that a command which was refused must leave as it is. */
export const usersOwn = (s: Repository): string =>
  s.sh(`git rev-parse HEAD; git symbolic-ref -q HEAD || :; git ls-files --stage
    git for-each-ref --format='%(refname) %(objectname)' | grep -v dispatch || :
    ls -d .git/*_HEAD .git/*MSG .git/rebase* 2>/dev/null | grep -v 'ORIG_HEAD\\|COMMIT_EDITMSG' || :
    find . \\( -name .git -o -name .dispatch \\) -prune -o -type f -print0 | sort -z | xargs -0 sha1sum`);

/** Git's own files, byte for byte, of which what is refused must change none. */
export const untouched = (s: Repository): string => s.sh("sha1sum .git/index .git/*HEAD");

/** All that a task with a worktree could leave behind: tasks, worktrees, branches, what was rescued, what git knows of. */
export const traces = (s: Repository): string =>
  s.sh(`find .dispatch/tasks .dispatch/worktrees .dispatch/rescued .git/worktrees -mindepth 1 -maxdepth 1 2>/dev/null | sort
    git for-each-ref --format='%(refname)' refs/heads/dispatch refs/dispatch`);

/** Each file, folder and link below the project, git's own too, with its size and time; of git's objects the names. What is kept of what goes on is passed over. */
export const everything = (s: Repository): string =>
  s.sh(String.raw`find . -path './.git/objects*' -printf '%p %y\n' \
    -o \( -name journal.log -o -name supervisor.lock -o -name spent.jsonl -o -name told \) -prune \
    -o -name .dispatch -printf '%p %y\n' -o -printf '%p %y %s %T@\n' | sort`);

/** A submodule `sub`, which holds a submodule `deep`; neither can be had from where it came any more. */
export const submodules = `
  cd "$HOME" && git init -q deep && echo 1 >deep/f && git -C deep add f && git -C deep commit -qm deep
  git init -q sub && cd sub && echo 1 >f
  git -c protocol.file.allow=always submodule --quiet add "$HOME/deep" deep
  git add -A && git commit -qm sub && cd "$OLDPWD/../project"
  git -c protocol.file.allow=always submodule --quiet add "$HOME/sub" sub
  git -c protocol.file.allow=always submodule --quiet update --init --recursive
  git -C sub/deep switch -q main
  git commit -qam "a submodule"; mv "$HOME/sub" "$HOME/deep" "$TMPDIR"`;
