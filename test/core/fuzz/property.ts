/**
 * Properties: what holds of every input, tried on many. They are the same ones at every run;
 * FUZZ_RUNS=10000 tries more of them, FUZZ_SEED=7 others. A failure names the seed, and the
 * smallest input that was found.
 */

import { expect, test } from "bun:test";
import fc from "fast-check";

const seed = Number(process.env["FUZZ_SEED"] ?? 1);
const wantedRuns = process.env["FUZZ_RUNS"];
const timeoutMs = wantedRuns === undefined ? 5_000 : 60 * 60_000;
console.log(`properties: FUZZ_SEED=${seed}, FUZZ_RUNS=${wantedRuns ?? "(few)"}`);

/** @param usualRuns fewer where one costs more, as those that touch the disk do */
export function holds<T extends [unknown, ...unknown[]]>(
  what: string,
  inputs: { [Place in keyof T]: fc.Arbitrary<T[Place]> },
  check: (...values: T) => void,
  usualRuns = 300,
): void {
  const numRuns = wantedRuns === undefined ? usualRuns : Number(wantedRuns);
  test(
    what,
    () => {
      fc.assert(fc.property<T>(...inputs, check), { seed, numRuns, includeErrorInReport: true });
    },
    timeoutMs,
  );
}

/** How many times as long as a harmless text of the same length a hostile one may take. */
const mostTimes = 50;
/** The small one comes first: with the large one, what is quadratic would not come back. */
const lengths = [64 * 1_024, 1_024 * 1_024];

type Sample = string | ((length: number) => string);

/**
 * That `work` takes a hostile text not much longer than a harmless one of the same length. What is
 * compared is processor time, since others use the machine too.
 *
 * @param hostile a piece to be repeated, or what makes a text of about that length
 */
export function staysLinear(
  work: (text: string) => unknown,
  harmless: string,
  hostile: Readonly<Record<string, Sample>>,
): void {
  const usualMs = new Map<number, number>();
  const mostMs = (length: number) => {
    const known = usualMs.get(length) ?? leastMs(work, sampleOf(harmless, length));
    usualMs.set(length, known);
    return mostTimes * Math.max(1, known);
  };
  test.each(Object.entries(hostile))(
    "1 MiB of %s takes no more than some times as long as harmless text",
    (_, sample) => {
      for (const length of lengths) {
        const text = sampleOf(sample, length);
        const limitMs = mostMs(length);
        const ms = timeMs(work, text);
        // Once more where it was slow: it may have been the collector of garbage.
        expect(ms < limitMs ? ms : leastMs(work, text), `${length} characters`).toBeLessThan(
          limitMs,
        );
      }
    },
    timeoutMs,
  );
}

const sampleOf = (sample: Sample, length: number) =>
  typeof sample === "string" ? sample.repeat(Math.ceil(length / sample.length)) : sample(length);

/** Of the processor. */
function timeMs(work: (text: string) => unknown, text: string): number {
  const before = process.cpuUsage();
  work(text);
  return process.cpuUsage(before).user / 1_000;
}

const leastMs = (work: (text: string) => unknown, text: string) =>
  Math.min(timeMs(work, text), timeMs(work, text));
