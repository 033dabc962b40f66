import { defineCommand } from "citty";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { failed, notFound, usageError } from "../core/error.ts";
import { derive, isLive } from "../core/state.ts";
import { printable } from "../core/text.ts";
import { backendNamed } from "../backends/index.ts";
import { json } from "../cli/arguments.ts";
import { currentProject, requireTask } from "../cli/project.ts";
import { logToJson } from "../render/json.ts";
import { logText } from "../render/human.ts";
import { print, printJson, talk } from "../render/write.ts";
import { isAbout, readJournal } from "../store/journal.ts";
import { type ProjectPaths, runPaths } from "../store/paths.ts";
import { isFile, readText } from "../store/read.ts";
import { latestRun, readRecord } from "../store/runs.ts";
import { observe } from "../supervise/observe.ts";
import { watchTicks } from "../unix/watch.ts";

const args = {
  id: { type: "positional", required: false, description: "the task" },
  journal: {
    type: "boolean",
    description: "instead: what was decided about this project's tasks, and why",
  },
  follow: { type: "boolean", alias: "f", description: "stay until the worker ends" },
  raw: { type: "boolean", description: "the log as the worker wrote it" },
  check: { type: "boolean", description: "instead: what its check printed" },
  setup: { type: "boolean", description: "instead: what the setup of its worktree printed" },
  run: { type: "string", valueHint: "N", description: "an earlier run (the latest one)" },
  json,
} as const;

const longestOutput = 16 * 1024 * 1024;

export default defineCommand({
  meta: { name: "logs", description: "what the worker said and did" },
  args,
  async run({ args: given }) {
    const project = currentProject();
    if (given.journal) return printJournal(project, given.id ?? null);
    if (given.id === undefined)
      throw usageError("missing the task", "dispatch logs ID, or: dispatch logs --journal");
    const task = requireTask(project, given.id);
    if (given.setup) return printOutput(task.setupLog, `no setup was run for ${task.id}`);
    const latest = latestRun(task);
    const number = given.run === undefined ? latest : Number(given.run);
    if (!Number.isInteger(number)) throw usageError(`--run ${given.run}: expected a number`);
    if (number < 1 || number > latest) {
      throw notFound(
        "unknown_run",
        `no run ${number} of ${task.id}`,
        latest === 0 ? "its worker was never started" : `it has ${latest}`,
      );
    }
    const run = runPaths(task, number);
    if (given.check)
      return printOutput(run.checkLog, `no check was run after run ${number} of ${task.id}`);
    const { read } = backendNamed(readRecord(run)?.backend ?? "");
    let session = "";
    let model: string | null = null;
    const show = (line: string) => {
      if (given.raw) return print(`${line}\n`);
      for (const event of read(line)) {
        // Of each of its answers; a change is worth a line.
        if (event.kind === "model" && event.name === model) continue;
        if (event.kind === "model") model = event.name;
        if (event.kind === "session") model = event.model ?? model;
        if (given.json) printJson(logToJson(event));
        else {
          // Some CLIs repeat it in every event.
          if (event.kind === "session" && event.id === session) continue;
          if (event.kind === "session") session = event.id;
          const text = logText(event);
          if (text !== null && text !== "") print(text);
        }
      }
    };

    if (!isFile(run.log))
      throw failed(
        "no_log",
        `run ${number} of ${task.id} has no log`,
        `dispatch status ${task.id}`,
      );
    const lines = lineReader(run.log);
    lines.readNew(show);
    if (given.follow && number === latest) {
      for await (const _ of watchTicks(run.folder, 1_000)) {
        const live = isLive(derive(observe(task)));
        lines.readNew(show);
        if (!live) break;
      }
    }
    lines.end(show);
  },
});

function printOutput(path: string, none: string): void {
  const text = readText(path, longestOutput)?.text ?? null;
  if (text === null) throw notFound("no_log", none);
  print(printable(text));
}

/** All of it, or the lines of one task. */
function printJournal(project: ProjectPaths, id: string | null): void {
  const lines = readJournal(project).filter((line) => id === null || isAbout(line, id));
  if (lines.length === 0) return talk.info("nothing was decided yet");
  print(lines.join("\n"));
}

/** Whole lines of a file that grows, read on from where the last reading ended. */
function lineReader(path: string) {
  const chunk = Buffer.allocUnsafe(256 * 1024);
  const decoder = new TextDecoder();
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  let position = 0;
  let rest = "";
  return {
    readNew(show: (line: string) => void) {
      for (
        let count = 0;
        (count = readSync(fd, chunk, 0, chunk.length, position)) > 0;
        position += count
      ) {
        const lines = (rest + decoder.decode(chunk.subarray(0, count), { stream: true })).split(
          "\n",
        );
        rest = lines.pop()!;
        for (const line of lines) show(line);
      }
    },
    end(show: (line: string) => void) {
      if (rest !== "") show(rest);
      closeSync(fd);
    },
  };
}
