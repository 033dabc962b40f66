/**
 * The skill as users install it, by the real installers, offline: `npx skills` and Claude Code's
 * plugin marketplace; and that the real agents then have it, hooks included.
 */

import { afterAll, beforeAll, expect, onTestFinished, test } from "bun:test";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { added, ofHost, settle, shell, startHost, text, worker } from "./host.ts";
import type { Scenario } from "./model-server.ts";
import { stage as setStage } from "./stage.ts";

const limitMs = 30_000;
const root = join(import.meta.dir, "../..");
const source = join(root, "skills/dispatch");
const skill = readFileSync(join(source, "SKILL.md"), "utf8");
const body = skill.replace(/^---\n[^]*?\n---\n/, "").trim();
const filesIn = (folder: string) =>
  [...new Bun.Glob("**/*").scanSync({ cwd: folder, dot: true })].sort();

/** A clone of this repository as its next commit would have it. */
let repository: string;

beforeAll(() => {
  repository = mkdtempSync(join(tmpdir(), "real-repository-"));
  const git = (cwd: string, ...argv: string[]) => {
    const flags = ["user.name=test", "user.email=test@localhost", "commit.gpgsign=false"];
    const set = flags.flatMap((flag) => ["-c", flag]);
    const { success, stdout, stderr } = Bun.spawnSync(["git", ...set, ...argv], { cwd });
    if (!success) throw new Error(stderr.toString());
    return stdout.toString();
  };
  for (const path of git(root, "ls-files", "-z", "-co", "--exclude-standard").split("\0"))
    if (path !== "" && existsSync(join(root, path)))
      cpSync(join(root, path), join(repository, path));
  git(repository, "init", "-q");
  git(repository, "add", "--all");
  git(repository, "commit", "-q", "-m", "All of it");
});
afterAll(() => rmSync(repository, { recursive: true, force: true }));

async function stage(...scenarios: Scenario[]) {
  const s = await setStage(scenarios);
  onTestFinished(s.strike);
  settle(s.home, [s.project]);
  /** Runs a command that has to succeed. */
  const done = async (...argv: string[]) => {
    const ran = await s.run(argv);
    expect(ran, argv.join(" ")).toMatchObject({ exit: 0 });
    return ran.out;
  };
  return { ...s, done };
}
type Stage = Awaited<ReturnType<typeof stage>>;

/** A headless session of Claude Code is handed the skill, word for word, with what was typed. */
async function claudeGetsTheSkill(s: Stage) {
  expect(await s.done("claude", "-p", "/dispatch hello")).toBe("Ready.\n");
  const told = added(s.server.requests.findLast(ofHost)!);
  expect(told).toContain(body);
  expect(told).toContain("hello");
}

/** And one of Codex, by the plain name: see .codex-plugin/plugin.json. */
async function codexGetsTheSkill(s: Stage) {
  const words = await s.done("codex", "exec", "--skip-git-repo-check", "$dispatch hello");
  expect(words).toBe("Ready.\n");
  const { input } = s.server.requests.findLast(ofHost)!.body;
  const told = input.flatMap(({ content = [] }: any) => content.map(({ text }: any) => text));
  expect(told.join("\n")).toContain("<name>dispatch</name>");
  expect(told.join("\n")).toContain(skill);
}

const everyAgent = ["-a", "claude-code", "codex", "cursor", "opencode", "-y"];

test.each([
  { ways: "for the user, linked", level: ["-g"], copy: [] },
  { ways: "for the user, copied", level: ["-g"], copy: ["--copy"] },
  { ways: "for the project, linked", level: [], copy: [] },
  { ways: "for the project, copied", level: [], copy: ["--copy"] },
])(
  "npx skills installs $ways, again, and removes",
  async ({ level, copy }) => {
    const s = await stage({ steps: [text("Ready."), text("Ready.")] });
    const base = level.length > 0 ? s.home : s.project;
    const [shared, own] = [".agents", ".claude"].map((folder) =>
      join(base, folder, "skills/dispatch"),
    );
    const add = () =>
      s.done("skills", "add", `file://${repository}`, ...level, ...copy, ...everyAgent);

    expect(await add()).toContain("Found 1 skill");
    writeFileSync(join(shared!, "stale.md"), "of an older version");
    await add();
    for (const folder of [shared!, own!]) {
      expect(filesIn(folder)).toEqual(filesIn(source));
      expect(readFileSync(join(folder, "SKILL.md"), "utf8")).toBe(skill);
    }
    expect(lstatSync(own!).isSymbolicLink()).toBe(copy.length === 0);

    await claudeGetsTheSkill(s);
    await codexGetsTheSkill(s);

    await s.done("skills", "remove", "dispatch", ...level, "-y");
    expect([shared!, own!].filter((folder) => existsSync(folder))).toEqual([]);
    expect(s.server.problems).toEqual([]);
  },
  limitMs,
);

test(
  "claude's plugin marketplace validates, installs, again, and removes",
  async () => {
    const s = await stage({ steps: [text("Ready.")] });
    for (const folder of [repository, join(repository, "skills/dispatch")])
      await s.done("claude", "plugin", "validate", "--strict", folder);
    await s.done("claude", "plugin", "marketplace", "add", repository);
    for (const _ of ["once", "again"])
      await s.done("claude", "plugin", "install", "dispatch@dispatch");
    await claudeGetsTheSkill(s);
    await s.done("claude", "plugin", "uninstall", "dispatch@dispatch");
    expect(await s.done("claude", "plugin", "list")).not.toContain("dispatch");
    await s.done("claude", "plugin", "marketplace", "remove", "dispatch");
    expect(s.server.problems).toEqual([]);
  },
  limitMs,
);

test.each([
  {
    ways: "linked by npx skills for the user",
    install: (s: Stage) => s.done("skills", "add", repository, "-g", ...everyAgent),
  },
  {
    ways: "linked by npx skills for the project",
    install: (s: Stage) => s.done("skills", "add", repository, ...everyAgent),
  },
  {
    ways: "from the marketplace",
    install: async (s: Stage) => {
      await s.done("claude", "plugin", "marketplace", "add", repository);
      await s.done("claude", "plugin", "install", "dispatch@dispatch");
    },
  },
])(
  "installed $ways, the hooks tell a session of its tasks",
  async ({ install }) => {
    const s = await stage(
      {
        steps: [
          shell("dispatch run --id paint --model sonnet --item 'Do it' 'paint the fence'"),
          text("Handed over: paint."),
          text("paint is done."),
        ],
      },
      worker("paint"),
    );
    await install(s);
    const gate = join(s.project, "gate-paint");
    Bun.spawnSync(["mkfifo", gate]);
    const hears = (words: string) =>
      s.server.arrival((request) => ofHost(request) && added(request).includes(words));

    // Manual permissions, and nobody is asked: the skill allows what it needs.
    const host = await startHost(
      s.folder,
      s.project,
      s.env,
      "claude",
      "--permission-mode",
      "default",
    );
    await host.say("/dispatch paint the fence");
    // With its hooks on, a session is not told how to wait.
    expect(added(await hears("dispatched paint"))).toEndWith("\ndispatched paint using sonnet");
    await host.shows(/Handed over/);
    // Not `Bun.$`, which would hold up the model server until the worker is at its gate.
    await s.done("sh", "-c", `echo go >${gate}`);
    await hears("paint done in ");
    await host.shows(/paint is done/);
    expect(s.server.problems).toEqual([]);
    host.close();
  },
  limitMs,
);
