/** Whether a worker may start now, by how many run, what they need, and what the machine has. */

import { formatDuration } from "./duration.ts";

export interface Limits {
  /** Workers of one user at a time; "auto": by memory, up to eight. */
  parallel: number | "auto";
  /** Of them, in one project. */
  perProject: number;
  /** Of them, of one backend. */
  perBackend: Record<string, number>;
  /** Between one start and the next: bursts trip rate limits. */
  staggerMs: number;
}

/** A worker that runs. */
export interface Place {
  project: string;
  backend: string;
  startedMs: number;
}

export interface Machine {
  /** What could be had without swapping. */
  availableBytes: number;
  /** Percent of the last ten seconds in which something stood still for want of memory. */
  pressure: number;
}

export interface Wanted {
  project: string;
  backend: string;
  /** What a worker of the backend takes; null where none has been measured. */
  needsBytes: (backend: string) => number | null;
}

/** Why it has to wait, and when to look again: milliseconds from now. */
export interface Wait {
  reason: string;
  againMs: number;
  /** Over in a moment: not worth a word to whoever asked. */
  isBrief: boolean;
}

const mostByMemory = 8;
const reservedBytes = 2 * 2 ** 30;
const unknownBytes = 2 * 2 ** 30;
const highPressure = 20;
/** A worker that has just started has not taken yet what it will. */
const growingMs = 60_000;
const lookAgainMs = 2_000;
const briefMs = 10_000;

/** Null where it may start. */
export function whyWait(
  { project, backend, needsBytes }: Wanted,
  places: readonly Place[],
  limits: Limits,
  machine: Machine,
  nowMs: number,
): Wait | null {
  const wait = (reason: string, againMs = lookAgainMs): Wait => ({
    reason,
    againMs,
    isBrief: false,
  });
  const { parallel, perProject, perBackend, staggerMs } = limits;
  const here = places.filter((place) => place.project === project).length;
  if (here >= perProject)
    return wait(`${here} of this project running (limits.per_project is ${perProject})`);
  const alike = places.filter((place) => place.backend === backend).length;
  const most = Object.hasOwn(perBackend, backend) ? perBackend[backend]! : Infinity;
  if (alike >= most)
    return wait(`${alike} of ${backend} running (limits.per_backend.${backend} is ${most})`);
  const total = places.length;
  if (parallel !== "auto" && total >= parallel)
    return wait(`${total} running (limits.parallel is ${parallel})`);

  // A clock that was set back makes a start look as if it were to come: nobody waits for that.
  const sinceMs = ({ startedMs }: Place) => (startedMs > nowMs ? Infinity : nowMs - startedMs);
  const leftMs = Math.max(0, ...places.map((place) => staggerMs - sinceMs(place)));
  if (leftMs > 0) {
    const reason = `the last one has just started (limits.stagger is ${formatDuration(staggerMs)})`;
    return { reason, againMs: leftMs, isBrief: leftMs <= briefMs };
  }

  // One can always run: it is for the machine to say how far it gets.
  if (parallel !== "auto" || total === 0) return null;
  if (total >= mostByMemory) return wait(`${total} running (limits.parallel is auto: at most 8)`);
  const needs = (name: string) => needsBytes(name) ?? unknownBytes;
  const growing = places.filter((place) => sinceMs(place) < growingMs);
  const promised = growing.reduce((sum, place) => sum + needs(place.backend), 0);
  const free = machine.availableBytes - promised - reservedBytes;
  if (free < needs(backend)) {
    return wait(
      `${total} running, and memory is short: ${size(free + reservedBytes)} to be had, ${backend} takes ${size(needs(backend))}, ${size(reservedBytes)} are left free`,
    );
  }
  return machine.pressure > highPressure
    ? wait(`memory is under pressure (${Math.round(machine.pressure)} % of the time)`)
    : null;
}

const size = (bytes: number) => `${Math.max(0, bytes / 2 ** 30).toFixed(1)} GB`;
