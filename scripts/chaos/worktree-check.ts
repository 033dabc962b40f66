/**
 * The checker of worktree storms: with its own git and its own walk over the files, it
 * looks for everything that was written and not left by whoever wrote it.
 */

import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Violation } from "./check.ts";

type Found = Generator<Violation>;

const hash = (bytes: Uint8Array) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

function run(git: string, cwd: string, args: readonly string[], input?: string) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([git, ...args], {
    cwd,
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: cwd, GIT_CONFIG_NOSYSTEM: "1" },
    stdin: input === undefined ? "ignore" : Buffer.from(input),
    maxBuffer: 1 << 28,
  });
  return { code: exitCode, bytes: stdout, out: stdout.toString(), err: stderr.toString() };
}

/** Every content that has to be there is in a file, or reachable in git. */
export function* checkContents(git: string, root: string, diaries: string): Found {
  const there = new Set([...inFiles(root), ...inGit(git, root)]);
  for (const name of readdirSync(diaries)) {
    const wanted = wantedBy(readFileSync(join(diaries, name), "utf8"));
    for (const [sha, how] of wanted)
      if (!there.has(sha)) yield { rule: "nothing is lost", what: `${name}: ${how}` };
  }
}

/** By content, what is known of it: written and not left, or committed. */
function wantedBy(diary: string): Map<string, string> {
  const wanted = new Map<string, string>();
  const places = new Map<string, string>();
  for (const line of diary.split("\n").slice(0, -1)) {
    const [, token, act, sha = "", path = ""] = line.split(" ");
    if (act === "wrote") {
      places.set(sha, path);
      wanted.set(sha, `${path}, ${sha}, by ${token}`);
    }
    if (act === "leaves" && !wanted.get(sha)?.endsWith("committed")) wanted.delete(sha);
    if (act === "committed") wanted.set(sha, `${places.get(sha)}, ${sha}, by ${token}, committed`);
  }
  return wanted;
}

/** Where a person would look: the checkout, the worktrees, what was rescued. Not where things are made or thrown away. */
function* inFiles(root: string): Generator<string> {
  yield* below(root, (path) => path === ".dispatch");
  for (const folder of ["worktrees", "rescued"])
    yield* below(join(root, ".dispatch", folder), () => false);
}

function* below(folder: string, isPassed: (path: string) => boolean): Generator<string> {
  for (const path of paths(folder)) {
    if (isPassed(path.split("/")[0]!)) continue;
    const full = join(folder, path);
    const stat = lstatSync(full);
    if (stat.isSymbolicLink()) yield hash(Buffer.from(readlinkSync(full)));
    else if (stat.isFile()) yield hash(readFileSync(full));
  }
}

/** But for what is git's own. */
function* paths(folder: string, within = ""): Generator<string> {
  const full = join(folder, within);
  if (!existsSync(full)) return;
  for (const entry of readdirSync(full, { withFileTypes: true })) {
    const path = within === "" ? entry.name : `${within}/${entry.name}`;
    if (entry.name === ".git") continue;
    if (entry.isDirectory()) yield* paths(folder, path);
    else yield path;
  }
}

function* inGit(git: string, root: string): Generator<string> {
  const heads = [root, ...worktreesOf(git, root).filter((path) => existsSync(path))].flatMap(
    (path) => {
      const { code, out } = run(git, path, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
      return code === 0 ? [out.trim()] : [];
    },
  );
  const args = ["rev-list", "--objects", "--single-worktree", "--all", ...heads];
  const ids = run(git, root, args)
    .out.split("\n")
    .flatMap((line) => line.split(" ")[0] || []);
  const { bytes } = run(git, root, ["cat-file", "--batch"], `${[...new Set(ids)].join("\n")}\n`);
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at);
    const [, type, size] = bytes.subarray(at, end).toString().split(" ");
    if (type === "missing" || size === undefined) {
      at = end + 1;
      continue;
    }
    if (type === "blob") yield hash(bytes.subarray(end + 1, end + 1 + Number(size)));
    at = end + 1 + Number(size) + 1;
  }
}

const worktreesOf = (git: string, root: string) =>
  run(git, root, ["worktree", "list", "--porcelain"])
    .out.split("\n")
    .filter((line) => line.startsWith("worktree "))
    .map((line) => line.slice("worktree ".length));

/** The checkout is as the user has left it, and what git keeps is whole. */
export function* checkRepository(git: string, root: string, dirty: ReadonlySet<string>): Found {
  const rule = "the checkout is the user's";
  for (const name of [
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "rebase-merge",
    "rebase-apply",
    "index.lock",
  ])
    if (existsSync(join(root, ".git", name))) yield { rule, what: `there is ${name}` };
  const status = run(git, root, [
    "status",
    "--porcelain",
    "-z",
    "--no-renames",
    // A folder that holds the user's own file alone would be told in its place.
    "--untracked-files=all",
    "--ignore-submodules",
  ]);
  if (status.code !== 0) yield { rule, what: status.err };
  for (const entry of status.out.split("\0").filter(Boolean))
    if (!dirty.has(entry.slice(3))) yield { rule, what: `git status: ${entry}` };
  for (const path of paths(root)) {
    if (path.startsWith(".dispatch/") || lstatSync(join(root, path)).isSymbolicLink()) continue;
    if (/^(?:<{7}|>{7}) /m.test(readFileSync(join(root, path), "utf8")))
      yield { rule, what: `${path} holds conflict markers` };
  }
  const fsck = run(git, root, ["fsck", "--no-dangling", "--no-progress"]);
  const bad = `${fsck.out}${fsck.err}`
    .split("\n")
    .filter((line) => /^(?:error|missing|broken)/.test(line));
  if (bad.length > 0) yield { rule: "git fsck is clean", what: bad.join(" | ") };
}

/** Every worktree that git knows has its folder, and every such folder is known. */
export function* checkTrees(git: string, root: string): Found {
  const rule = "worktrees and their folders agree";
  const known = worktreesOf(git, root);
  for (const path of known) if (!existsSync(path)) yield { rule, what: `${path} has no folder` };
  for (const path of known) if (path.includes("/staging/")) yield { rule, what: `${path} is left` };
  const folder = join(root, ".dispatch/worktrees");
  for (const name of existsSync(folder) ? readdirSync(folder) : [])
    if (!known.includes(join(folder, name))) yield { rule, what: `${name} is not known` };
  const admin = join(root, ".git/worktrees");
  const count = existsSync(admin) ? readdirSync(admin).length : 0;
  if (count !== known.length - 1)
    yield { rule, what: `${readdirSync(admin).join(", ")} in .git/worktrees: ${known.join(", ")}` };
}

/** All that a checkout holds, and where it stands. */
export function fingerprint(git: string, path: string): string {
  const files = [...paths(path)]
    .sort()
    .map((name) => `${name} ${hash(readFileSync(join(path, name)))}`);
  const { out } = run(git, path, ["rev-parse", "HEAD", "--symbolic-full-name", "HEAD"]);
  const status = run(git, path, ["--no-optional-locks", "status", "--porcelain"]).out;
  return [...files, out, status].join("\n");
}
