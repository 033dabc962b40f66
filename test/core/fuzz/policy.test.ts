/** What goes on by itself: when, in which order, and whether there is a place. */

import { describe, expect } from "bun:test";
import fc from "fast-check";
import { type Place, whyWait } from "../../../src/core/admission.ts";
import { parentsFirst } from "../../../src/core/order.ts";
import { backoffMs, endingOf, isDueNow, isStalled } from "../../../src/core/policy.ts";
import { isLikely, resetOf } from "../../../src/core/reset.ts";
import { dueRun } from "../../../src/core/state.ts";
import { facts, hostile, limitText, timeMs, words } from "../arbitraries.ts";
import { holds, comesBack } from "./property.ts";

describe("the end of a limit", () => {
  holds(
    "is a likely time, or none, whatever is said",
    [fc.oneof(limitText, hostile), timeMs],
    (text, saidMs) => {
      const atMs = resetOf(text, saidMs);
      if (atMs !== null) expect(isLikely(atMs, saidMs)).toBe(true);
    },
    600,
  );

  holds(
    "is found among other words",
    [words, words, fc.integer({ min: 1, max: 12 }), fc.nat(59), fc.constantFrom("am", "pm")],
    (before, after, hour, minute, half) => {
      const time = `${hour}:${String(minute).padStart(2, "0")}${half} (UTC)`;
      const saidMs = Date.parse("2026-11-20T10:00:00Z");
      const atMs = resetOf(`${before}; resets ${time}. ${after}`, saidMs)!;
      const hours = (hour % 12) + (half === "pm" ? 12 : 0);
      expect(new Date(atMs).toISOString().slice(11, 16)).toBe(
        `${String(hours).padStart(2, "0")}:${String(minute).padStart(2, "0")}`,
      );
      expect(atMs - saidMs).toBeWithin(-15 * 60_000, 24 * 3_600_000);
    },
    60,
  );

  comesBack((text) => resetOf(text, 0), {
    resets: "resets ",
    "tries again": "try again ",
    "tries again in": "again in ",
    "times without end": "in 1m ",
    "numbers without end": (length) => `resets in ${"1".repeat(length)}`,
    "hours and minutes": (length) => `resets in ${"1h and ".repeat(length / 7)}`,
    blanks: (length) => `resets${" ".repeat(length)}x`,
  });
});

describe("what a task is to have next", () => {
  holds(
    "is at a time, after no more tries than it may have",
    [facts, timeMs],
    (facts, nowMs) => {
      const due = dueRun(facts);
      if (due === null) return;
      expect(due.atMs).not.toBeNaN();
      expect(due.why).not.toBe("");
      expect(typeof isDueNow(due, nowMs, { endedMs: facts.run?.endedMs ?? null })).toBe("boolean");
      expect(typeof isStalled(facts, nowMs)).toBe("boolean");
    },
    400,
  );

  holds(
    "is tried again ever later, but not later than it may be",
    [fc.nat(60), fc.nat(1e6), fc.nat(1e7), fc.double({ min: 0, max: 1, noNaN: true })],
    (attempt, firstMs, longestMs, share) => {
      const retry = { attempts: 9, firstMs, longestMs };
      const ms = backoffMs(retry, attempt + 1, share);
      expect(ms).toBeWithin(0, longestMs * 1.2 + 1);
      expect(backoffMs(retry, attempt + 2, share)).toBeGreaterThanOrEqual(ms);
    },
  );

  holds(
    "is an end for a reason, or none, while it runs",
    [facts, fc.nat(), fc.nat(), fc.nat()],
    (facts, workedMs, troubledMs, quietMs) => {
      if (facts.run === null) return;
      const ending = endingOf(facts, facts.run, { workedMs, troubledMs, quietMs });
      if (ending !== null) expect(typeof ending.evidence).toBe("string");
    },
  );
});

const graph = fc.array(fc.array(fc.nat(11), { maxLength: 3 }), { maxLength: 12 }).map((all) =>
  all.map((after, at) => ({
    id: at === 3 ? null : `t${at}`,
    after: after.map((to) => `t${to}`),
  })),
);

describe("tasks that come after one another", () => {
  holds("stand behind their parents, or in a circle", [graph], (tasks) => {
    const { ordered, circle } = parentsFirst(tasks);
    if (circle !== null) {
      expect(circle.length).toBeGreaterThan(1);
      expect(circle[0]).toBe(circle.at(-1)!);
      for (const [at, id] of circle.slice(0, -1).entries())
        expect(tasks.find((task) => task.id === id)!.after).toContain(circle[at + 1]!);
      return;
    }
    expect(new Set(ordered)).toEqual(new Set(tasks));
    expect(ordered.length).toBe(tasks.length);
    for (const [at, { after }] of ordered.entries())
      for (const parent of after)
        expect(ordered.slice(at).some(({ id }) => id === parent)).toBe(false);
  });

  // A batch is anybody's text: as many tasks as it can hold.
  const chain = (text: string) =>
    text.split("\n").map((_, at) => ({ id: `t${at}`, after: at === 0 ? [] : [`t${at - 1}`] }));
  comesBack((text) => parentsFirst(chain(text).reverse()), {
    "tasks, each after the one below it": "# a\n",
  });
  comesBack((text) => parentsFirst(chain(text)), {
    "tasks, each after the one above it": "# a\n",
  });
});

const backend = fc.constantFrom("claude", "codex", "constructor", "mine");
const project = fc.constantFrom("/a", "/b");
const place: fc.Arbitrary<Place> = fc.record({ project, backend, startedMs: timeMs });

describe("a place for a worker", () => {
  holds(
    "is there, or there is a reason and a time to look again",
    [
      fc.record({ project, backend }),
      fc.array(place, { maxLength: 10 }),
      fc.record({
        parallel: fc.oneof(fc.constant("auto" as const), fc.integer({ min: 1, max: 12 })),
        perProject: fc.constantFrom(1, 3, Infinity),
        perBackend: fc.dictionary(
          fc.constantFrom("claude", "mine"),
          fc.integer({ min: 1, max: 4 }),
        ),
        staggerMs: fc.constantFrom(0, 2_000),
      }),
      fc.record({ availableBytes: fc.nat(2 ** 31 - 1).map((n) => n * 16), pressure: fc.nat(100) }),
      timeMs,
    ],
    (wanted, places, limits, machine, nowMs) => {
      const wait = whyWait({ ...wanted, needsBytes: () => null }, places, limits, machine, nowMs);
      if (places.length === 0) expect(wait).toBeNull();
      if (wait === null) {
        expect(places.filter(({ project }) => project === wanted.project).length).toBeLessThan(
          limits.perProject,
        );
        if (limits.parallel !== "auto") expect(places.length).toBeLessThan(limits.parallel);
        return;
      }
      expect(wait.reason).not.toMatch(/NaN|undefined|Infinity/);
      expect(wait.againMs).toBeGreaterThan(0);
      expect(Number.isFinite(wait.againMs)).toBe(true);
    },
  );
});
