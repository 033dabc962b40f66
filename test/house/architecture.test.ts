/** The layers of ARCHITECTURE.md, and its invariants of absence, held against the source. */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, normalize } from "node:path";

const source = join(import.meta.dir, "../../src");
const files = [...new Bun.Glob("**/*.ts").scanSync(source)].sort();
const read = (file: string) => readFileSync(join(source, file), "utf8");
const withoutComments = (text: string) =>
  text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");

/** Who may import whom: always downwards. */
const mayImport: Record<string, string[]> = {
  "main.ts": ["commands", "cli", "render", "core"],
  commands: ["cli", "supervise", "render", "store", "unix", "backends", "core", "guide"],
  cli: ["cli", "supervise", "render", "store", "unix", "backends", "core"],
  // The skill itself, beside src/, is built in.
  supervise: ["supervise", "store", "unix", "backends", "core", "skills"],
  render: ["render", "core"],
  store: ["store", "core"],
  unix: ["unix"],
  backends: ["backends", "core"],
  core: ["core"],
};
/** Packages, but for node: and bun:, that a room may use. */
const mayUse: Record<string, string[]> = {
  "main.ts": ["citty"],
  commands: ["citty", "yaml"],
  cli: ["citty"],
  supervise: ["yaml"],
  render: ["consola/core", "diff"],
  store: ["valibot", "yaml"],
  core: ["jsonc-parser", "valibot", "yaml"],
};

const roomOf = (path: string) => path.replace(/^\.\.\/(?=skills\/)/, "").split("/")[0]!;
const imports = (file: string) =>
  [...read(file).matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, name]) => name!);

test.each(files.filter((file) => file !== "text.d.ts"))("%s imports downwards only", (file) => {
  const room = roomOf(file);
  for (const name of imports(file)) {
    if (name.startsWith("node:") || name.startsWith("bun:")) {
      expect(room, `${file} imports ${name}`).not.toBe("core");
    } else if (name.startsWith(".")) {
      const target = normalize(join(file, "..", name));
      if (target === "../package.json") continue;
      expect(mayImport[room], `${file} imports ${target}`).toContain(roomOf(target));
    } else {
      expect(mayUse[room] ?? [], `${file} imports ${name}`).toContain(name);
    }
  }
});

test("commands never import one another", () => {
  for (const file of files.filter((path) => roomOf(path) === "commands")) {
    expect(imports(file).filter((name) => name.startsWith("./"))).toEqual([]);
  }
});

test.each([
  [
    "core touches no clock, disk, process or chance",
    /Date\.now|new Date\(\)|\bBun\.|process\.|Math\.random|crypto\./,
    ["core"],
    [],
  ],
  ["only main ends the process", /process\.exit\b/, null, ["main.ts"]],
  // `--version` is answered before anything is loaded.
  [
    "only render writes to stdout",
    /console\.|process\.stdout|Bun\.stdout|Bun\.write/,
    null,
    ["main.ts"],
  ],
  [
    "only store/paths.ts spells file names",
    /["'`/](?:plan|output|context|prompt)\.md|["'`/](?:task|config)\.yaml|command\.json|\.(?:question|answer)["'`]/,
    null,
    ["store/paths.ts", "core/prompt.ts"],
  ],
] as const)("%s", (_, forbidden, rooms, exceptions) => {
  const offenders = files.filter(
    (file) =>
      (rooms === null || (rooms as readonly string[]).includes(roomOf(file))) &&
      !(exceptions as readonly string[]).includes(file) &&
      forbidden.test(withoutComments(read(file))),
  );
  expect(offenders).toEqual([]);
});

test("every file says what it is for", () => {
  // A command's description is in its definition.
  const silent = files.filter(
    (file) => roomOf(file) !== "commands" && !/^(?:\/\*\*|\/\/)/.test(read(file)),
  );
  expect(silent).toEqual([]);
});
