/**
 * Tasks in worktrees of a real repository, and what is left when somebody is killed on
 * the way: at a call of git that is aimed at, the caller ends as `kill -9` would end it.
 */

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Ran, type Scene, scene } from "./scene.ts";

const realGit = Bun.which("git")!;

interface Repository extends Scene {
  /** The user's own git, in the checkout. */
  git: (...args: string[]) => string;
  /** Runs `dispatch ARGV`, which is ended before or after the first call of git whose words hold `call`. */
  killed: (when: "before" | "after", call: string, ...argv: string[]) => Promise<Ran>;
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
  // A caller that is not one of ours is never ended: only dispatch is told of an aim.
  s.program(
    "git",
    `case "\${AIM:-}" in
     before) case "$*" in *"$AIM_CALL"*) kill -9 $PPID $$ ;; esac ;;
     after) case "$*" in *"$AIM_CALL"*) ${realGit} "$@"; kill -9 $PPID $$ ;; esac ;;
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
