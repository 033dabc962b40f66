/** What a worker leaves in its worktree half way through a git operation, and what comes of it. */

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scene } from "./scene.ts";

/** A repository with a fence in it, and a worker that does what each of its runs is to do. */
async function fence(first: string, second: string) {
  const s = scene();
  writeFileSync(join(s.home, ".gitconfig"), "[user]\nname = You\nemail = you@localhost\n");
  const git = async (...argv: string[]) => {
    const child = Bun.spawn(["git", ...argv], { cwd: s.project, env: s.env, stderr: "pipe" });
    const [out, err, exit] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    if (exit !== 0) throw new Error(`git ${argv.join(" ")}: ${err}`);
    return out;
  };
  const build = async (text: string) => {
    writeFileSync(join(s.project, "fence.txt"), text);
    await git("add", "fence.txt");
    await git("commit", "-qm", "Build the fence");
  };
  await git("init", "-q", "-b", "main");
  await build("a fence\n");
  s.program(
    "finishes",
    `exec 2>&1; if [ ! -e "$DISPATCH_TASK_DIR/runs/002" ]; then ${first}\nelse ${second}\nfi; tick_all`,
  );
  const started = await s.dispatch("run", "--worktree", "--id", "paint", "paint the fence");
  expect(started).toMatchObject({ exit: 0 });
  expect((await s.dispatch("wait")).out).toContain("paint done in ");
  return { ...s, git, build, text: () => readFileSync(join(s.project, "fence.txt"), "utf8") };
}

const paint = "echo a red fence >fence.txt; git commit -qam Paint";

test("a merge that was resolved and not committed is committed as one", async () => {
  const s = await fence(paint, "git merge main; echo a long red fence >fence.txt");
  await s.build("a long fence\n");
  expect((await s.dispatch("merge", "paint")).err).toContain("conflicts with main in fence.txt");
  await s.dispatch("resume", "paint");
  expect((await s.dispatch("wait")).out).toContain("paint done in ");
  expect(await s.dispatch("merge", "paint")).toMatchObject({ exit: 0 });
  expect(s.text()).toBe("a long red fence\n");
  expect(await s.git("rev-list", "--count", "--merges", "HEAD")).toBe("1\n");
});

test.each([
  [
    "a merge with conflicts",
    "git merge main",
    "not through with the conflicts in fence.txt",
    "git commit -qam Merge",
  ],
  [
    "a rebase",
    "git rebase main",
    "in the middle of a rebase",
    "git add fence.txt; GIT_EDITOR=true git rebase --continue",
  ],
])("%s is not taken home before it is finished", async (_, half, how, rest) => {
  const s = await fence(paint, half);
  await s.build("a long fence\n");
  await s.dispatch("merge", "paint");
  await s.dispatch("resume", "paint");
  expect((await s.dispatch("wait")).out).toContain("paint done in ");
  const refused = await s.dispatch("merge", "paint");
  expect(refused).toMatchObject({ exit: 1, out: "" });
  expect(refused.err).toStartWith(`error: paint was left ${how}\nhint: dispatch resume paint;`);
  expect(s.text()).toBe("a long fence\n");

  s.program("finishes", `exec 2>&1; echo a long red fence >fence.txt; ${rest}`);
  await s.dispatch("resume", "paint");
  expect((await s.dispatch("wait")).out).toContain("paint done in ");
  expect(await s.dispatch("merge", "paint")).toMatchObject({ exit: 0 });
  expect(s.text()).toBe("a long red fence\n");
});
