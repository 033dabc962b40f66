/** Bad input: a clear error, the exit code, the next command, and nothing changed on disk. */

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary, scene, type Scene } from "./scene.ts";

/** Every path below the project, for seeing that nothing came or went. */
const tree = (s: Scene) => readdirSync(s.project, { recursive: true }).map(String).sort();

test.each<[argv: string[], exit: number, error: string]>([
  [["run"], 2, 'error: the prompt is empty\nhint: dispatch run "what is to be done"\n'],
  [["run", "  "], 2, 'error: the prompt is empty\nhint: dispatch run "what is to be done"\n'],
  [
    ["run", "fix", "it"],
    2,
    "error: 2 arguments, expected PROMPT\nhint: put quotes around a text of several words; dispatch run --help\n",
  ],
  [
    ["run", "--modle", "opus", "x"],
    2,
    "error: unknown flag --modle; did you mean --model?\nhint: dispatch run --help; a text that begins with a dash goes behind --\n",
  ],
  [["run", "--model"], 2, "error: --model needs a value\n"],
  [["run", "--model", "--follow", "x"], 2, "error: --model needs a value\n"],
  [["run", "--json=yes", "x"], 2, "error: --json takes no value\n"],
  [["run", "--id", "a", "--id", "b", "x"], 2, "error: --id was given 2 times; expected once\n"],
  [
    ["run", "--id", "..", "x"],
    2,
    'error: not a task id: ".."; expected kebab-case (a-z, 0-9, -), at most 64 characters\nhint: for example: --id my-task\n',
  ],
  [
    ["run", "--id", "../../etc", "x"],
    2,
    'error: not a task id: "../../etc"; expected kebab-case (a-z, 0-9, -), at most 64 characters\nhint: for example: --id etc\n',
  ],
  [
    ["run", "--id", "Paint", "x"],
    2,
    'error: not a task id: "Paint"; expected kebab-case (a-z, 0-9, -), at most 64 characters\nhint: for example: --id paint\n',
  ],
  [
    ["run", "--id", "a".repeat(300), "x"],
    2,
    `error: not a task id: "${"a".repeat(40)}…"; expected kebab-case (a-z, 0-9, -), at most 64 characters\nhint: for example: --id ${"a".repeat(40)}\n`,
  ],
  [
    ["run", "--plan", "nowhere.md", "x"],
    2,
    "error: cannot read the plan nowhere.md; expected a Markdown file\n",
  ],
  [
    ["run", "--plan", "empty.md", "x"],
    2,
    "error: the plan empty.md has no items; expected lines like '- [ ] a step'\n",
  ],
  [["run", "--plan", "binary.md", "x"], 2, "error: the plan binary.md is binary, not Markdown\n"],
  [
    ["run", "--plan", "empty.md", "--item", "a", "x"],
    2,
    "error: --plan and --item exclude each other\n",
  ],
  [["run", "--item", " ", "x"], 2, "error: an --item is empty\n"],
  [["run", "--model", "sonet", "x"], 3, 'error: unknown model "sonet"'],
  [["status", "nope"], 3, "error: no task nope in "],
  [["status", "--wach"], 2, "error: unknown flag --wach; did you mean --watch?\n"],
  [["answer", "nope"], 3, "error: no task nope in "],
  [["result"], 2, "error: missing ID\nhint: dispatch result --help\n"],
  [
    ["wait", "--timeout", "soon"],
    2,
    "error: --timeout soon: expected a duration like 30s, 3m or 2h\n",
  ],
  [
    ["statsu"],
    2,
    "error: unknown command statsu; did you mean status?\nhint: dispatch status --help\n",
  ],
  [
    ["toString"],
    2,
    'error: unknown command toString\nhint: to start a task: dispatch run "toString …"; all commands: dispatch --help\n',
  ],
  [
    ["ask", "Who?"],
    2,
    'error: only a worker can ask, and DISPATCH_TASK_DIR is not set\nhint: dispatch ask --task ID "…"\n',
  ],
  [["config", "defualt"], 2, "error: unknown config action defualt; did you mean default?\n"],
  [["config", "default", "nope"], 3, "error: unknown name nope\n"],
  [
    ["config", "remove-model", "finishes"],
    4,
    "error: finishes is used by the default\nhint: change that first\n",
  ],
  [
    ["config", "add-alias", "a b", "--model", "finishes"],
    2,
    'error: not a name: "a b"; expected one without spaces or quotes\n',
  ],
  [["config", "add-model", "m", "--backend", "nope"], 3, "error: unknown name nope\n"],
  [["guide", "plan"], 3, "error: no topic plan; did you mean plans?\n"],
])("dispatch %p", async (argv, exit, error) => {
  const s = scene();
  writeFileSync(join(s.project, "empty.md"), "# Nothing\n");
  writeFileSync(join(s.project, "binary.md"), "- [ ] a\0\n");
  const before = tree(s);
  const ran = await s.dispatch(...argv);
  expect(ran.out).toBe("");
  expect(ran.err).toStartWith(error);
  expect(ran.exit).toBe(exit);
  expect(tree(s)).toEqual(before);
});

test.each([
  ["run", ["run", "-"], "a\0b", "error: the prompt holds a NUL byte; expected text\n"],
  [
    "run",
    ["run", "-"],
    "x".repeat(2_000_000),
    "error: the prompt is 2000000 bytes long, at most 1048576 are taken\nhint: put it into a file and name that: --file PATH\n",
  ],
  [
    "run",
    ["run", "--plan", "-", "-"],
    "x",
    "error: the prompt and the plan cannot both come from stdin\n",
  ],
])("dispatch %s with hostile input on stdin", async (_, argv, stdin, error) => {
  const s = scene();
  const before = tree(s);
  expect(await s.dispatchWith({ stdin }, ...argv)).toEqual({ exit: 2, out: "", err: error });
  expect(tree(s)).toEqual(before);
});

test.each([
  ["/clear everything"],
  [`"quoted" and 'single'`],
  ["two\nlines\n\n- [ ] not an item"],
  ["$(touch evil) `touch evil` ; touch evil"],
  ["-x --model nothing"],
  ["x".repeat(120_000)],
])("a prompt like %p arrives as it is", async (prompt) => {
  const s = scene();
  const flags = ["run", "--model", "shows_prompt", "--id", "it", "--item", "a"];
  const started = prompt.startsWith("-")
    ? await s.dispatch(...flags, "--", prompt)
    : await s.dispatchWith({ stdin: prompt }, ...flags, "-");
  expect(started).toMatchObject({ exit: 0, err: "" });
  await s.dispatch("wait");
  const isLong = prompt.length > 100_000;
  const seen = isLong ? s.file("it", "runs/001/prompt.md") : s.file("it", "output.md");
  expect(seen).toContain(`Context:\n${prompt}\n`);
  if (isLong)
    expect(s.file("it", "output.md")).toContain(
      `${s.project}/.dispatch/tasks/it/runs/001/prompt.md`,
    );
  expect(existsSync(join(s.project, "evil"))).toBe(false);
});

test("an id that is taken is refused, and of many who take one at once, one gets it", async () => {
  const s = scene();
  const all = await Promise.all(
    [1, 2, 3, 4].map(() => s.dispatch("run", "--model", "finishes", "--id", "it", "x")),
  );
  expect(all.map(({ exit }) => exit).toSorted((a, b) => a - b)).toEqual([0, 4, 4, 4]);
  const refused = all.find(({ exit }) => exit === 4)!;
  expect(refused.err).toBe(
    "error: the id it is taken\nhint: dispatch status it; or another id, or: dispatch clean it\n",
  );
  const ids = await Promise.all(
    [1, 2, 3].map(() => s.dispatch("run", "--model", "finishes", "--json", "fix the login bug")),
  );
  expect(ids.map(({ out }) => String(JSON.parse(out).id)).toSorted()).toEqual([
    "fix-login-bug",
    "fix-login-bug-2",
    "fix-login-bug-3",
  ]);
  await s.dispatch("wait", "--all");
  expect(readdirSync(join(s.project, ".dispatch/staging"))).toEqual([]);
});

test.each([
  ["broken YAML", "default: [\n", /config\.yaml:2:1: /],
  [
    "a duplicate key",
    "default: a\nmodels:\n  a: { backend: claude }\n  a: { backend: codex }\n",
    /config\.yaml:4:3: this key stands twice; expected each key once\n/,
  ],
  [
    "an alias to nothing",
    "models: { opus: { backend: claude } }\naliases:\n  r: { model: opsu }\n",
    /config\.yaml:3:15: alias r names model opsu, which is not there; did you mean opus\?\n/,
  ],
  [
    "a loop of aliases",
    "aliases:\n  a: { model: b }\n  b: { model: a }\n",
    /config\.yaml:2:15: aliases run in a loop: a → b → a\n/,
  ],
])("a config with %s: line, column, what was expected", async (_, config, message) => {
  const s = scene();
  s.config(config);
  for (const argv of [["run", "x"], ["setup"], ["config", "check"], ["config", "default", "x"]]) {
    const { exit, err, out } = await s.dispatch(...argv);
    expect(exit).toBe(1);
    expect(err).toMatch(message);
    expect(err).toContain("hint: mend the file, then run: dispatch config check\n");
    expect(out).toBe("");
  }
  expect(tree(s)).toEqual([".git", ".git/HEAD"]);
  expect(await Bun.file(join(s.env["DISPATCH_HOME"]!, "config.yaml")).text()).toBe(config);
});

test("an unknown key is a warning, and the program goes on", async () => {
  const s = scene();
  s.config(
    "defalt: x\nmodels: { finishes: { backend: finishes } }\nbackends: { finishes: { command: finishes } }\n",
  );
  const { exit, err } = await s.dispatch("run", "--model", "finishes", "x");
  expect(exit).toBe(0);
  expect(err).toMatch(
    /^warning: \S+config\.yaml:1:1: unknown key defalt; did you mean default\?\n$/,
  );
  await s.dispatch("wait");
});

test("a plan with CRLF, nested items and prose is taken as it is", async () => {
  const s = scene();
  const plan = "# Windows\r\n\r\nSome prose.\r\n- [ ] one\r\n  - [ ] nested\r\n* [x] two\r\n";
  writeFileSync(join(s.project, "plan.md"), plan);
  await s.dispatch("run", "--model", "waits", "--id", "it", "--plan", "plan.md");
  expect(s.file("it", "plan.md")).toBe(plan);
  expect((await s.task("it")).items.map(({ text }: { text: string }) => text)).toEqual([
    "one",
    "nested",
    "two",
  ]);
  await s.open("go");
  expect((await s.dispatch("wait")).out).toContain("it done in ");
});

test("a .dispatch that is a link elsewhere is refused", async () => {
  const s = scene();
  mkdirSync(join(s.home, "elsewhere"));
  symlinkSync(join(s.home, "elsewhere"), join(s.project, ".dispatch"));
  for (const argv of [["run", "x"], ["status"]]) {
    const { exit, err } = await s.dispatch(...argv);
    expect(exit).toBe(4);
    expect(err).toContain(
      `.dispatch is a link to "${s.home}/elsewhere"; expected a folder of its own`,
    );
  }
  expect(readdirSync(join(s.home, "elsewhere"))).toEqual([]);
});

test("a task folder that is a link is no task", async () => {
  const s = scene();
  mkdirSync(join(s.project, ".dispatch/tasks"), { recursive: true });
  symlinkSync(s.home, join(s.project, ".dispatch/tasks/linked"));
  expect(await s.dispatch("status", "linked")).toMatchObject({ exit: 3 });
});

/** Runs a shell script with mounts of its own. */
function mounted(s: Scene, script: string) {
  const asRoot = process.getuid?.() === 0 ? [] : ["-r"];
  const { stdout, exitCode } = Bun.spawnSync(
    ["unshare", ...asRoot, "-m", "sh", "-c", script, "sh", binary],
    {
      cwd: s.project,
      env: s.env,
      stderr: "inherit",
    },
  );
  return { out: stdout.toString(), exit: exitCode };
}

test("a .dispatch that is read-only: a clear error, and what is there can be read", () => {
  const s = scene();
  mkdirSync(join(s.project, ".dispatch/tasks"), { recursive: true });
  const { out } = mounted(
    s,
    `mount --bind .dispatch .dispatch && mount -o remount,ro,bind .dispatch || exit 99
    "$1" status; "$1" run --model finishes x 2>&1; echo "exit $?"`,
  );
  expect(out).toStartWith('no tasks; start one: dispatch run "…"\nerror: ');
  expect(out).toContain(": the file system is read-only\n");
  expect(out).toEndWith("exit 1\n");
});

test("a full disk: a clear error, and no half of a task", () => {
  const s = scene();
  mkdirSync(join(s.project, ".dispatch"));
  const { out } = mounted(
    s,
    `mount -t tmpfs -o size=64k none .dispatch && head -c 60k /dev/zero >.dispatch/filler 2>/dev/null
    head -c 64k /dev/zero >.dispatch/more 2>/dev/null
    "$1" run --model finishes --id it x 2>&1; echo "exit $?"; ls .dispatch/tasks .dispatch/staging 2>/dev/null; "$1" status 2>&1`,
  );
  expect(out).toMatch(/^error: .*the disk is full\n/);
  expect(out).toContain("exit 1\n");
  expect(out).toEndWith('no tasks; start one: dispatch run "…"\n');
});

test("a project that is no git repository is where the person stands", async () => {
  const s = scene();
  const plain = join(s.home, "plain");
  mkdirSync(plain);
  await s.dispatchWith({ cwd: plain }, "run", "--model", "finishes", "--id", "it", "x");
  expect((await s.dispatchWith({ cwd: plain }, "wait")).out).toContain("it done");
  expect(existsSync(join(plain, ".dispatch/tasks/it/plan.md"))).toBe(true);
  expect(await Bun.file(join(plain, ".dispatch/.gitignore")).text()).toBe("*\n");
});

// The runtime itself says so, before anything of ours runs.
test("a current folder that vanishes is said so", () => {
  const s = scene();
  const { stdout } = Bun.spawnSync(
    [
      "sh",
      "-c",
      `mkdir gone && cd gone && rmdir ../gone && "$1" run --model finishes x 2>&1; echo "exit $?"`,
      "sh",
      binary,
    ],
    {
      cwd: s.home,
      env: s.env,
    },
  );
  expect(stdout.toString()).toMatch(
    /^error: The current working directory was deleted.*\nexit 1\n$/,
  );
});

test("with --json an error is an object on stdout", async () => {
  const s = scene();
  const { out, err, exit } = await s.dispatch("status", "nope", "--json");
  expect(exit).toBe(3);
  expect(err).toBe("");
  expect(JSON.parse(out)).toEqual({
    schema: 1,
    error: {
      code: "unknown_task",
      message: `no task nope in ${s.project}/.dispatch`,
      hint: 'there are none yet: dispatch run "…"',
    },
  });
});

test("output that nobody reads is no error", () => {
  const s = scene();
  const { stderr, exitCode } = Bun.spawnSync(
    ["sh", "-c", `"$1" --help | head -1 >/dev/null; "$1" guide files | true`, "sh", binary],
    {
      cwd: s.project,
      env: s.env,
    },
  );
  expect(stderr.toString()).toBe("");
  expect(exitCode).toBe(0);
});

test.each(["ipc", "runs", "notes"])(
  "a task whose %s leads elsewhere is refused",
  async (folder) => {
    const s = scene();
    await s.dispatch("run", "--model", "asks", "--id", "it", "x");
    await s.dispatch("wait");
    const elsewhere = join(s.home, "elsewhere");
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, "001.question"), "Write here?\n");
    rmSync(s.path("it", folder), { recursive: true, force: true });
    symlinkSync(elsewhere, s.path("it", folder));
    for (const argv of [
      ["answer", "it", "x"],
      ["note", "it", "x"],
      ["resume", "it"],
      ["stop", "it"],
    ]) {
      const { exit, err } = await s.dispatch(...argv);
      expect(exit).toBe(4);
      expect(err).toContain(
        `/it/${folder} is a link to "${elsewhere}"; expected a folder of its own`,
      );
    }
    expect(readdirSync(elsewhere)).toEqual(["001.question"]);
  },
);

test("a note is not written through a plan that is a link", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "finishes", "--id", "it", "x");
  await s.dispatch("wait");
  const target = join(s.home, "target");
  writeFileSync(target, "- [ ] mine\n");
  rmSync(s.path("it", "plan.md"));
  symlinkSync(target, s.path("it", "plan.md"));
  await s.dispatch("note", "it", "injected");
  expect(await Bun.file(target).text()).toBe("- [ ] mine\n");
});

test("clean removes no folder that a worker put into its record", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "finishes", "--id", "it", "x");
  await s.dispatch("wait");
  const mine = join(s.home, "dispatch-it-abcdef");
  mkdirSync(mine);
  const path = s.path("it", "runs/001/command.json");
  const record = JSON.parse(await Bun.file(path).text());
  writeFileSync(path, JSON.stringify({ ...record, tmp: mine }));
  expect((await s.dispatch("clean", "it")).out).toBe("removed it\n");
  expect(existsSync(mine)).toBe(true);
});
