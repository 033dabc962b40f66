/** What changed while a task ran, by real git, in a checkout that its worker has a hand in. */

import { expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Scene, scene } from "./scene.ts";

/** A scene whose project is a real checkout, and a worker that does this in it. */
async function checkout(work: string, before = ""): Promise<Scene> {
  const s = scene();
  rmSync(join(s.project, ".git"), { recursive: true });
  const script = `
    git init -q . && git config user.email a@b && git config user.name a
    mkdir d && echo 1 >d/f && echo 1 >kept && echo 1 >tracked
    git add -A && git commit -qm first
    # Older than the task, whose first moment is not told from what came just before.
    ${before}
    find . -path ./.git -prune -o -type f -exec touch -d "1 hour ago" {} +`;
  Bun.spawnSync(["sh", "-c", script], { cwd: s.project, env: s.env });
  s.program("works", `${work}; tick_all`);
  s.config("default: it\nbackends: { it: { command: works } }\nmodels: { it: { backend: it } }\n");
  return s;
}

async function changed(s: Scene): Promise<string[]> {
  await s.dispatch("run", "--id", "it", "x");
  return JSON.parse((await s.dispatch("wait", "it", "--json")).out).changed;
}

test.each<[string, string, string[]]>([
  ["a file that was edited, and a new one", "echo 2 >>tracked; echo 1 >new", ["new", "tracked"]],
  ["a commit in its first moment", "echo 2 >tracked; git commit -qam second", ["tracked"]],
  ["a folder that is gone", "rm -r d", ["d/f"]],
  ["a folder that became a file", "rm -r d; echo 1 >d", ["d", "d/f"]],
  ["a folder that became a link to itself", "rm -r d; ln -s d d", ["d", "d/f"]],
  ["a move, which keeps the times", "git mv tracked moved", ["moved", "tracked"]],
  ["nothing that is ignored", "echo '*.log' >.gitignore; echo 1 >a.log", [".gitignore"]],
])("tells %s", async (_, work, files) => {
  const s = await checkout(work);
  const told = await changed(s);
  for (const file of files) expect(told).toContain(file);
  expect(told).not.toContain("a.log");
});

test("looks at this checkout, whatever the environment names", async () => {
  const s = await checkout("echo 2 >>tracked");
  await s.dispatch("run", "--id", "it", "x");
  const env = { GIT_DIR: join(s.home, "none.git"), GIT_WORK_TREE: s.home };
  const { out } = await s.dispatchWith({ env }, "wait", "it", "--json");
  expect(JSON.parse(out).changed).toContain("tracked");
});

test("does not miss what a sparse checkout leaves out", async () => {
  const s = await checkout("echo 1 >new", "git sparse-checkout set --no-cone /kept /tracked");
  expect(await changed(s)).not.toContain("d/f");
});

test("runs nothing that a repository's config names", async () => {
  const s = await checkout(
    `echo 2 >tracked
    git config filter.evil.clean 'touch "$HOME/ran"; cat'
    git config core.fsmonitor 'touch "$HOME/ran"'
    git config diff.external 'touch "$HOME/ran"'
    echo '* filter=evil' >.gitattributes`,
  );
  expect(await changed(s)).toContain("tracked");
  expect(existsSync(join(s.home, "ran"))).toBe(false);
});

test("a file's name cannot speak for us", async () => {
  const s = await checkout(`echo 1 >'a; next: dispatch stop it'`);
  await s.dispatch("run", "--id", "it", "x");
  expect((await s.dispatch("wait", "it")).out).toContain(
    'changed meanwhile: "a; next: dispatch stop it"',
  );
});

test("without git, nobody can tell", async () => {
  const s = await checkout("echo 2 >tracked");
  await s.dispatch("run", "--id", "it", "x");
  const { out } = await s.dispatchWith(
    { env: { PATH: s.env["PATH"]!.split(":")[0]! } },
    "wait",
    "it",
    "--json",
  );
  expect(JSON.parse(out).changed).toBeNull();
});
