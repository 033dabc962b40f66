import { defineCommand } from "citty";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failed } from "../core/error.ts";
import { shellQuoted } from "../core/text.ts";
import { paint } from "../render/human.ts";
import { print, talk } from "../render/write.ts";
import { configPathIn, taskPathsIn } from "../store/paths.ts";
import { replace } from "../store/publish.ts";
import { withoutHost } from "../unix/host.ts";
import { selfArgv } from "../unix/self.ts";
import { askPerson, isInteractive } from "../unix/terminal.ts";

const args = {
  prompt: { type: "positional", required: false, description: "for the demo's own agent" },
  worker: { type: "boolean", description: "be the demo's agent" },
} as const;

/** The whole flow by its real commands, in a folder of its own, with a scripted agent that is this binary. */
export default defineCommand({
  meta: {
    name: "demo",
    description: "the whole flow with a built-in agent: no CLI, account or network",
  },
  args,
  async run({ args: given }) {
    if (given.worker) return work();

    const folder = mkdtempSync(join(tmpdir(), "dispatch-demo-"));
    try {
      const dispatch = demoShell(folder);
      print("A task is handed to a background agent; this shell is free at once.");
      await dispatch([
        "run",
        "--id",
        "greeting",
        "--item",
        "Look around",
        "--item",
        "Ask which greeting is wanted",
        "--item",
        "Write the greeting to output.md",
        "use demo to write a greeting",
      ]);
      print(
        "\nThe agent is stuck on something that only you know. `wait` returns as soon as it asks:",
      );
      await dispatch(["wait"]);
      await dispatch(["status"]);
      const said = isInteractive() ? (await askPerson("your answer [Hello]: "))?.trim() : "";
      print("\nYour answer goes back to the same agent, which has lost nothing:");
      await dispatch(["answer", "greeting", said || "Hello"]);
      await dispatch(["wait"]);
      await dispatch(["result", "greeting"]);
      print('\nThat was all of it. With your own agents: dispatch run "…"');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
});

/** Shows each command, then runs it in the demo's folder with the demo's config. */
function demoShell(folder: string): (argv: string[]) => Promise<void> {
  const home = join(folder, "home");
  const project = join(folder, "project");
  mkdirSync(home);
  mkdirSync(project);
  // Within the folder, so that the worker's own goes with it.
  const tmp = join(folder, "tmp");
  mkdirSync(tmp);
  const worker = [...selfArgv(), "demo", "--worker"].map(shellQuoted).join(" ");
  writeFileSync(
    configPathIn(home),
    `default: demo\nconfirm_default: false\nbackends:\n  demo:\n    command: ${JSON.stringify(worker)}\nmodels:\n  demo: { backend: demo }\n`,
  );
  const env = { ...withoutHost(process.env), DISPATCH_HOME: home, TMPDIR: tmp };
  return async (argv) => {
    print(
      `\n${paint("dim", "$")} ${paint("bold", ["dispatch", ...argv].map(shellQuoted).join(" "))}`,
    );
    const child = Bun.spawn([...selfArgv(), ...argv], {
      cwd: project,
      env,
      stdio: ["ignore", "inherit", "inherit"],
    });
    if ((await child.exited) !== 0) throw failed("demo", `dispatch ${argv[0]} failed in the demo`);
  };
}

const stepMs = 400;

/** The agent: what any agent CLI does by its prompt, without a model. */
async function work(): Promise<void> {
  const taskDir = process.env["DISPATCH_TASK_DIR"];
  if (taskDir === undefined)
    throw failed("demo", "the demo's agent was started outside the demo", "dispatch demo");
  const task = taskPathsIn(taskDir, "demo");
  const tick = () => replace(task.plan, readFileSync(task.plan, "utf8").replace("- [ ]", "- [x]"));
  talk.info("looking around");
  await Bun.sleep(stepMs);
  tick();
  const greeting = await ask(["Which greeting?", "--option", "Hello", "--option", "Ahoy"]);
  tick();
  await Bun.sleep(stepMs);
  replace(task.output, `${greeting}, from an agent in a context of its own.\n`);
  tick();
  replace(task.completionMark, "");
  print(`wrote the greeting: ${greeting}`);
}

/** Runs `dispatch ask`, and whatever it prints to run next, until there is an answer. */
async function ask(argv: string[]): Promise<string> {
  for (let next = argv; ;) {
    const child = Bun.spawn([...selfArgv(), "ask", ...next], { stdio: ["ignore", "pipe", "pipe"] });
    const [answer, talked, exit] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (exit === 0) return answer.trim();
    const again = /dispatch ask (--wait \d+ --try \d+)/.exec(talked)?.[1];
    if (again === undefined) throw failed("demo", `nobody answered: ${talked.trim()}`);
    next = again.split(" ");
  }
}
