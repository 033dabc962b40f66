/** What the documents say is run: the README's commands, the help texts, the published schemas. */

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { schemas } from "../../scripts/schemas.ts";
import { scripts } from "../../package.json" with { type: "json" };
import { scene } from "../scenes/scene.ts";

const root = join(import.meta.dir, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text!);
const lines = blocks.flatMap((text) =>
  text.split("\n").filter((line) => line !== "" && !line.startsWith("#")),
);

test("the README's npm commands are there", () => {
  const named = lines.flatMap((line) =>
    [...line.matchAll(/npm (?:run )?(\S+)/g)].map(([, name]) => name!),
  );
  expect(named).toContain("demo");
  expect(named).toContain("test");
  for (const name of named.filter((name) => name !== "install"))
    expect(Object.keys(scripts)).toContain(name);
});

test("the README's dispatch commands do what they say, in its order", async () => {
  const s = scene();
  s.config("default: sonnet\nmodels: { sonnet: { backend: claude }, opus: { backend: claude } }\n");
  // A claude that asks in the second task, as the README's story goes.
  s.program(
    "claude",
    `case "$DISPATCH_TASK" in parser) ask "Keep the old flags?" >/dev/null;; esac; echo "found nothing" >"$DISPATCH_TASK_DIR/output.md"; tick_all`,
  );
  const commands = lines.filter((line) => line.startsWith("dispatch "));
  expect(commands.length).toBeGreaterThan(6);
  for (const line of commands) {
    const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", `PATH="$BIN:$PATH"; ${line}`], {
      cwd: s.project,
      env: { ...s.env, BIN: join(root, "dist") },
    });
    expect({ line, exit: exitCode, err: stderr.toString() }).toEqual({ line, exit: 0, err: "" });
  }
});

test("help names every command, and every flag that the README names", async () => {
  const s = scene();
  const names = readdirSync(join(root, "src/commands"))
    .map((file) => file.replace(/\.ts$/, ""))
    .filter((name) => name !== "home");
  const { out } = await s.dispatch("--help");
  for (const name of names) {
    expect(out).toContain(`\n  ${name.padEnd(6)}`);
    expect((await s.dispatch(name, "--help")).out).toStartWith(`dispatch ${name}`);
  }
  for (const [, command, flag] of readme.matchAll(/dispatch ([a-z]+)[^\n`]*? (--[\w-]+)/g)) {
    expect((await s.dispatch(command!, "--help")).out).toContain(flag!);
  }
});

test("the published schemas are those of the program", () => {
  for (const [name, schema] of Object.entries(schemas)) {
    expect(JSON.parse(readFileSync(join(root, `docs/schema/${name}.json`), "utf8"))).toEqual(
      schema,
    );
  }
});

test("each line of docs/situations.md stands in the file that it names", () => {
  const table = readFileSync(join(root, "docs/situations.md"), "utf8");
  const rows = [...table.matchAll(/^\| (?!---|situation)(.+?) \| (\S+) \| (.+) \|$/gm)];
  expect(rows.length).toBeGreaterThan(40);
  const missing = rows.filter(
    ([, , file, line]) => !readFileSync(join(root, file!), "utf8").includes(line!),
  );
  expect(missing.map(([row]) => row)).toEqual([]);
});
