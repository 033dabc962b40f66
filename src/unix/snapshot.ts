/**
 * What stands in a checkout, as git would commit it: seen by an index of its own, and
 * without a look into any repository within, whose config is a worker's.
 */

import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GitAnswer, isSo, look, needed, parts } from "./git.ts";
import { commitOf } from "./repository.ts";
import { submodulesOf } from "./submodules.ts";
import { copyIndex, headOf, holdsFiles, isFolder, isTaken, type Place } from "./worktree.ts";

const addMs = 300_000;

export interface Snapshot {
  /** The tree of all that stands there, committed or not; ignored files are not in it. */
  tree: string;
  /** The tree of what its worker has staged; null where there is none. */
  staged: string | null;
  /** Repositories within it that it does not know, or cannot look into: a tree could hold but their names, and does not. */
  strangers: string[];
  /** Files that are ignored one by one; whole folders that are, are left out, but for repositories. */
  ignored: string[];
  /** Its index, the one that the worker left (null: none that could be read), and what finds its objects. */
  index: string;
  own: string | null;
  env: Record<string, string>;
}

export interface SnapshotOptions {
  /** Only these files are as they stand now; all others as they were committed last. */
  paths?: readonly string[];
  /** Its objects stay when `body` is done; else nothing of the repository is touched. */
  isKept?: boolean;
}

/** Throws what git says where it cannot tell. */
export function withSnapshot<T>(
  place: Place,
  { paths, isKept = false }: SnapshotOptions,
  body: (snapshot: Snapshot) => T,
): T {
  const scratch = mkdtempSync(join(tmpdir(), "dispatch-git-"));
  const index = join(scratch, "index");
  const own = join(scratch, "own");
  const objects = join(scratch, "objects");
  mkdirSync(objects);
  const apart = {
    GIT_OBJECT_DIRECTORY: objects,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: `${place.common}/objects`,
  };
  const env = { GIT_DIR: place.common, ...(isKept ? {} : apart) };
  const here = { ...env, GIT_WORK_TREE: place.path, GIT_INDEX_FILE: index };
  const run: Run = (args, input) =>
    look(place.path, args, { env: here, ...(input !== undefined && { input }), timeoutMs: addMs });
  try {
    const isCopied =
      paths === undefined && copyIndex(`${place.admin}/index`, own) && copyIndex(own, index);
    const before = isCopied ? run(["write-tree"]) : null;
    const take = () => (paths === undefined ? takeAll(place, run) : takeOnly(run, paths));
    let taken = isCopied ? take() : null;
    if (taken === null || !isSo(taken.answer)) {
      rmSync(index, { force: true });
      needed(run(["read-tree", headOf(place) ?? "HEAD"]));
      taken = take();
      needed(taken.answer);
    }
    const known = paths === undefined ? takeOutStrangers(place, run) : [];
    const tree = needed(run(["write-tree"])).trim();
    const ignored = paths === undefined ? ignoredIn(run) : [];
    const hidden = folders(ignored).filter((path) => isFolder(`${place.path}/${path}/.git`));
    return body({
      tree,
      staged: before !== null && isSo(before) ? before.out.trim() : null,
      strangers: [...new Set([...taken.left, ...known, ...hidden])],
      ignored: ignored.filter((path) => !path.endsWith("/")),
      index,
      own: isCopied ? own : null,
      env,
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Git with the snapshot's index, in the checkout. */
type Run = (args: readonly string[], input?: string) => GitAnswer;

/** What git said, and the repositories that it would not take. */
interface Taken {
  answer: GitAnswer;
  left: string[];
}

const takeOnly = (run: Run, paths: readonly string[]): Taken => ({
  answer: run(
    ["update-index", "--add", "--remove", "--replace", "-z", "--stdin"],
    paths.join("\0"),
  ),
  left: [],
});

/** Git would run what a repository within names in its own config: it is kept from looking into any. */
function takeAll(place: Place, run: Run): Taken {
  const inner = gitlinks(run).filter((path) => isTaken(`${place.path}/${path}/.git`));
  const add = (without: readonly string[]) =>
    run(
      ["-c", "advice.addEmbeddedRepo=false", "add", "--all", ...fromStdin],
      [".", ...without.map((path) => `:(exclude,literal)${path}`)].join("\0"),
    );
  let answer = add(inner);
  let left: string[] = [];
  if (answer.code !== 0) {
    // One that has no commit yet cannot be added, nor anything beside it.
    left = folders(parts(needed(run(["ls-files", "--others", "--exclude-standard", "-z"]))));
    if (left.length > 0) answer = add([...inner, ...left]);
  }
  const heads = inner.map((path) => [path, commitOf(`${place.path}/${path}`, "HEAD")] as const);
  const entries = heads.flatMap(([path, head]) =>
    head === null ? [] : `160000 ${head} 0\t${path}`,
  );
  if (answer.code === 0 && entries.length > 0)
    needed(run(["update-index", "-z", "--index-info"], `${entries.join("\0")}\0`));
  // Their repository is not whole, or not there any more.
  const broken = heads.flatMap(([path, head]) => (head === null ? path : []));
  return {
    answer,
    left: [...left, ...broken.filter((path) => holdsFiles(`${place.path}/${path}`))],
  };
}

/** Repositories of which an index would hold only the names; returns them. */
function takeOutStrangers({ path: folder }: Place, run: Run): string[] {
  const submodules = new Set(submodulesOf(folder).map(({ path }) => path));
  const strangers = gitlinks(run).filter((path) => {
    const isWorktree = !submodules.has(path) && isTaken(`${folder}/${path}/.git`);
    return isWorktree || isFolder(`${folder}/${path}/.git`);
  });
  if (strangers.length > 0)
    needed(run(["update-index", "--force-remove", "-z", "--stdin"], strangers.join("\0")));
  return strangers;
}

const gitlinks = (run: Run) =>
  parts(needed(run(["ls-files", "--stage", "-z"])))
    .filter((entry) => entry.startsWith("160000 "))
    .map((entry) => entry.slice(entry.indexOf("\t") + 1));

const ignoredIn = (run: Run) =>
  parts(
    needed(run(["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"])),
  );

const fromStdin = ["--pathspec-from-file=-", "--pathspec-file-nul"];
/** Those of a list of paths that git tells as folders. */
const folders = (paths: readonly string[]) =>
  paths.filter((path) => path.endsWith("/")).map((path) => path.slice(0, -1));

/** A snapshot that was committed: what the checkout's next commit begins with. */
export function takeIndex({ admin }: Place, index: string): void {
  copyFileSync(index, `${admin}/index.dispatch`);
  renameSync(`${admin}/index.dispatch`, `${admin}/index`);
}

/** The files with conflicts that still stand as git has marked them in a snapshot. */
export function unresolvedIn(place: Place, { tree, own, env }: Snapshot): string[] {
  if (own === null) return [];
  const theirs = { GIT_DIR: place.common, GIT_INDEX_FILE: own };
  const out = needed(look(place.path, ["ls-files", "--unmerged", "-z"], { env: theirs }));
  const files = [...new Set(parts(out).map((entry) => entry.slice(entry.indexOf("\t") + 1)))];
  if (files.length === 0) return [];
  const marks = ["-e", "^<<<<<<< ", "-e", "^>>>>>>> "];
  const args = ["grep", "-l", "-z", "--no-textconv", ...marks, tree, "--", ...files];
  const found = look(place.path, args, { env: { ...env, GIT_LITERAL_PATHSPECS: "1" } });
  return parts(isSo(found) ? found.out : "").map((entry) => entry.slice(entry.indexOf(":") + 1));
}

export interface FileCounts {
  path: string;
  /** Lines; null of a file that has none. */
  added: number | null;
  removed: number | null;
}

/** What changed from one tree to the other; a file that was moved is one. */
export function countsBetween(
  cwd: string,
  from: string,
  to: string,
  env: Record<string, string>,
  paths: readonly string[] = [],
): FileCounts[] {
  const args = ["diff-tree", "-r", "-z", "-M", "--numstat", from, to, "--", ...paths];
  const words = needed(look(cwd, args, { env: { ...env, GIT_LITERAL_PATHSPECS: "1" } })).split(
    "\0",
  );
  const counts: FileCounts[] = [];
  for (let at = 0; at < words.length - 1; at++) {
    // A name may hold tabs of its own.
    const [added, removed, ...rest] = words[at]!.split("\t");
    const path = rest.join("\t");
    // Of one that was moved, the old and the new name come behind.
    const name = path === "" ? words[(at += 2)]! : path;
    counts.push({ path: name, added: lines(added), removed: lines(removed) });
  }
  return counts;
}
const lines = (text: string | undefined) =>
  text === "-" || text === undefined ? null : Number(text);
