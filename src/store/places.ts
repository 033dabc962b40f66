/**
 * What all projects of a user share about workers, in the folder of the config:
 *
 *     places/<token>      a worker: {run, project, backend}; it counts while its run's log is locked
 *     memory/<backend>    what one of its workers takes, in bytes
 *     pauses/<backend>    until when its account has no more to give: {untilMs, reason}
 *
 * None of it is the truth about any task: lost, it is made again.
 */

import { mkdirSync, rmSync } from "node:fs";
import * as v from "valibot";
import type { Place } from "../core/admission.ts";
import { parsedAs } from "./json.ts";
import { homePaths } from "./paths.ts";
import { replace } from "./publish.ts";
import { readNames, readText } from "./read.ts";

const placeSchema = v.object({ log: v.string(), project: v.string(), backend: v.string() });
export type Worker = v.InferOutput<typeof placeSchema>;

export function addPlace(token: string, worker: Worker): void {
  writeIn(homePaths().places, token, JSON.stringify(worker));
}

/** Its run's folder may not stand in its place yet. */
const takenMs = 60_000;

/** The places of workers that are there by `isThere`; the files of others are removed, in time. */
export function readPlaces(isThere: (worker: Worker) => boolean): Place[] {
  const { places } = homePaths();
  return readNames(places).flatMap((name) => {
    // Somebody is just writing it, and could not put it into its place.
    if (name.startsWith(".")) return [];
    const path = `${places}/${name}`;
    const file = readText(path);
    const worker = file === null ? null : parsedAs(placeSchema, file.text);
    if (worker !== null && isThere(worker))
      return { project: worker.project, backend: worker.backend, startedMs: file!.modifiedMs };
    if (file === null || file.modifiedMs < Date.now() - takenMs) rmSync(path, { force: true });
    return [];
  });
}

/** What a worker of the backend takes; null where none has been measured. */
export function readNeed(backend: string): number | null {
  const bytes = Number(readText(fileOf(homePaths().memory, backend))?.text);
  return Number.isFinite(bytes) && bytes > 0 ? bytes : null;
}

/** Learns from a worker: the most that one took, slowly forgotten. */
export function learnNeed(backend: string, bytes: number): void {
  const before = readNeed(backend) ?? 0;
  writeIn(homePaths().memory, encodeURIComponent(backend), String(Math.max(bytes, before * 0.9)));
}

const pauseSchema = v.object({ untilMs: v.number(), reason: v.string() });
export type Pause = v.InferOutput<typeof pauseSchema>;

export function addPause(backend: string, pause: Pause): void {
  writeIn(homePaths().pauses, encodeURIComponent(backend), JSON.stringify(pause));
}

/** Null where there is none, or it is over. */
export function readPause(backend: string, nowMs: number): Pause | null {
  const path = fileOf(homePaths().pauses, backend);
  const file = readText(path);
  const pause = file === null ? null : parsedAs(pauseSchema, file.text);
  return pause !== null && pause.untilMs > nowMs ? pause : null;
}

// A backend's name is the user's own.
const fileOf = (folder: string, backend: string) => `${folder}/${encodeURIComponent(backend)}`;

function writeIn(folder: string, name: string, text: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  replace(`${folder}/${name}`, text);
}
