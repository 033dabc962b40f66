/** `dispatch run` with a batch: several tasks from one text, all of them or none. */

import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { binary, scene, type Scene } from "./scene.ts";
import { processesWith } from "./machine.ts";

const start = (s: Scene, stdin: string, ...flags: string[]) =>
  s.dispatchWith({ stdin }, "run", "-", ...flags);

const configPath = (s: Scene) => join(s.env["DISPATCH_HOME"]!, "config.yaml");
const readConfig = (s: Scene) => readFileSync(configPath(s), "utf8");

/** More models for the scene's config, as lines like `name: { backend: … }`. */
const addModels = (s: Scene, ...models: string[]) =>
  s.config(
    readConfig(s).replace("models:\n", `models:\n${models.map((it) => `  ${it}\n`).join("")}`),
  );

/** A backend with a command of its own, and the model that it serves, under one name. */
function addAgent(s: Scene, name: string, command = name): void {
  s.config(readConfig(s).replace("backends:\n", `backends:\n  ${name}: { command: ${command} }\n`));
  addModels(s, `${name}: { backend: ${name} }`);
}

/** A CLI that lists a model which the config does not know yet, and can do its work. */
const addListing = (s: Scene, listing = "") =>
  s.program(
    "agent",
    `case "$1" in models) printf 'Available models\\n\\ngemini-3.1-pro - Gemini\\n'; ${listing};; *) tick_all;; esac`,
  );

const namesIn = (folder: string) => (existsSync(folder) ? readdirSync(folder).sort() : []);
const taskIds = (s: Scene) => namesIn(join(s.project, ".dispatch/tasks"));

/** All that could tell of a task: files, what was learnt, what runs. */
const traces = (s: Scene) => ({
  files: readdirSync(s.project, { recursive: true })
    .map(String)
    .filter((path) => !/\/(?:journal\.log|supervisor\.lock|told\/\w+)$/.test(path))
    .sort(),
  config: readConfig(s),
  processes: processesWith(`SCENE=${s.env["SCENE"]}`),
  temporary: namesIn(s.env["TMPDIR"]!),
});

describe("several tasks start from one text", () => {
  test("each with its own model, plan and context, and both end done", async () => {
    const s = scene();
    const ran = await start(
      s,
      `# Security review
id: review
model: shows_prompt
file: docs/threats.md
file: docs/old.md

It is a bank's.

- [ ] Scan for hardcoded secrets
  in its whole history
- [ ] Write the findings to output.md

Nobody else may see them.

# Tests for the API
model: waits

- [ ] Write them
`,
    );
    expect(ran).toEqual({
      exit: 0,
      out: "dispatched review using shows_prompt, tests-api using waits\n",
      err: "",
    });
    expect(taskIds(s)).toEqual(["review", "tests-api"]);
    expect(s.file("tests-api", "plan.md")).toBe("# Tests for the API\n\n- [ ] Write them\n");
    expect((await s.task("tests-api")).state).toBe("running");
    await s.open("go");
    await s.dispatch("wait", "--all");

    expect(s.file("review", "plan.md")).toBe(
      "# Security review\n\n- [x] Scan for hardcoded secrets\n  in its whole history\n- [x] Write the findings to output.md\n",
    );
    const prompt = s.file("review", "output.md")!;
    expect(prompt).toStartWith("Your plan is the checklist in .dispatch/tasks/review/plan.md.");
    expect(prompt).toEndWith(
      "\n\nContext:\nSecurity review\nIt is a bank's.\n\nNobody else may see them.\nRead first: docs/threats.md, docs/old.md\n",
    );
    expect(s.file("tests-api", "runs/001/prompt.md")).toEndWith(
      "\n\nContext:\nTests for the API\n",
    );
    for (const [id, model, total] of [
      ["review", "shows_prompt", 2],
      ["tests-api", "waits", 1],
    ] as const)
      expect(await s.task(id)).toMatchObject({
        state: "done",
        model,
        progress: { done: total, total },
      });
  });

  test("without a checklist the worker writes its own", async () => {
    const s = scene();
    const text =
      "# Fix the login bug\nid: it\nmodel: waits\n\nIt fails for `ü`:\n\n```\n# login ü\n```\n";
    expect(await start(s, text)).toMatchObject({ exit: 0, err: "" });
    expect(s.file("it", "plan.md")).toBe("# Fix the login bug\n\n- [ ] Fix the login bug\n");
    const prompt = s.file("it", "runs/001/prompt.md")!;
    expect(prompt).toContain("It holds one item, the task itself.");
    expect(prompt).toEndWith(
      "\n\nContext:\nFix the login bug\nIt fails for `ü`:\n\n```\n# login ü\n```\n",
    );
    await s.open("go");
    await s.dispatch("wait", "--all");
    expect((await s.task("it")).state).toBe("done");
  });

  test("with CRLF and a byte order mark, as an editor may leave it", async () => {
    const s = scene();
    const text = "\ufeff# A\r\nmodel: finishes\r\n\r\n- [ ] a\r\n\r\n# B\r\nid: b\r\n";
    expect((await start(s, text)).out).toBe(
      "dispatched a using finishes, b using finishes (the default)\n",
    );
    await s.dispatch("wait", "--all");
    expect(s.file("a", "plan.md")).toBe("# A\n\n- [x] a\n");
  });

  test("two with the same title get ids of their own, beside those that are taken", async () => {
    const s = scene();
    const text = "# Fix the login bug\n\n# Fix the login bug\n";
    expect((await start(s, text)).out).toBe(
      "dispatched fix-login-bug using finishes (the default), fix-login-bug-2 using finishes (the default)\n",
    );
    await start(s, text);
    await s.dispatch("wait", "--all");
    expect(taskIds(s)).toEqual([1, 2, 3, 4].map((n) => `fix-login-bug${n === 1 ? "" : `-${n}`}`));
  });

  test.each([
    [
      "before",
      "# Review\nid: review-2\n\n# Review\n\n# Review\n",
      ["review-2", "review", "review-3"],
    ],
    ["after", "# Review\n\n# Review\n\n# Other\nid: review\n", ["review-2", "review-3", "review"]],
  ])(
    "an id that was asked for is its task's, titles that make the same stand %s",
    async (_, text, ids) => {
      const s = scene();
      const ran = await start(s, text, "--json");
      expect(ran).toMatchObject({ exit: 0, err: "" });
      expect(JSON.parse(ran.out).tasks.map(({ id }: { id: string }) => id)).toEqual(ids);
      await s.dispatch("wait", "--all");
    },
  );

  test("--model is for those that name none, and wins over names in their titles", async () => {
    const s = scene();
    const text = "# A\n\n# B\nmodel: finishes\n\n# Have finishes_with_output do C\nid: c\n";
    expect((await start(s, text, "--model", "ends_without_ticking")).out).toBe(
      "dispatched a using ends_without_ticking, b using finishes, c using ends_without_ticking\n",
    );
    expect((await start(s, text.replace("id: c", "id: d"))).out).toBe(
      "dispatched a-2 using finishes (the default), b-2 using finishes, d using finishes_with_output\n",
    );
    await s.dispatch("wait", "--all");
  });

  test("with --json all of them are in one object, one alone too", async () => {
    const s = scene();
    const two = await start(s, "# A\nmodel: finishes\n\n# B\n", "--json");
    const shared = {
      run: 1,
      model: "finishes",
      backend: "finishes",
      alias: null,
      branch: null,
      waits: null,
    };
    expect(two.err).toBe("");
    expect(JSON.parse(two.out)).toEqual({
      schema: 1,
      tasks: [
        { id: "a", ...shared, why: "flag" },
        { id: "b", ...shared, why: "default" },
      ],
    });
    expect(JSON.parse((await start(s, "# C\n", "--json")).out)).toEqual({
      schema: 1,
      tasks: [{ id: "c", ...shared, why: "default" }],
    });
    const { out, err, exit } = await start(s, "# D\n\n# E\nmodle: x\n", "--json");
    expect({ err, exit, ...JSON.parse(out) }).toEqual({
      err: "",
      exit: 2,
      schema: 1,
      error: {
        code: "usage",
        message: "nothing was started\nline 4: unknown key modle; did you mean model?",
        hint: "dispatch guide batch",
      },
    });
    await s.dispatch("wait", "--all");
  });

  test("a model that is new to the config is learnt once, for all that name it", async () => {
    const s = scene();
    addListing(s);
    const text = "# A\nmodel: gemini-3.1-pro\n\n# B\nmodel: gemini-3.1-pro\n";
    expect(await start(s, text)).toMatchObject({ exit: 0, err: "" });
    expect(readConfig(s).split("gemini-3.1-pro: { backend: cursor }").length).toBe(2);
    await s.dispatch("wait", "--all");
    for (const id of ["a", "b"]) expect((await s.task(id)).state).toBe("done");
  });

  test("they are told of the folder that the text was sent from", async () => {
    const s = scene();
    const cwd = join(s.project, "docs/api");
    mkdirSync(cwd, { recursive: true });
    await s.dispatchWith({ cwd, stdin: "# A\nmodel: shows_prompt\n# B\n" }, "run", "-");
    await s.dispatch("wait", "--all");
    expect(s.file("a", "output.md")).toContain("The request was made in the folder docs/api.\n");
  });

  test("--dry-run prints each of them and starts none", async () => {
    const s = scene();
    const before = traces(s);
    const { exit, err, out } = await start(
      s,
      "# Fix it\nmodel: finishes\n\n- [ ] a\n\nWith care.\n\n# Fix it\nfile: b.md\n",
      "--dry-run",
    );
    expect({ exit, err }).toEqual({ exit: 0, err: "" });
    const [first, second, ...others] = out.split(/^(?=task: )/m);
    expect(first).toStartWith(`task: fix\nroute: finishes on finishes\ncwd: ${s.project}\n`);
    expect(first).toContain("Context:\nFix it\nWith care.\n");
    expect(second).toStartWith("task: fix-2\nroute: finishes (the default) on finishes\n");
    expect(second).toContain("Context:\nFix it\nRead first: b.md\n");
    expect(others).toEqual([]);
    expect(traces(s)).toEqual(before);
  });

  test("of several that take the same ids at once, one gets all of them", async () => {
    const s = scene();
    const text = "# A\nid: a\nmodel: finishes\n\n# B\nid: b\nmodel: finishes\n";
    const all = await Promise.all([1, 2, 3, 4].map(() => start(s, text)));
    expect(all.map(({ exit }) => exit).toSorted((a, b) => a - b)).toEqual([0, 4, 4, 4]);
    await s.dispatch("wait", "--all");
    expect(taskIds(s)).toEqual(["a", "b"]);
    for (const id of ["a", "b"]) expect((await s.task(id)).state).toBe("done");
    expect(namesIn(join(s.project, ".dispatch/staging"))).toEqual([]);
  });
});

/** A first task that is fine, six lines long, with a model that would be learnt. */
const fine = "# Fine\nid: fine\nmodel: gemini-3.1-pro\n\n- [ ] a\n\n";

describe("a text with anything wrong in it starts nothing", () => {
  test.each<[what: string, text: string, errors: string]>([
    ["an unknown key", "# B\nmodle: x\n", "line 8: unknown key modle; did you mean model?"],
    [
      "an unknown key near none",
      "# B\npriority: 1\n",
      "line 8: unknown key priority; keys are id, model, file, worktree, after, verify, time_limit, stall_after, answer_timeout, prose goes behind a blank line",
    ],
    ["an empty value", "# B\nmodel:\n", "line 8: model: has no value"],
    ["a second model", "# B\nmodel: finishes\nmodel: asks\n", "line 9: a second model"],
    ["a second id", "# B\nid: b\nid: c\n", "line 9: a second id"],
    [
      "a bad id",
      "# B\nid: ../../etc\n",
      'line 8: not a task id: "../../etc"; expected kebab-case (a-z, 0-9, -), at most 64 characters',
    ],
    ["the same id twice", "# B\nid: fine\n", "line 7: the id fine is that of line 1 too"],
    ["a bad worktree", "# B\nworktree: 1\n", "line 8: worktree: 1; expected yes or no"],
    [
      "a key too low",
      "# B\n\n- [ ] a\n\nmodel: asks\n",
      "line 11: model: stands too low; keys go right under the title",
    ],
    ["an empty title", "#\nid: b\n", "line 7: the title is empty"],
    ["an empty item", "# B\n- [ ] a\n- [ ]\n", "line 9: the item is empty"],
    ["nothing to do", "# B\n- [x] a\n- [x] b\n", "line 8: every item is ticked"],
    ["an unknown marker", "# B\n- [-] a\n", "line 8: unknown marker [-]; expected [ ]"],
    [
      "all of it",
      "# \nid: B\nmodle: x\n\n- [-] a\n- [ ]\n",
      `line 7: the title is empty
line 8: not a task id: "B"; expected kebab-case (a-z, 0-9, -), at most 64 characters
line 9: unknown key modle; did you mean model?
line 11: unknown marker [-]; expected [ ]
line 12: the item is empty`,
    ],
    [
      "more than anybody reads",
      `# B\n${"- [ ]\n".repeat(100)}`,
      Array.from({ length: 10 }, (_, at) => `line ${at + 8}: the item is empty`).join("\n"),
    ],
  ])("%s", async (_, text, errors) => {
    const s = scene();
    addListing(s);
    const before = traces(s);
    expect(await start(s, fine + text)).toEqual({
      exit: 2,
      out: "",
      err: `error: nothing was started\n${errors}\nhint: dispatch guide batch\n`,
    });
    expect(traces(s)).toEqual(before);
  });

  test("and the guide that it points to holds an example that starts", async () => {
    const s = scene();
    const { out } = await s.dispatch("guide", "batch");
    const example = /<<'EOF'\n([^]*?)\n {4}EOF\n/.exec(out)?.[1] ?? "";
    const text = example.replaceAll(/^ {4}/gm, "").replaceAll(/^model: .*/gm, "model: finishes");
    expect(await start(s, text)).toMatchObject({ exit: 0, err: "" });
    await s.dispatch("wait", "--all");
    expect(taskIds(s).length).toBe(2);
  });

  test.each<[what: string, text: string, exit: number, error: string]>([
    [
      "an unknown model",
      "# B\nmodel: finishs\n",
      3,
      'error: nothing was started\nline 7: unknown model "finishs"; did you mean finishes?\nhint: all names: dispatch models',
    ],
    [
      "a taken id",
      "# B\nid: taken\n",
      4,
      "error: nothing was started\nline 7: the id taken is taken\nhint: dispatch status taken; or another id, or: dispatch clean taken\n",
    ],
    [
      "a built-in backend whose CLI is not there",
      "# B\nmodel: absent\n",
      1,
      "error: nothing was started\nline 7: Claude Code is not on PATH (looked for claude)\nhint: install it: ",
    ],
    [
      "a command whose program is not there",
      "# B\nmodel: nowhere\n",
      1,
      "error: nothing was started\nline 7: no-such-agent is not on PATH (command of nowhere)\nhint: mend the command: dispatch config path\n",
    ],
    [
      "a worktree, by its key",
      "# B\nworktree: yes\n",
      4,
      "is no git checkout, so there is nothing to make a worktree of\nhint: git init && git add -A && git commit; or run it without a worktree\n",
    ],
    [
      "a worktree, by its title",
      "# Do B in a worktree\n",
      4,
      "is no git checkout, so there is nothing to make a worktree of\nhint: git init && git add -A && git commit; or run it without a worktree\n",
    ],
  ])("%s in its second task", async (_, text, exit, error) => {
    const s = scene();
    addListing(s);
    addAgent(s, "nowhere", "no-such-agent");
    addModels(s, "absent: { backend: claude }");
    await s.dispatch("run", "--model", "finishes", "--id", "taken", "x");
    await s.dispatch("wait", "--all");
    const before = traces(s);
    const ran = await start(s, fine + text);
    expect(ran.err).toContain(error);
    expect(ran).toMatchObject({ exit, out: "" });
    expect(traces(s)).toEqual(before);
  });

  test.each([
    ["--id", "x"],
    ["--item", "x"],
    ["--plan", "plan.md"],
    ["--context", "x"],
    ["--file", "plan.md"],
  ])("%s goes with one task", async (flag, value) => {
    const s = scene();
    writeFileSync(join(s.project, "plan.md"), "- [ ] a\n");
    const before = traces(s);
    for (const text of ["# A\n\n# B\n", "# A\n"])
      expect(await start(s, text, flag, value)).toEqual({
        exit: 2,
        out: "",
        err: `error: ${flag} goes with one task, and this text holds its own\nhint: dispatch guide batch\n`,
      });
    expect(traces(s)).toEqual(before);
  });

  test.each<[what: string, flags: string[], text: string, error: string]>([
    ["--follow", ["--follow"], "# A\n\n# B\n", "--follow goes with one task\n"],
    [
      "a plan from stdin too",
      ["--plan", "-"],
      "# A\n\n# B\n",
      "the prompt and the plan cannot both come from stdin\n",
    ],
    [
      "more than a mebibyte",
      [],
      `# A\n\n${"x".repeat(1024 * 1024)}`,
      "the text is 1048581 bytes long, at most 1048576 are taken\nhint: make several tasks of it\n",
    ],
    [
      "more than a mebibyte, though fewer characters",
      [],
      `# A\n\n# B\n\n${"ü".repeat(600_000)}`,
      "the text is 1200010 bytes long, at most 1048576 are taken\nhint: make several tasks of it\n",
    ],
    ["a NUL byte", [], "# A\n\n# B\0\n", "the text holds a NUL byte; expected text\n"],
  ])("%s is refused", async (_, flags, text, error) => {
    const s = scene();
    const before = traces(s);
    const ran = await start(s, text, ...flags);
    expect(ran.err.slice(0, 300)).toStartWith(`error: ${error}`);
    expect(ran).toMatchObject({ exit: 2, out: "" });
    expect(traces(s)).toEqual(before);
  });

  // A heredoc that is indented with its script.
  test.each([[[]], [["--json"]], [["--dry-run"]]])(
    "a text of indented titles is not taken for one that holds nothing: %p",
    async (flags) => {
      const s = scene();
      const { exit, out, err } = await start(s, "  # A\n\n  # B\n", ...flags);
      expect(out + err).not.toContain("this is a bug in dispatch");
      expect({ exit, started: taskIds(s).length, isSaid: out.trim() !== "" }).not.toMatchObject(
        flags.length === 0 ? { exit: 0, started: 0 } : { exit: 0, isSaid: false },
      );
      await s.dispatch("wait", "--all");
    },
  );
});

test("a text of the greatest length is taken whole", async () => {
  const s = scene();
  const head = "# A\nid: a\nmodel: finishes\n\n";
  const prose = "x".repeat(1024 * 1024 - head.length);
  expect(await start(s, head + prose)).toMatchObject({ exit: 0, err: "" });
  await s.dispatch("wait", "--all");
  expect(s.file("a", "runs/001/prompt.md")).toEndWith(`Context:\nA\n${prose}\n`);
});

test.each([
  ["fix it"],
  ["Fix it.\n\n## Steps\n\n- [ ] not an item\n\n# Not a title"],
  ["```\n# Not a title\n```"],
])("any other text on stdin is a single prompt: %j", async (prompt) => {
  const s = scene();
  const ran = await start(s, prompt, "--model", "shows_prompt", "--id", "it", "--json");
  expect(JSON.parse(ran.out)).toMatchObject({ schema: 1, id: "it", run: 1 });
  await s.dispatch("wait", "--all");
  expect(taskIds(s)).toEqual(["it"]);
  expect(s.file("it", "output.md")).toContain(`Context:\n${prompt}\n`);
});

test.each([
  ["#Title", 1],
  ["\n## Title\nmodel: finishes\n", 2],
  ["Here they are:\n\n# A\nmodel: finishes\n", 4],
  ["Security review\nmodel: finishes\n- [ ] a\n", 2],
])("a text that is nearly a batch starts nothing: %j", async (text, line) => {
  const s = scene();
  const before = traces(s);
  expect(await start(s, text)).toEqual({
    exit: 2,
    out: "",
    err: `error: nothing was started\nline ${line}: is this a batch? it has to begin with "# Title" (one #, a blank)\nhint: dispatch guide batch; a text that is one prompt is taken as an argument too\n`,
  });
  expect(traces(s)).toEqual(before);
});

test("all models that are unknown are told at once", async () => {
  const { exit, err } = await start(scene(), "# A\nmodel: finishs\n\n# B\nmodel: zzz-9\n");
  expect(exit).toBe(3);
  expect(err).toStartWith(
    'error: nothing was started\nline 1: unknown model "finishs"; did you mean finishes?\nline 4: unknown model "zzz-9"\nhint: all names: dispatch models; known: ',
  );
});

test("one argument holds a batch as stdin does", async () => {
  const s = scene();
  const before = traces(s);
  expect(await s.dispatch("run", "# A\n\n# B\nmodle: x\n")).toEqual({
    exit: 2,
    out: "",
    err: "error: nothing was started\nline 4: unknown key modle; did you mean model?\nhint: dispatch guide batch\n",
  });
  expect(traces(s)).toEqual(before);
  expect(await s.dispatch("run", "# A\n\n# B\nmodel: shows_prompt\n\nWith 'care'.\n")).toEqual({
    exit: 0,
    out: "dispatched a using finishes (the default), b using shows_prompt\n",
    err: "",
  });
  await s.dispatch("wait", "--all");
  expect(s.file("b", "output.md")).toEndWith("Context:\nB\nWith 'care'.\n");
});

describe("where a later worker cannot be started, no task is left and the earlier ones are ended", () => {
  const first = "# First\nmodel: never_ends\n";
  const stubborn = "# Stubborn\nmodel: ignores_term\n";

  // What is planned last asks the CLIs for their models, and one of them takes a program away.
  test("its program has gone since the text was read", async () => {
    const s = scene();
    const program = join(s.env["PATH"]!.split(":")[0]!, "vanishes");
    s.program("vanishes", "tick_all");
    addAgent(s, "vanishes");
    addListing(s, `rm "${program}"`);
    const { config } = traces(s);
    const ran = await start(
      s,
      `${first}\n${stubborn}\n# Third\nmodel: vanishes\n\n# Last\nmodel: gemini-3.1-pro\n`,
    );
    expect(existsSync(program)).toBe(false);
    expect(ran).toMatchObject({ exit: 1, out: "" });
    expect(ran.err).toContain("vanishes is not on PATH (command of vanishes)\n");
    expect(taskIds(s)).toEqual([]);
    expect(traces(s)).toMatchObject({ config, processes: [], temporary: [] });
    expect(namesIn(join(s.project, ".dispatch/staging"))).toEqual([]);
  });

  // The kernel takes a quarter of the stack's limit as arguments and environment, 2 MiB here.
  test.each([
    ["the first is ended", `${first}\n# Last\nmodel: finishes\n\n`],
    ["the first two are ended", `${first}\n${stubborn}\n# Last\nmodel: finishes\n\n`],
    ["it is the first itself", "# Last\nmodel: finishes\n\n"],
  ])("its command line is longer than the kernel takes: %s", async (_, head) => {
    const s = scene();
    const filled = Object.fromEntries(
      Array.from({ length: 21 }, (__, index) => [`FILLED_${index}`, "x".repeat(96_000)]),
    );
    const limited = async (stdin: string) => {
      const child = Bun.spawn(["sh", "-c", 'ulimit -S -s 8192; exec "$0" run -', binary], {
        cwd: s.project,
        env: { ...s.env, ...filled },
        stdin: Buffer.from(stdin),
        stdout: "pipe",
        stderr: "pipe",
      });
      const [out, err] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      return { exit: await child.exited, out, err };
    };
    // With less to say the same are started.
    expect(await limited(head)).toMatchObject({ exit: 0, err: "" });
    await s.dispatch("stop", ...taskIds(s), "--grace", "100ms");
    await s.dispatch("clean", "--all");
    expect(taskIds(s)).toEqual([]);

    const ran = await limited(head + "x".repeat(98_000));
    expect(ran).toMatchObject({ exit: 1, out: "" });
    expect(ran.err).toMatch(/^error: .*E2BIG/m);
    expect(ran.err).not.toContain("this is a bug in dispatch");
    expect(taskIds(s)).toEqual([]);
    expect(traces(s)).toMatchObject({ processes: [], temporary: [] });
    expect(namesIn(join(s.project, ".dispatch/staging"))).toEqual([]);
  });
});

// Every write of it fails once: with one inode more each time, the next one is the first that fails.
test("on a disk that is full, all of them are started or none is left", () => {
  const asRoot = process.getuid?.() === 0 ? [] : ["-r"];
  const script = `mount -t tmpfs -o nr_inodes=$2 none .dispatch || exit 99
    "$1" run - >/dev/null 2>&1; echo "exit $?"; ls .dispatch/tasks 2>/dev/null; true`;
  const halves: object[] = [];
  const exits = new Set<number>();
  for (let inodes = 2; !exits.has(0) && inodes < 100; inodes++) {
    const s = scene();
    mkdirSync(join(s.project, ".dispatch"));
    const { stdout, exitCode } = Bun.spawnSync(
      ["unshare", ...asRoot, "-m", "sh", "-c", script, "sh", binary, String(inodes)],
      {
        cwd: s.project,
        env: s.env,
        stdin: Buffer.from("# First\nmodel: never_ends\n\n# Last\nmodel: never_ends\n"),
      },
    );
    expect(exitCode).toBe(0);
    const [said, ...left] = stdout.toString().trim().split("\n");
    const exit = Number(said!.replace("exit ", ""));
    exits.add(exit);
    if (exit === 0) {
      expect(left).toEqual(["first", "last"]);
      continue;
    }
    const running = processesWith(`SCENE=${s.env["SCENE"]}`).length;
    const temporary = namesIn(s.env["TMPDIR"]!).length;
    if (left.length + running + temporary > 0) halves.push({ inodes, left, running, temporary });
  }
  expect(exits).toEqual(new Set([1, 0]));
  expect(halves).toEqual([]);
}, 30_000);

// The shim says that a worker is exec'd just before it is: what fails then is the task's outcome.
test.each([
  ["a bad interpreter", "#!/no/such/interpreter\n"],
  ["no program in it", "\u007fELF\0"],
])("a program with %s has started and failed, and disturbs no other", async (_, source) => {
  const s = scene();
  const program = join(s.env["PATH"]!.split(":")[0]!, "broken");
  writeFileSync(program, source);
  chmodSync(program, 0o755);
  addAgent(s, "broken");
  const text = "# A\nmodel: waits\n\n# B\nmodel: broken\n\n# C\nmodel: finishes\n";
  expect(await start(s, text)).toMatchObject({
    exit: 0,
    out: "dispatched a using waits, b using broken, c using finishes\n",
  });
  await s.dispatch("wait", "b", "c", "--all");
  expect(await s.task("b")).toMatchObject({ state: "failed", cause: "start_failed" });
  expect((await s.task("a")).state).toBe("running");
  await s.open("go");
  await s.dispatch("wait", "--all");
  for (const id of ["a", "c"]) expect((await s.task(id)).state).toBe("done");
});
