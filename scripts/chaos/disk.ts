/**
 * What a storm has left in `.dispatch`, read by the checker's own eyes: nothing of
 * dispatch's own reading is used.
 */

import { existsSync, lstatSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { namesIn } from "./driver.ts";

export interface Run {
  number: number;
  token: string;
  backend: string;
  /** When it was let in. */
  startedMs: number;
  /** As the shim wrote it; null where there is none, or only a part. */
  exit: number | null;
  /** Null: nobody stopped it. "": a person did. */
  stop: string | null;
  log: string;
}

export interface Item {
  marker: string;
  text: string;
}

export interface Asked {
  number: string;
  text: string;
  /** As it was given; null: nobody has answered. */
  answer: string | null;
  /** When it was acknowledged; null: it was not. */
  readMs: number | null;
}

export interface Task {
  id: string;
  created: string;
  /** The session that asked for it; null: a person. */
  host: string | null;
  plan: string;
  items: Item[];
  questions: Asked[];
  runs: Run[];
  /** It was given up before its first run. */
  isGivenUp: boolean;
}

const textOf = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : null);

export function tasksIn(project: string): Task[] {
  const folder = join(project, ".dispatch/tasks");
  return namesIn(folder).map((id) => taskIn(join(folder, id), id));
}

function taskIn(folder: string, id: string): Task {
  const plan = textOf(join(folder, "plan.md")) ?? "";
  const asked = textOf(join(folder, "task.yaml")) ?? "";
  const numbers = namesIn(join(folder, "runs")).filter((name) => /^\d{3,}$/.test(name));
  return {
    id,
    created: /^"?created"?: "?([^"\n]+)"?$/m.exec(asked)?.[1] ?? "",
    host: /^"?host"?: "?(session-\d+)"?$/m.exec(asked)?.[1] ?? null,
    plan,
    items: [...plan.matchAll(/^- \[(.)\] (.*)$/gm)].map(([, marker, text]) => ({
      marker: marker!,
      text: text!,
    })),
    questions: questionsIn(join(folder, "ipc")),
    runs: numbers.flatMap((name) => runIn(join(folder, "runs", name), Number(name)) ?? []),
    isGivenUp: existsSync(join(folder, "runs/000/stop")),
  };
}

function questionsIn(ipc: string): Asked[] {
  return namesIn(ipc).flatMap((name) => {
    const number = /^(\d+)\.question$/.exec(name)?.[1];
    if (number === undefined) return [];
    return {
      number,
      text: textOf(join(ipc, name)) ?? "",
      answer: textOf(join(ipc, `${number}.answer`)),
      readMs: statSync(join(ipc, `${number}.done`), { throwIfNoEntry: false })?.mtimeMs ?? null,
    };
  });
}

/** A folder without a record holds only a wish. */
function runIn(folder: string, number: number): Run | null {
  const record = textOf(join(folder, "command.json"));
  if (record === null) return null;
  const { token, backend, started } = JSON.parse(record) as Record<string, string>;
  const code = /^(\d+)\n$/.exec(textOf(join(folder, "exit")) ?? "")?.[1];
  return {
    number,
    token: token!,
    backend: backend!,
    startedMs: Date.parse(started!),
    exit: code === undefined ? null : Number(code),
    stop: textOf(join(folder, "stop")),
    log: textOf(join(folder, "log")) ?? "",
  };
}

/** Every file below a folder, as paths from there. */
export function filesBelow(folder: string, below = ""): string[] {
  return namesIn(join(folder, below)).flatMap((name) => {
    const path = below === "" ? name : `${below}/${name}`;
    const isFolder = lstatSync(join(folder, path)).isDirectory();
    return isFolder ? filesBelow(folder, path) : [path];
  });
}

/** What was told of the project's tasks, by ledger: a line an event. */
export function ledgersIn(project: string): Map<string, string[]> {
  const folder = join(project, ".dispatch/told");
  const names = namesIn(folder).filter((name) => /^(?:person|notify|[0-9a-f]{16})$/.test(name));
  return new Map(
    names.map((name) => [name, (textOf(join(folder, name)) ?? "").split("\n").filter(Boolean)]),
  );
}
