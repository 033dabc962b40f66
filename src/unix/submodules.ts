/** Submodules of a worktree: those that the checkout has are taken from there, without the network. */

import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { git, GitError, isSo, look, needed, parts } from "./git.ts";
import { copyIndex, type Place, plainText } from "./worktree.ts";

/** Throws where one that the checkout has cannot be had. No worker has been in `to` yet. */
export function addSubmodules(from: string, to: string): void {
  for (const { name, path } of submodulesOf(to)) {
    if (!existsSync(`${from}/${path}/.git`)) continue;
    removeHalfCloned(to, name, path);
    const source = look(`${from}/${path}`, ["rev-parse", "--absolute-git-dir"]).out.trim();
    const { out: url } = look(`${from}/${path}`, ["config", "--get", "remote.origin.url"]);
    // Else a submodule within one would be there, but not count as wanted.
    git(to, ["submodule", "--quiet", "init", "--", path]);
    const local = ["-c", "protocol.file.allow=always", "-c", `submodule.${name}.url=${source}`];
    const { code, err } = git(to, [
      ...local,
      "submodule",
      "--quiet",
      "update",
      "--init",
      "--",
      path,
    ]);
    if (code !== 0)
      throw new GitError(`the submodule ${path} could not be had: ${err.split("\n").at(-1)}`);
    if (url.trim() !== "") git(`${to}/${path}`, ["remote", "set-url", "origin", url.trim()]);
    addSubmodules(`${from}/${path}`, `${to}/${path}`);
  }
}

/** Git was killed while it cloned it: it would neither go on with that nor begin again. */
function removeHalfCloned(to: string, name: string, path: string): void {
  const own = look(to, ["rev-parse", "--absolute-git-dir"]).out.trim();
  const repository = `${own}/modules/${name}`;
  if (own === "" || !existsSync(repository)) return;
  const head = look(to, ["--git-dir", repository, "rev-parse", "--verify", "--quiet", "HEAD"]);
  if (isSo(head)) return;
  rmSync(repository, { recursive: true, force: true });
  for (const file of existsSync(`${to}/${path}`) ? readdirSync(`${to}/${path}`) : [])
    rmSync(`${to}/${path}/${file}`, { recursive: true, force: true });
}

/** As its `.gitmodules` names them. */
export function submodulesOf(checkout: string): { name: string; path: string }[] {
  if (!existsSync(`${checkout}/.gitmodules`)) return [];
  const pattern = String.raw`^submodule\..*\.path$`;
  const answer = look(checkout, ["config", "-f", ".gitmodules", "-z", "--get-regexp", pattern]);
  return (isSo(answer) ? parts(answer.out) : []).map((entry) => {
    const end = entry.indexOf("\n");
    const name = entry.slice("submodule.".length, end - ".path".length);
    return { name, path: entry.slice(end + 1) };
  });
}

/**
 * A submodule within a worktree, as if it were a repository of our own: nothing of its
 * config, which is its worker's, is read. Null where there is none.
 *
 * @param body is told, too, where its branches and stashes stand
 */
export function withSubmodule<T>(
  path: string,
  body: (place: Place, tips: readonly string[]) => T,
): T | null {
  const admin = submoduleAdmin(path);
  if (admin === null) return null;
  const common = mkdtempSync(join(tmpdir(), "dispatch-git-"));
  try {
    needed(git(common, ["init", "--quiet", "--bare", "--template=", "."]));
    writeFileSync(`${common}/objects/info/alternates`, `${admin}/objects\n`);
    const head = look(path, ["rev-parse", "HEAD"], { env: { GIT_DIR: admin } });
    if (isSo(head)) needed(git(common, ["update-ref", "--no-deref", "HEAD", head.out.trim()]));
    copyIndex(`${admin}/index`, `${common}/index`);
    const refs = ["for-each-ref", "--format=%(objectname)", "refs/heads", "refs/stash"];
    const tips = needed(look(path, refs, { env: { GIT_DIR: admin } }))
      .split("\n")
      .filter((line) => line !== "");
    return body({ common, admin: common, path }, tips);
  } finally {
    rmSync(common, { recursive: true, force: true });
  }
}

/** Where git keeps what it knows of a submodule; null where none is checked out. */
function submoduleAdmin(path: string): string | null {
  try {
    const [, admin] = /^gitdir: (.+)\n?$/.exec(plainText(`${path}/.git`)) ?? [];
    return admin === undefined ? null : resolve(path, admin);
  } catch {
    return null;
  }
}
