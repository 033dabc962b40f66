/** What a fake agent is to do for its task, as the storm's plan says it and the agent reads it. */

export interface Script {
  /** It writes its own checklist first, of so many items. */
  ownPlan: boolean;
  items: ItemScript[];
  /** How its first starts go wrong, one after the other; the starts after these go well. */
  troubles: Trouble[];
  /** The trouble of every start after those: a task that can never be done. */
  hopeless: Trouble | null;
  /** How a worker waits for an answer, once its command for that has been killed or refused. */
  asks: "command" | "files";
  /** How long it waits for an answer by files: as long as its task says. */
  answerTimeoutMs: number;
}

export interface ItemScript {
  workMs: number;
  /** A gate that is opened at the end of the storm at the latest. */
  gate: string | null;
  question: Question | null;
  /** So many bytes of output. */
  floodBytes: number;
  /** A child that goes on when its worker has ended; `log`: it holds the run's log, and its lock with it. */
  child: { log: boolean; seconds: number } | null;
  /** The plan is written anew from what was read so long ago: a note that came meanwhile is lost. */
  staleMs: number;
}

export interface Question {
  text: string;
  options: string[];
  /** How long its command waits before it says to wait again. */
  limitMs: number;
  /** Where its first command is ended; null: nowhere. */
  step: string | null;
}

export type Trouble =
  | { kind: "none" }
  /** Ends with that code when it has done so many items; 0: as if it were finished. */
  | { kind: "ends"; items: number; code: number }
  /** Marks the next item as failed, or blocked, and ends. */
  | { kind: "marks"; items: number; marker: "!" | "?" }
  /** Its launcher's shim is killed by it. */
  | { kind: "kills its parent"; when: "at its start" | "at its end" }
  /** It is killed between doing an item and ticking it. */
  | { kind: "is killed"; items: number }
  /** What the CLI reports of its service; with one that is parsed. */
  | { kind: "reports"; what: Reported; items: number };

export type Reported =
  "an overload" | "a limit" | "a long limit" | "a denied login" | "tries without end";

/** What a worker's environment says beside the task. */
export const groundVariable = "CHAOS_GROUND";
export const tokenVariable = "CHAOS_TOKEN";
/** A project's folder below the ground, and the files of a task there. */
export const diaryOf = (ground: string, project: string, task: string) =>
  `${ground}/diaries/${project}.${task}`;
export const scriptOf = (ground: string, project: string, task: string) =>
  `${ground}/scripts/${project}.${task}.json`;
export const gateOf = (ground: string, gate: string) => `${ground}/gates/${gate}`;
/** Opened when chaos stops. */
export const quietGate = "quiet";
export const itemText = (task: string, item: number) => `item ${item} of ${task}`;
