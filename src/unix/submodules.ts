/** Submodules of a worktree: those that the checkout has are taken from there, without the network. */

import { existsSync } from "node:fs";
import { git, look, parts } from "./git.ts";

/** Throws where one that the checkout has cannot be had. */
export function addSubmodules(from: string, to: string): void {
  for (const { name, path } of submodulesOf(to)) {
    if (!existsSync(`${from}/${path}/.git`)) continue;
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
      throw new Error(`the submodule ${path} could not be had: ${err.split("\n").at(-1)}`);
    if (url.trim() !== "") git(`${to}/${path}`, ["remote", "set-url", "origin", url.trim()]);
    addSubmodules(`${from}/${path}`, `${to}/${path}`);
  }
}

/** As its `.gitmodules` names them. */
export function submodulesOf(checkout: string): { name: string; path: string }[] {
  if (!existsSync(`${checkout}/.gitmodules`)) return [];
  const pattern = String.raw`^submodule\..*\.path$`;
  const { out } = look(checkout, ["config", "-f", ".gitmodules", "-z", "--get-regexp", pattern]);
  return parts(out).map((entry) => {
    const end = entry.indexOf("\n");
    const name = entry.slice("submodule.".length, end - ".path".length);
    return { name, path: entry.slice(end + 1) };
  });
}
