/**
 * A backend is an agent CLI, as data: how to find it, build its command line,
 * ask for its models, read its event stream and resume its sessions. One file
 * for each; `index.ts` is the table of them. What the CLIs do was seen by
 * running them, at the versions that each file names.
 */

import type { StreamEvent } from "../core/stream.ts";

/** What a worker's command line is built from. */
export interface Work {
  /** The model's name as the config has it; null: the CLI's own default. */
  model: string | null;
  /** The whole text given to the worker. */
  prompt: string;
  /** The prompt's file, for prompts too long for an argument. */
  promptPath: string;
  cwd: string;
  /** Where it has to write besides: its task's folder, where that is not below `cwd`. */
  folders: readonly string[];
  /** What git writes to when a worktree is worked in; none in a checkout of the user's. */
  gitFolders: readonly string[];
  /** The session to open under this id (fresh) or to go on with (resume). */
  session: string | null;
  resume: boolean;
  /** A title for the session, where the CLI shows one. */
  title: string;
  isRoot: boolean;
  /** The user's own environment. */
  env: Readonly<Record<string, string>>;
}

export interface Invocation {
  /** How it is run unless a `command` of the config says otherwise: what may be done without asking, and where. */
  policy: string[];
  /** What follows in either case: the model, the event stream, the session, the prompt. */
  args: string[];
  /** How the prompt reaches it: on stdin, or as one of `args`, with an empty stdin. */
  promptBy: "stdin" | "argument";
  /** Variables that the CLI needs, unless the user has set them. */
  env?: Record<string, string>;
}

export interface Backend {
  name: string;
  /** As its makers call it. */
  label: string;
  /** Names on PATH, the first found counts. */
  binaries: readonly string[];
  /** How to install it, for people who have nothing. */
  install: string;
  /** How long `dispatch ask` may block in this CLI's shell tool. */
  askLimitMs: number;
  /** The polite way to end it. */
  stopSignal: "SIGINT" | "SIGTERM";
  /** Whether a session can be resumed by its id; where the id comes from. */
  session: "chosen" | "reported" | "none";
  /** Takes words out of a `command` of the config that the CLI is known to refuse here. */
  mendCommand?: (command: string, work: Pick<Work, "isRoot" | "env">) => string;
  invocation: (work: Work) => Invocation;
  /** How to ask it for its models without spending anything; null: it cannot be asked. */
  models: { args: string[]; parse: (stdout: string) => string[] } | null;
  /** The models that it is sure to have where it cannot be asked, or does not answer. */
  knownModels: readonly string[];
  /** One line of its log. */
  read: (line: string) => StreamEvent[];
  /** Whose tokens and cost a run's last report is: its own, or (`session`) those of all the runs that it goes on from, too. */
  usage?: "run" | "session";
  /** The lines with this text each tell what one step took: all are needed for what a run did. */
  stepMark?: string;
  /**
   * The last line with each of these texts, and the log's first line, make the report of a run
   * that has succeeded: most of its log need not be parsed. Left out: all of it is.
   */
  verdictMarks?: readonly string[];
}

/** The longest prompt that is safe as one argument (Linux allows 128 KiB, with its name and all). */
const longestArgument = 100 * 1024;

/** The prompt as an argument; a longer one is left in its file, and the worker is sent there. */
export const promptArgument = ({ prompt, promptPath }: Work) =>
  Buffer.byteLength(prompt) <= longestArgument
    ? prompt
    : `Your instructions are in the file ${promptPath}. Read all of it, then do what it says.`;
