/**
 * skills/dispatch/ against the open Agent Skills standard (agentskills.io) and the manifests of
 * plugins; test/real/install.test.ts has the installers themselves take it.
 */

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parse } from "yaml";
import marketplace from "../../.claude-plugin/marketplace.json";
import { version } from "../../package.json";
import plugin from "../../skills/dispatch/.claude-plugin/plugin.json";
import { binary, scene } from "../scenes/scene.ts";

const root = join(import.meta.dir, "../..");
const skill = join(root, "skills/dispatch");
const text = readFileSync(join(skill, "SKILL.md"), "utf8");

test("the frontmatter keeps to the standard", () => {
  // The reference parser ends it at any second `---`, even one inside a value.
  const [before, frontmatter] = text.split("---");
  expect(before).toBe("");
  const fields: Record<string, unknown> = parse(frontmatter!);
  const strings = ["name", "description", "license", "compatibility", "allowed-tools"];
  for (const [key, value] of Object.entries(fields)) {
    expect([...strings, "metadata"]).toContain(key);
    if (key !== "metadata") expect(value, key).toBeString();
  }
  const { name, description, compatibility = "none" } = fields as Record<string, string>;
  expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  expect(name!.length).toBeLessThanOrEqual(64);
  expect(name).toBe(basename(skill));
  expect(description).toMatch(/^[^<>]{1,1024}$/);
  expect(compatibility).toMatch(/^[^]{1,500}$/);
});

test("the folder holds nothing but small texts", () => {
  const files = readdirSync(skill, { recursive: true, withFileTypes: true }).filter(
    (entry) => !entry.isDirectory(),
  );
  for (const { name, parentPath } of files) {
    const path = join(parentPath, name);
    expect(path).toMatch(/\.(md|json)$/);
    expect(statSync(path).size, path).toBeLessThan(20_000);
    new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  }
});

test("the manifests name the skill, the version and the folder", () => {
  expect(plugin).toMatchObject({ name: basename(skill), version, skills: ["./"] });
  expect(marketplace).toMatchObject({
    name: "dispatch",
    plugins: [{ name: plugin.name, source: "./skills/dispatch" }],
  });
  // One version, in one place.
  for (const entry of marketplace.plugins) expect(entry).not.toHaveProperty("version");
});

const commands = Object.entries(plugin.hooks).flatMap(([event, groups]) =>
  groups.flatMap(({ hooks }) => hooks.map(({ command }) => [event, command] as const)),
);

test.each(commands)(
  "the %s hook is silent with nothing to tell, and without dispatch",
  (_, command) => {
    const s = scene();
    const run = (line: string, PATH: string) => {
      const { exitCode, stdout, stderr } = Bun.spawnSync(["/bin/sh", "-c", line], {
        cwd: s.project,
        env: { ...s.env, CLAUDE_CODE_ENTRYPOINT: "cli", PATH },
      });
      return { exit: exitCode, said: stdout.toString() + stderr.toString() };
    };
    const silent = { exit: 0, said: "" };
    expect(run(command, s.project)).toEqual(silent);
    expect(run(command, dirname(binary))).toEqual(silent);
    // It did call the binary, by a name that the binary knows.
    expect(run(`${command}s`, dirname(binary)).said).toContain("no hook");
  },
);
