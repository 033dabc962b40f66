/**
 * The words that the benchmarks are written in: probes that give one figure
 * each, taken in turns so that the machine's noise falls on all of them alike,
 * and what is said of many figures.
 */

import { read } from "node:fs";

/** Measures one thing once; the unit is the row's. */
export type Probe = () => number | Promise<number>;

/** Figures of one thing, ascending. */
export type Sample = readonly number[];

/** Every probe once a round, one after the other; a first round warms up and is not counted. */
export async function inTurns<Name extends string>(
  rounds: number,
  probes: Record<Name, Probe>,
): Promise<Record<Name, Sample>> {
  const names = Object.keys(probes) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    Name,
    number[]
  >;
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const figure = await probes[name]();
      if (round > 0) figures[name].push(figure);
    }
  }
  for (const name of names) figures[name].sort((a, b) => a - b);
  return figures;
}

export const sample = (figures: readonly number[]): Sample => figures.toSorted((a, b) => a - b);

/** The nearest-rank percentile; `share` from 0 to 1. */
export function percentile(figures: Sample, share: number): number {
  if (figures.length === 0) throw new Error("nothing was measured");
  return figures[Math.max(0, Math.ceil(share * figures.length) - 1)]!;
}

export const median = (figures: Sample) => percentile(figures, 0.5);

/** Milliseconds from `startNs` (of `Bun.nanoseconds()`) to now. */
export const msSince = (startNs: number) => (Bun.nanoseconds() - startNs) / 1e6;

/** Resolves when a byte can be read from it. */
export function byteFrom(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    read(fd, Buffer.alloc(1), 0, 1, null, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** A random part of a period: what repeats must not be met always at the same moment. */
export const anyMomentOf = (periodMs: number) => Bun.sleep(Math.random() * periodMs);
