/**
 * A folder of its own for a whole run: a home, a config, the binary (a copy, so
 * that a build meanwhile changes nothing), what it is compared with, projects.
 *
 * Workers block on a FIFO that only this process holds open for writing, so
 * they end when it does, however it ends.
 */

import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorLoop } from "./monitor.ts";

const root = join(import.meta.dir, "../..");

export interface Scratch {
  folder: string;
  env: Record<string, string>;
  dispatch: string;
  /** The floor: `console.log("hello")`, compiled as dispatch is. */
  hello: string;
  /** The original's monitor script: `bash SCRIPT IPC_DIR`. */
  monitor: string;
  /** A fake agent whose first act is a byte into `notes`; then it ends. */
  notingWorker: string;
  notes: string;
  /** A new, empty project. */
  project(name: string): string;
  /** Starts a process that is ended with the scratch folder at the latest. */
  start(argv: string[], cwd: string): Started;
  remove(): void;
}

export type Started = Bun.Subprocess<"ignore", "ignore", "inherit">;

export function makeScratch(): Scratch {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "dispatch-bench-")));
  const path = (name: string) => join(folder, name);
  for (const name of ["home", "home/.dispatch", "tmp", "projects"]) mkdirSync(path(name));
  const env = {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    HOME: path("home"),
    DISPATCH_HOME: path("home/.dispatch"),
    TMPDIR: path("tmp"),
    LANG: "C.UTF-8",
  };

  copyFileSync(join(root, "dist/dispatch"), path("dispatch"));
  compileHello(path("hello"));
  writeFileSync(path("monitor.sh"), monitorLoop);
  program(path("noting-worker"), `echo >${path("notes")}`);
  program(path("waiting-worker"), `echo started; read -r _ <${path("gate")}`);
  writeFileSync(path("home/.dispatch/config.yaml"), config(folder));
  for (const fifo of ["notes", "gate"]) Bun.spawnSync(["mkfifo", path(fifo)]);
  const gate = openSync(path("gate"), constants.O_RDWR);

  const started = new Set<Started>();
  return {
    folder,
    env,
    dispatch: path("dispatch"),
    hello: path("hello"),
    monitor: path("monitor.sh"),
    notingWorker: path("noting-worker"),
    notes: path("notes"),
    project: (name) => {
      const project = join(folder, "projects", name);
      mkdirSync(join(project, ".git"), { recursive: true });
      writeFileSync(join(project, ".git/HEAD"), "ref: refs/heads/main\n");
      return project;
    },
    start: (argv, cwd) => {
      const child = Bun.spawn(argv, { cwd, env, stdio: ["ignore", "ignore", "inherit"] });
      started.add(child);
      void child.exited.then(() => started.delete(child));
      return child;
    },
    remove: () => {
      for (const child of started) child.kill("SIGKILL");
      closeSync(gate);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Runs a command to its end; throws when it fails. */
export function run(scratch: Scratch, cwd: string, argv: string[]): void {
  const { exitCode } = Bun.spawnSync(argv, {
    cwd,
    env: scratch.env,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (exitCode !== 0) throw new Error(`${argv.join(" ")} ended with exit code ${exitCode}`);
}

function program(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

/** Fake agents beside a config as people have it. */
const config = (folder: string) => `default: opus
backends:
  claude: {}
  codex: {}
  noting: { command: ${folder}/noting-worker }
  waiting: { command: ${folder}/waiting-worker }
models:
  opus: { backend: claude }
  sonnet: { backend: claude }
  haiku: { backend: claude }
  gpt-5.3-codex: { backend: codex }
  noting: { backend: noting }
  waiting: { backend: waiting }
aliases:
  security-reviewer:
    model: opus
    prompt: You are a security reviewer. Report what can be exploited, with file and line.
`;

/** With the flags of the build script, which are taken from its text: importing it would build. */
function compileHello(outfile: string): void {
  const source = readFileSync(join(root, "scripts/build.ts"), "utf8");
  const list = /const flags = \[([^\]]*)\]/.exec(source)?.[1] ?? "";
  const flags = [...list.matchAll(/"(--[^"]+)"/g)].map(([, flag]) => flag!);
  if (!flags.includes("--compile")) throw new Error("no compile flags found in scripts/build.ts");
  const entry = `${outfile}.ts`;
  writeFileSync(entry, 'console.log("hello");\n');
  const { exitCode } = Bun.spawnSync(
    [process.execPath, "build", ...flags, `--outfile=${outfile}`, entry],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  if (exitCode !== 0) throw new Error("the hello could not be compiled");
}
