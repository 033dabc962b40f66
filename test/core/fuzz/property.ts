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

type Sample = string | ((length: number) => string);

const longest = 1024 * 1_024;

/**
 * That `work` comes back from hostile texts of 1 MiB: what is quadratic in them takes minutes,
 * and the test runs out of its time.
 *
 * @param hostile a piece to be repeated, or what makes a text of about that length
 */
export function comesBack(
  work: (text: string) => unknown,
  hostile: Readonly<Record<string, Sample>>,
): void {
  test.each(Object.entries(hostile))(
    "it comes back from 1 MiB of %s",
    (_, sample) => {
      const text = typeof sample === "string" ? repeated(sample) : sample(longest);
      expect(() => work(text)).not.toThrow();
    },
    hostileTimeoutMs,
  );
}

const hostileTimeoutMs = 30_000;

const repeated = (piece: string) => piece.repeat(Math.ceil(longest / piece.length));
