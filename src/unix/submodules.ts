/** Submodules of a worktree: those that the checkout has are taken from there, without the network. */

import { existsSync, readdirSync, rmSync } from "node:fs";
import { git, GitError, isSo, look, parts } from "./git.ts";

/** Throws where one that the checkout has cannot be had. No worker has been in `to` yet. */
export function addSubmodules(from: string, to: string): void {
  for (const { name, path } of submodulesOf(to)) {
    if (!existsSync(`${from}/${path}/.git`)) continue;
    removeHalfCloned(to, name, path);
    const source = look(`${from}/${path}`, ["rev-parse", "--absolute-git-dir"]).out.trim();
    const { out: url } = look(`${from}/${path}`, ["config", "--get", "remote.origin.url"]);
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

/** Those that git cannot look into: they have no repository any more, or it is not whole. */
export const brokenSubmodules = (checkout: string): string[] =>
  submodulesOf(checkout)
    .map(({ path }) => path)
    .filter(
      (path) =>
        existsSync(`${checkout}/${path}/.git`) &&
        !isSo(look(`${checkout}/${path}`, ["rev-parse", "--verify", "--quiet", "HEAD"])),
    );

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
