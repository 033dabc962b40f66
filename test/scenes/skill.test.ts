/** The skill's installation: shown, agreed to, written, and taken back to the byte. */

import { expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { applyPatch } from "diff";
import plugin from "../../skills/dispatch/.claude-plugin/plugin.json" with { type: "json" };
import { binary, scene } from "./scene.ts";

const skill = readFileSync(join(import.meta.dir, "../../skills/dispatch/SKILL.md"), "utf8");
const rule = "Bash(dispatch:*)";
const rules =
  'prefix_rule(pattern=["dispatch"], decision="allow", justification="dispatch starts workers outside the sandbox", match=["dispatch run x"], not_match=["dispatcher run x"])\n';

/** A home of a person who has these CLIs; nothing of dispatch is in it. */
function homeWith(...clis: string[]) {
  const s = scene();
  rmSync(s.env["DISPATCH_HOME"]!, { recursive: true });
  // None that this machine happens to have.
  s.env["PATH"] = s.env["PATH"]!.split(":")[0]!;
  for (const cli of clis) s.program(cli, "exit 1");
  const at = (path: string) => join(s.home, path);
  const put = (path: string, text: string) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };
  const skillTo = (...argv: string[]) => s.dispatch("skill", ...argv);
  return {
    ...s,
    skill: skillTo,
    put,
    at,
    read: (path: string) => readFileSync(at(path), "utf8"),
    /** Everything in the home: what a file holds, where a link leads. */
    tree: () => Object.fromEntries(treeOf(s.home, s.home)),
    files: () => treeOf(s.home, s.home).flatMap(([path, is]) => (is === "a folder" ? [] : path)),
    install: async (...argv: string[]) => {
      const ran = await skillTo("install", "--yes", ...argv);
      expect(ran).toMatchObject({ exit: 0, err: "" });
      return ran;
    },
  };
}

function treeOf(home: string, folder: string): [string, string][] {
  return readdirSync(folder)
    .sort()
    .flatMap((entry): [string, string][] => {
      const path = join(folder, entry);
      const name = relative(home, path);
      const stat = lstatSync(path);
      if (stat.isDirectory()) return [[name, "a folder"], ...treeOf(home, path)];
      return [[name, stat.isSymbolicLink() ? "a link" : bytesOf(path)]];
    });
}

/** As text where it is text; no two files look the same that are not. */
const bytesOf = (path: string) => {
  const bytes = readFileSync(path);
  return bytes.equals(Buffer.from(bytes.toString())) ? bytes.toString() : bytes.toString("hex");
};

const settings = ".claude/settings.json";
const claudeSkill = ".claude/skills/dispatch/SKILL.md";
const sharedSkill = ".agents/skills/dispatch/SKILL.md";
const codexRules = ".codex/rules/dispatch.rules";
const receipt = ".dispatch/skill.json";

const full = {
  model: "opus",
  permissions: { allow: ["Bash(ls:*)", "Read"] },
  hooks: { Stop: [{ hooks: [{ type: "command", command: "say done" }] }] },
};
const samples: Record<string, string | null> = {
  missing: null,
  empty: "",
  "{}": "{}",
  "{} and a newline": "{}\n",
  "2 spaces": `${JSON.stringify(full, null, 2)}\n`,
  "4 spaces, no newline at the end": JSON.stringify(full, null, 4),
  tabs: `${JSON.stringify(full, null, "\t")}\n`,
  "on one line": JSON.stringify(full),
  "lists on one line": '{\n  "permissions": { "allow": ["Read"], "deny": [] }\n}\n',
  "allow empty": '{\n  "permissions": {\n    "allow": []\n  }\n}\n',
  "the rule there already": `{\n  "permissions": { "allow": ["${rule}", "Read"] },\n  "hooks": {}\n}\n`,
  CRLF: `${JSON.stringify(full, null, 2).replaceAll("\n", "\r\n")}\r\n`,
  "a byte order mark, and more than ASCII": `\ufeff{"env": {"A": "é😀"}}\n`,
};

test.each(Object.entries(samples))("settings %s: install, again, uninstall", async (_, source) => {
  const s = homeWith("claude", "codex");
  if (source !== null) s.put(settings, source);
  const before = s.tree();
  const { out } = await s.install();
  expect(out).toEndWith(
    `installed: ${[claudeSkill, sharedSkill, codexRules, settings].map(s.at).join(", ")}\n`,
  );
  const after = s.tree();
  expect(s.read(claudeSkill)).toBe(skill);
  expect(s.read(sharedSkill)).toBe(skill);
  expect(s.read(codexRules)).toBe(rules);
  const written = JSON.parse(s.read(settings).replace(/^\ufeff/, ""));
  expect(written.permissions.allow.filter((each: string) => each === rule)).toEqual([rule]);
  for (const [event, groups] of Object.entries(plugin.hooks))
    expect(written.hooks[event].slice(-1)).toEqual(groups);

  expect(await s.skill("install")).toMatchObject({
    exit: 0,
    out: `already installed: ${[claudeSkill, sharedSkill, codexRules, settings].map(s.at).join(", ")}\n`,
  });
  expect(s.tree()).toEqual(after);

  expect(await s.skill("uninstall", "--yes")).toMatchObject({ exit: 0, err: "" });
  expect(s.tree()).toEqual(before);
  expect(await s.skill("uninstall")).toMatchObject({ exit: 0, out: "not installed\n" });
});

test("nothing is written that nobody has agreed to", async () => {
  const s = homeWith("claude");
  const mine = `${JSON.stringify({ env: { KEY: "sk-1" }, ...full }, null, 2)}\n`;
  s.put(settings, mine);
  const before = s.tree();
  const refused = await s.skill("install");
  expect(refused).toMatchObject({
    exit: 5,
    err: "nothing was written: the user has to agree to it\nhint: they can read it and agree in a terminal: dispatch skill install; or, once they have: --yes\n",
  });
  expect(s.tree()).toEqual(before);
  // A file that was not there is only named, where no person reads.
  const named = `new: ${s.at(claudeSkill)}\n`;
  expect(refused.out).toStartWith(`--- ${s.at(settings)}\n+++ ${s.at(settings)}\n@@ -`);
  expect(refused.out).toEndWith(named);
  expect(refused.out).not.toContain("sk-1");
  expect(await s.skill("install", "--skill-only")).toMatchObject({
    exit: 5,
    out: named,
    err: "nothing was written: the user has to agree to it\nhint: they can read it and agree in a terminal: dispatch skill install --skill-only; or, once they have: --yes\n",
  });

  const changes = [
    { path: s.at(claudeSkill), action: "create" },
    { path: s.at(settings), action: "change" },
  ];
  const asked = await s.skill("install", "--json");
  expect(asked).toMatchObject({ exit: 5, err: "" });
  expect(JSON.parse(asked.out)).toEqual({ schema: 1, changes, written: false });
  const done = await s.skill("install", "--json", "--yes");
  expect(done).toMatchObject({ exit: 0, err: "" });
  expect(JSON.parse(done.out)).toEqual({ schema: 1, changes, written: true });
  expect(JSON.parse((await s.skill("install", "--json")).out)).toEqual({
    schema: 1,
    changes: [],
    written: false,
  });
  // What was shown is what was done.
  expect(applyPatch(mine, refused.out.slice(0, -named.length))).toBe(s.read(settings));

  const installed = s.tree();
  expect(await s.skill("uninstall")).toMatchObject({
    exit: 5,
    err: "nothing was written: the user has to agree to it\nhint: they can read it and agree in a terminal: dispatch skill uninstall; or, once they have: --yes\n",
  });
  expect(s.tree()).toEqual(installed);
  expect(JSON.parse((await s.skill("uninstall", "--json", "--yes")).out)).toEqual({
    schema: 1,
    changes: [{ path: s.at(claudeSkill), action: "delete" }, changes[1]],
    written: true,
  });
  expect(s.tree()).toEqual(before);
});

test.each([
  ["y", 0, true],
  ["YES", 0, true],
  ["", 5, false],
  ["no", 5, false],
])("a person at a terminal says %j", async (answer, exit, isWritten) => {
  const s = homeWith("claude");
  let seen = "";
  const child = Bun.spawn([binary, "skill", "install"], {
    cwd: s.project,
    env: { ...s.env, TERM: "xterm" },
    terminal: {
      data(terminal, bytes) {
        const hadPrompt = seen.includes("[y/N]");
        seen += Buffer.from(bytes).toString();
        if (!hadPrompt && seen.includes("[y/N]")) terminal.write(`${answer}\n`);
      },
    },
  });
  expect(await child.exited).toBe(exit);
  child.terminal!.close();
  expect(seen).toContain("dispatch hook stop");
  expect(seen).toContain(isWritten ? "installed: " : "nothing was written");
  expect(Object.hasOwn(s.tree(), claudeSkill)).toBe(isWritten);
  expect(Object.hasOwn(s.tree(), settings)).toBe(isWritten);
});

test("each host gets what it reads", async () => {
  const none = homeWith();
  expect(await none.skill("install", "--yes")).toMatchObject({
    exit: 1,
    err: "error: no host for the skill found on PATH (looked for claude, codex, cursor, opencode, gemini, copilot)\nhint: install one, then: dispatch skill install\n",
  });
  expect(await none.skill("path")).toMatchObject({
    exit: 3,
    err: "error: the skill is not installed\nhint: dispatch skill install\n",
  });

  for (const cli of ["agent", "cursor-agent", "opencode", "gemini", "copilot"]) {
    const s = homeWith(cli);
    await s.install();
    expect(s.files()).toEqual([sharedSkill, receipt]);
    expect((await s.skill("path")).out).toBe(`${s.at(sharedSkill)}\n`);
  }

  const s = homeWith("codex");
  // No claude, but its folder; and both CLIs keep house elsewhere.
  s.env["CLAUDE_CONFIG_DIR"] = s.at("my/claude");
  s.env["CODEX_HOME"] = s.at("my/codex");
  mkdirSync(s.at("my/claude"), { recursive: true });
  const before = s.tree();
  await s.install();
  expect(s.files()).toEqual([
    sharedSkill,
    receipt,
    "my/claude/settings.json",
    "my/claude/skills/dispatch/SKILL.md",
    "my/codex/rules/dispatch.rules",
  ]);
  expect((await s.skill("path")).out).toBe(
    `${s.at("my/claude/skills/dispatch/SKILL.md")}\n${s.at(sharedSkill)}\n`,
  );
  expect(JSON.parse((await s.skill("path", "--json")).out)).toEqual({
    schema: 1,
    paths: [s.at("my/claude/skills/dispatch/SKILL.md"), s.at(sharedSkill)],
  });
  await s.skill("uninstall", "--yes");
  expect(s.tree()).toEqual(before);
});

test("an older skill, or an edited one, is shown and replaced; so are older hooks", async () => {
  const s = homeWith("claude");
  await s.install();
  const installed = s.tree();
  s.put(claudeSkill, skill.replace("# Dispatch", "# My dispatch"));
  s.put(settings, s.read(settings).replace("86400", "60"));
  const { out } = await s.install();
  expect(out).toContain("-# My dispatch\n+# Dispatch\n");
  expect(out).toContain('"timeout": 60\n+ ');
  expect(s.read(settings)).toBe(installed[settings]!);
  expect(s.read(claudeSkill)).toBe(skill);
  expect(JSON.parse(s.read(receipt))).toEqual(JSON.parse(installed[receipt]!));
  await s.skill("uninstall", "--yes");
  expect(s.tree()).toEqual({});
});

test("what was taken out by hand and put back is taken out again; what came since is not ours", async () => {
  const s = homeWith("claude");
  s.put(settings, "{}");
  await s.install();
  const { permissions } = JSON.parse(s.read(settings));
  s.put(settings, JSON.stringify({ permissions }, null, 2));
  await s.install();
  await s.skill("uninstall", "--yes");
  expect(s.tree()).toEqual({ ".claude": "a folder", [settings]: "{}" });

  await s.install();
  const mine = '{ "permissions": { "allow": [ ] }, "hooks": { } }';
  s.put(settings, mine);
  await s.install();
  await s.skill("uninstall", "--yes");
  expect(s.read(settings)).toBe(mine);
});

test("with --skill-only, settings and rules are left alone, both ways", async () => {
  const s = homeWith("claude", "codex");
  s.put(settings, '{"permissions":{"allow":["Bash(dispatch:*)"]}}');
  const before = s.tree();
  await s.install("--skill-only");
  const { [receipt]: _, ...only } = s.tree();
  expect(only).toMatchObject({ ...before, [claudeSkill]: skill, [sharedSkill]: skill });
  expect(only).not.toHaveProperty([codexRules]);
  await s.skill("uninstall", "--yes");
  expect(s.tree()).toEqual(before);

  await s.install();
  const { [settings]: withHooks } = s.tree();
  await s.skill("uninstall", "--skill-only", "--yes");
  expect(s.tree()).toMatchObject({ [settings]: withHooks, [codexRules]: rules });
  expect(s.tree()).not.toHaveProperty([claudeSkill]);
  await s.skill("uninstall", "--yes");
  expect(s.tree()).toEqual(before);
});

test("the receipt holds nothing of the settings, and is not needed", async () => {
  const s = homeWith("claude");
  const mine = `${JSON.stringify({ ...full, env: { KEY: "secret" } }, null, 2)}\n`;
  s.put(settings, mine);
  const before = s.tree();
  await s.install();
  expect(s.read(receipt)).not.toMatch(/secret|opus|say done|Bash/);
  for (const text of [null, "", "{", '{"schema":1,"settings":3}']) {
    if (text === null) rmSync(s.at(".dispatch"), { recursive: true });
    else s.put(receipt, text);
    await s.skill("uninstall", "--yes");
    expect(s.read(settings)).toBe(mine);
    expect(s.tree()).not.toHaveProperty([claudeSkill]);
    await s.install();
  }
  await s.skill("uninstall", "--yes");
  // Nobody knew any more who had made them.
  expect(s.tree()).toEqual({ ...before, ".claude/skills": "a folder", ".dispatch": "a folder" });
});

test("what belongs to somebody else is left alone, and said", async () => {
  const s = homeWith("claude", "codex");
  await s.install();
  s.put(".claude/skills/dispatch/notes.md", "mine");
  s.put(".agents/skills/dispatch/.claude-plugin/plugin.json", "{}");
  expect(await s.skill("uninstall", "--yes")).toMatchObject({
    exit: 0,
    err: `left alone: ${s.at(".claude/skills/dispatch")}: holds other files\nleft alone: ${s.at(".agents/skills/dispatch")}: a whole copy, made by another installer\n`,
  });
  const left = s.tree();
  expect(left).toMatchObject({ ".claude/skills/dispatch/notes.md": "mine", [sharedSkill]: skill });
  expect(left).not.toHaveProperty([claudeSkill]);
  expect(left).not.toHaveProperty([settings]);
  expect(left).not.toHaveProperty([codexRules]);
});

test("a skill folder that is a link is written once, through it, and never removed", async () => {
  const s = homeWith("claude", "codex");
  s.put(sharedSkill, "an older one");
  mkdirSync(s.at(".claude/skills"), { recursive: true });
  symlinkSync("../../.agents/skills/dispatch", s.at(".claude/skills/dispatch"));
  expect((await s.install()).out).toMatch(/^--- \S+SKILL.md\n\+\+\+ \S+SKILL.md\n(?![^]*--- )/);
  expect(s.read(sharedSkill)).toBe(skill);
  expect(await s.skill("uninstall", "--yes")).toMatchObject({
    exit: 0,
    err: `left alone: ${s.at(".claude/skills/dispatch")}: a link\nleft alone: ${s.at(".agents/skills/dispatch")}: a link leads to it\n`,
  });
  expect(s.tree()).toMatchObject({ ".claude/skills/dispatch": "a link", [sharedSkill]: skill });
  expect(s.tree()).not.toHaveProperty([codexRules]);
});

test("settings behind a link stay there, with their mode", async () => {
  const s = homeWith("claude");
  s.put("dotfiles/settings.json", "{}\n");
  chmodSync(s.at("dotfiles/settings.json"), 0o644);
  mkdirSync(s.at(".claude"));
  symlinkSync("../dotfiles/settings.json", s.at(settings));
  const before = s.tree();
  await s.install();
  expect(lstatSync(s.at(settings)).isSymbolicLink()).toBe(true);
  expect(s.read("dotfiles/settings.json")).toContain("dispatch hook stop");
  expect(statSync(s.at(settings)).mode & 0o777).toBe(0o644);
  await s.skill("uninstall", "--yes");
  expect(s.tree()).toEqual(before);

  rmSync(s.at("dotfiles/settings.json"));
  expect(await s.skill("install", "--yes")).toMatchObject({
    exit: 1,
    err: `error: ${s.at(settings)} is a link that leads nowhere\nhint: rm ${s.at(settings)}\n`,
  });
  expect(s.tree()).not.toHaveProperty([claudeSkill]);
});

test.each([
  ["{", ":1:2: close brace expected"],
  ['{\n  // mine\n  "model": "opus"\n}\n', ":2:3: invalid comment token"],
  ['{"permissions": "all"}', ":1:17: permissions is a string; expected an object"],
  ['{"permissions": {"allow": {}}}', ":1:27: permissions.allow is an object; expected an array"],
  ['{"hooks": {"Stop": 1}}', ":1:20: hooks.Stop is a number; expected an array"],
  ["[]", ":1:1: the file is an array; expected an object"],
  [Buffer.from([0x7b, 0xff, 0x7d]), " cannot be read; expected UTF-8"],
])("settings that cannot be written to: %j, and nothing is", async (source, said) => {
  const s = homeWith("claude", "codex");
  s.put(settings, "");
  writeFileSync(s.at(settings), source);
  const before = s.tree();
  for (const argv of [["--yes"], []]) {
    const { exit, out, err } = await s.skill("install", ...argv);
    expect({ exit, out }).toEqual({ exit: 1, out: "" });
    expect(err).toStartWith(`error: ${s.at(settings)}${said}\nhint: mend the file`);
  }
  expect(s.tree()).toEqual(before);
  await s.install("--skill-only");
  await s.skill("uninstall", "--skill-only", "--yes");
  expect(s.tree()).toEqual(before);
});

test("a folder in the place of the settings", async () => {
  const s = homeWith("claude");
  mkdirSync(s.at(settings), { recursive: true });
  expect(await s.skill("install", "--yes")).toMatchObject({
    exit: 1,
    err: `error: ${s.at(settings)} is a folder; expected a file\nhint: move it away\n`,
  });
});

test("what changes while a person thinks is not overwritten", async () => {
  const s = homeWith("claude");
  s.put(settings, "{}\n");
  let seen = "";
  const child = Bun.spawn([binary, "skill", "install"], {
    cwd: s.project,
    env: { ...s.env, TERM: "xterm" },
    terminal: {
      data(terminal, bytes) {
        const hadPrompt = seen.includes("[y/N]");
        seen += Buffer.from(bytes).toString();
        if (hadPrompt || !seen.includes("[y/N]")) return;
        s.put(settings, '{"model": "opus"}\n');
        terminal.write("y\n");
      },
    },
  });
  expect(await child.exited).toBe(4);
  child.terminal!.close();
  expect(seen).toContain(`${s.at(settings)} has changed; nothing was written`);
  expect(s.tree()).toEqual({ ".claude": "a folder", [settings]: '{"model": "opus"}\n' });
});

test("words that it does not know", async () => {
  const s = homeWith("claude");
  expect(await s.skill("instal")).toMatchObject({
    exit: 2,
    err: "error: unknown skill action instal; did you mean install?\nhint: one of: install, uninstall, path\n",
  });
  expect(await s.skill()).toMatchObject({ exit: 2 });
  expect(await s.skill("install", "--force")).toMatchObject({ exit: 2 });
});
