/**
 * Tasks in worktrees of their own, with the real agents, from the compiled binary and in a real
 * repository: worked on, committed, asked about, brought home; with codex in its sandbox, which
 * lets it write to nothing but what it was given (so the stage is not below /tmp: `scratch`).
 */

import { describe, expect, onTestFinished, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LoggedRequest, Scenario, Step } from "./model-server.ts";
import { stage as setStage } from "./stage.ts";

const limitMs = 90_000;

const agents = [
  { agent: "claude", model: "sonnet" },
  { agent: "codex", model: "gpt-5.5" },
];

/** What a worker sees of its own task from its worktree, and of the checkout. */
const folderOf = (id: string) => `../../tasks/${id}`;
const checkout = "../../..";
const shell = (...commands: string[]): Step => ({ shell: commands.join(" && ") });
const tick = (item: string, id = "paint") =>
  `sed -i 's/- \\[.\\] ${item}/- [x] ${item}/' ${folderOf(id)}/plan.md`;
const commit = (message: string) => `git add -A && git commit -qm '${message}'`;
const question = (until = "^(red|blue)$"): Step => ({
  poll: {
    shell: 'dispatch ask "Which colour?" --option red --option blue',
    until,
    next: "run: (.*)$",
  },
});
const end = (words: string, id = "paint"): Step[] => [
  shell(`touch ${folderOf(id)}/ipc/.done`),
  { text: words },
];

/** A stage whose project is a repository with a fence in it. */
async function stage(...scenarios: Scenario[]) {
  const s = await setStage(scenarios);
  onTestFinished(s.strike);
  const who = "[user]\nname = You\nemail = you@localhost\n";
  writeFileSync(join(s.home, ".gitconfig"), who);
  /** Runs git in the checkout, where it has to succeed. */
  const git = async (...argv: string[]) => {
    const ran = await s.run(["git", ...argv]);
    expect(ran, argv.join(" ")).toMatchObject({ exit: 0 });
    return ran.out;
  };
  const commitFence = async (text: string) => {
    writeFileSync(join(s.project, "fence.txt"), text);
    await git("add", "fence.txt");
    await git("commit", "-qm", "Build the fence");
  };
  await git("init", "-q", "-b", "main");
  await commitFence("a fence\n");
  const worktree = join(s.project, ".dispatch/worktrees/dispatch-paint");
  return {
    ...s,
    git,
    commitFence,
    worktree,
    fence: () => readFileSync(join(s.project, "fence.txt"), "utf8"),
    start: (model: string, ...more: string[]) =>
      s.dispatch(
        "run",
        "--worktree",
        "--model",
        model,
        "--id",
        "paint",
        ...more,
        "paint the fence",
      ),
    /** Nothing is left of its worktree, and nothing of its work is missing in the checkout. */
    expectHome: async () => {
      expect(existsSync(worktree)).toBe(false);
      expect(await git("worktree", "list", "--porcelain")).not.toContain("dispatch-paint");
      expect(await git("for-each-ref", "refs/heads", "--format=%(refname:short)")).toBe("main\n");
      expect(await git("status", "--porcelain")).toBe("");
    },
    expectPlayed: () => {
      expect(s.server.problems).toEqual([]);
      expect(s.server.left()).toBe(0);
    },
  };
}

/** All that the user has said in the conversation that a request goes on with. */
const heard = ({ body }: LoggedRequest): string =>
  (body.messages ?? body.input)
    .filter(({ role }: any) => role === "user")
    .flatMap(({ content }: any) => content)
    .map((block: any) => (typeof block === "string" ? block : (block.text ?? "")))
    .join("\n");
const heardLast = (requests: readonly LoggedRequest[]) =>
  heard(requests.findLast(({ side }) => !side)!);

const items = ["--item", "Prepare", "--item", "Ask", "--item", "Paint"];
const prepare = shell(
  "echo sanded >> fence.txt",
  "echo hinges > gate.txt",
  commit("Sand"),
  tick("Prepare"),
);

describe.each(agents)("the real $agent in a worktree", ({ model }) => {
  test(
    "does a whole task there: files, commits, question, answer, home",
    async () => {
      const s = await stage({
        steps: [
          prepare,
          question(),
          shell(
            `cat ${folderOf("paint")}/ipc/001.answer >> fence.txt`,
            commit("Paint"),
            `git log -1 --format=%an > ${folderOf("paint")}/output.md`,
            tick("Ask"),
            tick("Paint"),
          ),
          ...end("Painted it as you said."),
        ],
      });
      const head = await s.git("rev-parse", "HEAD");
      expect(await s.start(model, ...items)).toMatchObject({ exit: 0 });
      expect((await s.dispatch("wait")).out).toContain("paint asks:");
      expect(await s.task("paint")).toMatchObject({
        state: "waiting",
        worktree: s.worktree,
        branch: "dispatch/paint",
        progress: { done: 1, total: 3 },
      });
      expect(await s.dispatch("answer", "paint", "blue")).toMatchObject({ exit: 0 });
      const told = (await s.dispatch("wait")).out;
      expect(told).toContain("paint done in ");
      expect(told).toContain("changed in its worktree: fence.txt, gate.txt");

      expect(await s.task("paint")).toMatchObject({ state: "done", run: 1, exit: 0 });
      const result = (await s.dispatch("result", "paint")).out;
      expect(result).toContain(
        "changed: 2 files (+3 -0), 2 commits on dispatch/paint\n  fence.txt +2 -0\n  gate.txt +1 -0\n",
      );
      expect(result).toMatch(/^reported: .*session \S+, \d\.0k tokens in, \d+ out, /m);
      expect(result).toEndWith("what the worker wrote:\nYou\n");
      const { work, tokens } = JSON.parse((await s.dispatch("result", "paint", "--json")).out);
      expect(work).toMatchObject({ branch: "dispatch/paint", commits: 2, uncommitted_files: 0 });
      expect(tokens.output).toBeGreaterThanOrEqual(50 * 5);

      expect([await s.git("rev-parse", "HEAD"), s.fence()]).toEqual([head, "a fence\n"]);
      expect(await s.git("status", "--porcelain")).toBe("");
      expect(await s.dispatch("merge", "paint")).toEqual({
        exit: 0,
        out: "merged paint into main: 2 commits\n",
        err: "",
      });
      expect(s.fence()).toBe("a fence\nsanded\nblue\n");
      expect(s.read("gate.txt")).toBe("hinges\n");
      await s.expectHome();
      s.expectPlayed();
    },
    limitMs,
  );

  test(
    "answered when it has gone, goes on in its session and its worktree",
    async () => {
      const s = await stage({
        steps: [
          prepare,
          question("nobody has answered"),
          shell(`sed -i 's/- \\[ \\] Ask/- [?] Ask/' ${folderOf("paint")}/plan.md`),
          { text: "Nobody is there." },
          shell(
            "dispatch ask --wait 001 >> fence.txt",
            commit("Paint"),
            tick("Ask"),
            tick("Paint"),
          ),
          ...end("Painted it as you said."),
        ],
      });
      await s.start(model, ...items, "--answer-timeout", "1s");
      expect((await s.dispatch("wait")).out).toContain("paint asks:");
      expect((await s.dispatch("wait")).out).toContain("paint blocked, 1/3 items");
      const { session } = await s.task("paint");
      expect(session).toBeString();

      expect((await s.dispatch("answer", "paint", "red")).out).toBe(
        "answered paint; its worker had gone: resumed as run 2\n",
      );
      expect((await s.dispatch("wait")).out).toContain("paint done in ");
      expect(await s.task("paint")).toMatchObject({
        state: "done",
        run: 2,
        session,
        worktree: s.worktree,
        questions: [{ n: "001", answered: true, acknowledged: true }],
      });
      expect(await s.dispatch("merge", "paint")).toMatchObject({
        exit: 0,
        out: "merged paint into main: 2 commits\n",
      });
      expect(s.fence()).toBe("a fence\nsanded\nred\n");
      await s.expectHome();
      s.expectPlayed();
    },
    limitMs,
  );

  test(
    "resumed when its work is at home, goes on in its session and a new worktree",
    async () => {
      const s = await stage({
        steps: [
          prepare,
          ...end("Prepared."),
          shell(
            `test "$(basename "$PWD")" = dispatch-paint`,
            "echo red >> fence.txt",
            commit("Paint"),
          ),
          { text: "Painted." },
        ],
      });
      await s.start(model, "--item", "Prepare");
      expect((await s.dispatch("wait")).out).toContain("paint done in ");
      const { session } = await s.task("paint");
      expect(await s.dispatch("merge", "paint")).toMatchObject({ exit: 0 });
      await s.expectHome();

      await s.dispatch("note", "paint", "And paint it red.");
      expect((await s.dispatch("resume", "paint")).out).toBe(
        "resumed paint as run 2, in the same session\n",
      );
      expect((await s.dispatch("wait")).out).toContain("paint done in ");
      expect(await s.task("paint")).toMatchObject({
        state: "done",
        run: 2,
        session,
        worktree: s.worktree,
      });
      expect((await s.dispatch("result", "paint")).out).toContain(
        "changed: 1 file (+1 -0), 1 commit on dispatch/paint\n  fence.txt +1 -0\n",
      );
      expect(s.fence()).toBe("a fence\nsanded\n");
      expect(await s.dispatch("merge", "paint")).toMatchObject({
        exit: 0,
        out: "merged paint into main: 1 commit\n",
      });
      expect(s.fence()).toBe("a fence\nsanded\nred\n");
      await s.expectHome();
      s.expectPlayed();
    },
    limitMs,
  );

  test(
    "is given back what does not go together with what happened meanwhile",
    async () => {
      const s = await stage({
        steps: [
          shell("echo a red fence > fence.txt", commit("Paint"), tick("Paint")),
          // In a sandbox git cannot take its own notes of it away.
          shell("git rebase --force-rebase main"),
          ...end("Painted."),
          { shell: "git merge main" },
          shell("git ls-files -u | grep -q fence.txt", "echo a long red fence > fence.txt"),
          shell(commit("Merge main")),
          { text: "Painted the longer fence." },
        ],
      });
      await s.start(model, "--item", "Paint");
      expect((await s.dispatch("wait")).out).toContain("paint done in ");
      await s.commitFence("a long fence\n");
      const head = (await s.git("rev-parse", "HEAD")).trim();
      const { session } = await s.task("paint");

      const refused = await s.dispatch("merge", "paint");
      expect(refused).toMatchObject({ exit: 1, out: "" });
      expect(refused.err).toContain("paint conflicts with main in fence.txt; nothing was changed");
      expect(s.fence()).toBe("a long fence\n");
      expect(await s.git("status", "--porcelain")).toBe("");

      expect((await s.dispatch("resume", "paint")).out).toContain("as run 2, in the same session");
      expect((await s.dispatch("wait")).out).toContain("paint done in ");
      expect(await s.task("paint")).toMatchObject({ state: "done", run: 2, session });
      expect(heardLast(s.server.requests)).toContain(
        `Your work conflicts with what main holds by now (${head.slice(0, 12)}), in: fence.txt.`,
      );
      expect(await s.dispatch("merge", "paint")).toMatchObject({ exit: 0 });
      expect(s.fence()).toBe("a long red fence\n");
      await s.expectHome();
      s.expectPlayed();
    },
    limitMs,
  );

  test(
    "is told once what its check has found, in its session",
    async () => {
      const check = "cat fence.txt; test -e paint.txt";
      const s = await stage({
        steps: [
          shell("echo unpainted >> fence.txt", commit("Sand"), tick("Paint")),
          ...end("Painted."),
          shell("echo red > paint.txt", commit("Paint")),
          { text: "Now it is painted." },
        ],
      });
      await s.start(model, "--item", "Paint", "--verify", check, "--retry-on-verify", "1");
      expect((await s.dispatch("wait")).out).toContain("paint done in");
      const task = await s.task("paint");
      expect(task).toMatchObject({ state: "done", run: 2, verify: check });
      expect(JSON.parse(s.read(".dispatch/tasks/paint/runs/002/command.json")!)).toMatchObject({
        resumes: 1,
        session: task.session,
      });
      expect(heardLast(s.server.requests)).toContain(
        `The check \`${check}\` has failed (exit code 1). The end of its output:\n\na fence\nunpainted\n`,
      );
      expect(await s.dispatch("merge", "paint")).toMatchObject({ exit: 0 });
      await s.expectHome();
      s.expectPlayed();
    },
    limitMs,
  );
});

test.each([
  ["loose", []],
  ["packed", ["pack-refs", "--all", "--prune"]],
])(
  "codex's sandbox keeps it from all but its own: %s refs",
  async (_, pack) => {
    const others = [
      "fence.txt",
      ".git/hooks/post-commit",
      ".git/config",
      ".git/HEAD",
      ".git/index",
    ];
    const report = `${folderOf("paint")}/output.md`;
    const s = await stage({
      steps: [
        shell(
          `for file in ${others.join(" ")}; do if echo >> ${checkout}/$file; then echo $file; fi; done > ${report}`,
        ),
        { shell: "git config core.fsmonitor false" },
        shell("echo red >> fence.txt", commit("Paint"), tick("Prepare")),
        question(),
        shell("echo blue >> fence.txt", commit("Paint again"), "git commit --amend -qm Painted"),
        shell(tick("Ask"), tick("Paint")),
        ...end("Painted."),
      ],
    });
    const before = s.read(".git/config");
    if (pack.length > 0) await s.git(...pack);
    await s.start("gpt-5.5", ...items);
    expect((await s.dispatch("wait")).out).toContain("paint asks:");
    // Its own branch, too.
    if (pack.length > 0) await s.git(...pack);
    await s.dispatch("answer", "paint", "blue");
    expect((await s.dispatch("wait")).out).toContain("paint done in ");

    expect(s.read(".dispatch/tasks/paint/output.md")).toBe("");
    expect([s.fence(), s.read(".git/config")]).toEqual(["a fence\n", before]);
    expect(s.read(".git/hooks/post-commit")).toBeNull();
    expect(await s.git("log", "--format=%s", "dispatch/paint")).toBe(
      "Painted\nPaint\nBuild the fence\n",
    );
    expect(await s.dispatch("merge", "paint")).toMatchObject({ exit: 0 });
    expect(s.fence()).toBe("a fence\nred\nblue\n");
    await s.expectHome();
    s.expectPlayed();
  },
  limitMs,
);

test(
  "two that depend on each other and one that does not: each runs as soon as it can",
  async () => {
    const gate = (id: string) => shell(`read -r go < ${checkout}/../gate-${id}`);
    const worker = (id: string, ...steps: Step[]): Scenario => ({
      match: `tasks/${id}/plan.md`,
      steps: [
        shell(`echo ${id} > ${id}.txt`, commit(`Do ${id}`)),
        ...steps,
        shell(`git log --format=%s > ${folderOf(id)}/output.md`, tick("Do it", id)),
        ...end(`Did ${id}.`, id),
      ],
    });
    const s = await stage(
      worker("parent"),
      worker("child", gate("child")),
      worker("lone", gate("lone")),
    );
    const gates = ["child", "lone"].map((id) => join(s.folder, `gate-${id}`));
    expect(await s.run(["mkfifo", ...gates])).toMatchObject({ exit: 0 });
    const start = async (id: string, model: string, ...more: string[]) => {
      const flags = ["--worktree", "--parallel", "9", "--id", id, "--model", model];
      const ran = await s.dispatch("run", ...flags, ...more, "--item", "Do it", `see to ${id}`);
      expect(ran).toMatchObject({ exit: 0 });
    };
    // Another process opens it: the shell does so once its worker is there, and this one has a server.
    const open = (id: string) => s.run(["sh", "-c", `echo go > ${join(s.folder, `gate-${id}`)}`]);

    await start("lone", "gpt-5.5");
    await start("parent", "sonnet");
    await start("child", "sonnet", "--after", "parent");
    expect((await s.dispatch("wait", "parent")).out).toContain("parent done in ");
    await s.server.arrival(({ match }) => match === "tasks/child/plan.md");
    expect((await s.task("lone")).state).toBe("running");
    await open("lone");
    expect((await s.dispatch("wait", "lone")).out).toContain("lone done in ");
    expect((await s.task("child")).state).toBe("running");
    await open("child");
    expect((await s.dispatch("wait", "child")).out).toContain("child done in ");

    const seen = await Promise.all(["lone", "parent", "child"].map(s.task));
    const diary = seen
      .flatMap(({ id, started, ended }) => [
        { what: `${id} starts`, ms: Date.parse(started) },
        { what: `${id} ends`, ms: Date.parse(ended) },
      ])
      .sort((a, b) => a.ms - b.ms);
    // The sum would be one after the other; it is the chain, with the other one beside it.
    expect(diary.map(({ what }) => what)).toEqual([
      "lone starts",
      "parent starts",
      "parent ends",
      "child starts",
      "lone ends",
      "child ends",
    ]);
    const log = (id: string) => s.read(`.dispatch/tasks/${id}/output.md`);
    expect(log("child")).toBe("Do child\nDo parent\nBuild the fence\n");
    expect(log("lone")).toBe("Do lone\nBuild the fence\n");

    for (const id of ["child", "lone", "parent"])
      expect(await s.dispatch("merge", id)).toMatchObject({ exit: 0 });
    for (const id of ["child", "lone", "parent"]) expect(s.read(`${id}.txt`)).toBe(`${id}\n`);
    await s.expectHome();
    s.expectPlayed();
  },
  limitMs,
);
