/**
 * The command tree, and the only place that catches: an error becomes its
 * message, a hint and an exit code. Commands are loaded one by one, when they
 * are named; `--version` is answered before anything is.
 */

import { version } from "../package.json" with { type: "json" };
import type { ArgsDef, CommandDef } from "citty";

const commands = {
  run: () => import("./commands/run.ts"),
  status: () => import("./commands/status.ts"),
  wait: () => import("./commands/wait.ts"),
  answer: () => import("./commands/answer.ts"),
  note: () => import("./commands/note.ts"),
  logs: () => import("./commands/logs.ts"),
  result: () => import("./commands/result.ts"),
  stats: () => import("./commands/stats.ts"),
  stop: () => import("./commands/stop.ts"),
  resume: () => import("./commands/resume.ts"),
  diff: () => import("./commands/diff.ts"),
  merge: () => import("./commands/merge.ts"),
  pr: () => import("./commands/pr.ts"),
  clean: () => import("./commands/clean.ts"),
  models: () => import("./commands/models.ts"),
  config: () => import("./commands/config.ts"),
  setup: () => import("./commands/setup.ts"),
  doctor: () => import("./commands/doctor.ts"),
  skill: () => import("./commands/skill.ts"),
  guide: () => import("./commands/guide.ts"),
  demo: () => import("./commands/demo.ts"),
  ask: () => import("./commands/ask.ts"),
  hook: () => import("./commands/hook.ts"),
  supervise: () => import("./commands/supervise.ts"),
};
type Name = keyof typeof commands;

const argv = process.argv.slice(2);
if (argv[0] === "--version" || argv[0] === "-v") {
  console.log(version);
} else {
  // Not awaited: a top-level await that rejects would let the program run on.
  void main(argv);
}

async function main(argv: string[]): Promise<void> {
  let exitCode: number | undefined;
  try {
    await dispatch(argv);
  } catch (error) {
    exitCode = await report(error, argv);
  }
  const { notePaid } = await import("./cli/paying.ts");
  await notePaid(argv);
  // What is still open (a watch, a timer) must not keep a finished command alive.
  process.exit(exitCode ?? process.exitCode);
}

async function dispatch(argv: string[]): Promise<void> {
  const [first, ...rest] = argv;
  if (first === "--help" || first === "-h" || first === "help") {
    const { print } = await import("./render/write.ts");
    return print(await help(rest[0]));
  }
  const isBare = first === undefined || first.startsWith("-");
  const named = isBare ? rest.find((word) => Object.hasOwn(commands, word)) : undefined;
  if (named !== undefined) {
    const { usageError } = await import("./core/error.ts");
    throw usageError(`${first} stands before its command`, `dispatch ${named} ${first}`);
  }
  const command = isBare
    ? await definition(() => import("./commands/home.ts"))
    : await definition(commands[await known(first)]);
  const rawArgs = isBare ? argv : rest;
  const texts = rawArgs.indexOf("--");
  const flags = texts === -1 ? rawArgs : rawArgs.slice(0, texts);
  if (flags.includes("--help") || flags.includes("-h")) {
    const { print } = await import("./render/write.ts");
    return print(await help(first));
  }
  const { readArguments } = await import("./cli/arguments.ts");
  const args = readArguments(isBare ? "" : first, (command.args ?? {}) as ArgsDef, rawArgs);
  await command.run!({ rawArgs, args: args as never, cmd: command });
}

/** Commands differ in their arguments; from here on only what they share counts. */
async function definition(load: () => Promise<{ default: unknown }>): Promise<CommandDef> {
  return (await load()).default as CommandDef;
}

async function known(name: string): Promise<Name> {
  if (Object.hasOwn(commands, name)) return name as Name;
  const { usageError } = await import("./core/error.ts");
  const { nearest } = await import("./core/text.ts");
  const suggestion = nearest(name, Object.keys(commands));
  throw usageError(
    `unknown command ${name}${suggestion === null ? "" : `; did you mean ${suggestion}?`}`,
    suggestion === null
      ? `to start a task: dispatch run "${name} …"; all commands: dispatch --help`
      : `dispatch ${suggestion} --help`,
  );
}

async function help(name: string | undefined): Promise<string> {
  const { commandHelp, overview } = await import("./cli/help.ts");
  const describe = async (command: Name) => {
    const { meta, args } = (await commands[command]()).default;
    return {
      name: command,
      description: (meta as { description: string }).description,
      args: args ?? {},
    };
  };
  if (name !== undefined && !name.startsWith("-"))
    return commandHelp(await describe(await known(name)));
  const all = await Promise.all((Object.keys(commands) as Name[]).map(describe));
  return overview(all.map((command) => [command.name, command.description]));
}

/** Says what went wrong; returns the code to exit with. */
async function report(error: unknown, argv: readonly string[]): Promise<number> {
  const { DispatchError, ReaderGone } = await import("./core/error.ts");
  if (error instanceof ReaderGone) return 0;
  const { hint, printJson, talk } = await import("./render/write.ts");
  const known = error instanceof DispatchError ? error : systemError(error, DispatchError);
  if (known === null) {
    talk.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
    hint("this is a bug in dispatch: please report it with the lines above");
    return 1;
  }
  if (argv.includes("--json")) {
    const { errorToJson } = await import("./render/json.ts");
    printJson(errorToJson(known));
  } else {
    // Paths and names in it may be anybody's.
    const { foreign } = await import("./core/text.ts");
    // "Not yet" and "it needs you" are no failures: an agent should do what they say, not mend something.
    const isFailure = known.kind !== "timedOut" && known.kind !== "needsPerson";
    if (isFailure) talk.error(foreign(known.message));
    else talk.info(foreign(known.message));
    if (known.hint !== null) hint(foreign(known.hint));
  }
  // To a host, this code of a hook is news: it would be woken at the end of every turn.
  return argv[0] === "hook" ? 1 : known.exitCode;
}

/** What git or the operating system refused, in its own words: a ref that is locked, a full disk, a read-only folder. */
function systemError(
  error: unknown,
  DispatchError: typeof import("./core/error.ts").DispatchError,
): InstanceType<typeof DispatchError> | null {
  // By its name: git is loaded by the commands that need it alone.
  if (error instanceof Error && error.name === "GitError")
    return new DispatchError("failed", "git", error.message, "git status");
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  if (!(error instanceof Error) || code === undefined || syscall === undefined) return null;
  const reasons: Record<string, string> = {
    ENOSPC: "the disk is full",
    EROFS: "the file system is read-only",
    EACCES: "permission denied",
    EPERM: "permission denied",
    EMFILE: "too many open files",
    ENOTDIR: "a file stands where a folder should",
  };
  const reason = reasons[code] ?? error.message;
  const where = path === undefined ? "" : `${path}: `;
  return new DispatchError(
    "failed",
    code.toLowerCase(),
    `${where}${reason}`,
    "mend that, then see what there is: dispatch status",
  );
}
