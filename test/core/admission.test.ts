import { describe, expect, test } from "bun:test";
import { type Limits, type Machine, type Place, whyWait } from "../../src/core/admission.ts";
import { startedMs } from "./builders.ts";

const gigabyte = 2 ** 30;
const [second, minute, hour] = [1_000, 60_000, 3_600_000];
const nowMs = startedMs;

const limits = (own: Partial<Limits> = {}): Limits => ({
  parallel: "auto",
  perProject: Infinity,
  perBackend: {},
  staggerMs: 2 * second,
  ...own,
});
const machine = (gigabytes = 100, pressure = 0): Machine => ({
  availableBytes: gigabytes * gigabyte,
  pressure,
});
/** Of this project, on claude, started long ago. */
const place = (own: Partial<Place> = {}): Place => ({
  project: "/p",
  backend: "claude",
  startedMs: nowMs - hour,
  ...own,
});
const places = (count: number, own: Partial<Place> = {}) =>
  Array(count).fill(place(own)) as Place[];

interface Asking {
  places?: Place[];
  limits?: Partial<Limits>;
  machine?: Machine;
  /** Gigabytes that workers of a backend take. */
  needs?: Record<string, number>;
}
const ask = ({ places: there = [], limits: own, machine: it = machine(), needs = {} }: Asking) =>
  whyWait(
    {
      project: "/p",
      backend: "claude",
      needsBytes: (backend) => (backend in needs ? needs[backend]! * gigabyte : null),
    },
    there,
    limits(own),
    it,
    nowMs,
  );
const elsewhere = { project: "/q" };
const codex = { backend: "codex" };

describe("a worker may start", () => {
  test.each<[what: string, asking: Asking]>([
    ["the first", {}],
    ["the first, whatever the machine has", { machine: machine(0, 100) }],
    ["the first, whatever it takes", { machine: machine(4), needs: { claude: 64 } }],
    ["beside seven", { places: places(7) }],
    [
      "in its project",
      { places: [...places(1), ...places(3, elsewhere)], limits: { perProject: 2 } },
    ],
    [
      "of its backend",
      { places: [...places(1), ...places(3, codex)], limits: { perBackend: { claude: 2 } } },
    ],
    [
      "where another backend is limited",
      { places: places(3, codex), limits: { perBackend: { codex: 1 } } },
    ],
    ["beside all but one", { places: places(98), limits: { parallel: 99 } }],
    ["beside as many as there are", { places: places(500), limits: { parallel: Infinity } }],
    [
      "by number, whatever the machine has",
      { places: places(1), limits: { parallel: 2 }, machine: machine(0, 100) },
    ],
    [
      "just when the last one was started long enough ago",
      { places: places(1, { startedMs: nowMs - 2 * second }) },
    ],
    [
      "at once, where nothing keeps them apart",
      { places: places(1, { startedMs: nowMs }), limits: { staggerMs: 0 } },
    ],
    ["with as much memory as it takes, and two left", { places: places(1), machine: machine(4) }],
    [
      "with as much as its like took",
      { places: places(1), machine: machine(2.5), needs: { claude: 0.5 } },
    ],
    ["under a little pressure", { places: places(1), machine: machine(100, 20) }],
    [
      "beside one that has taken what it will",
      { places: places(1, { startedMs: nowMs - minute }), machine: machine(4) },
    ],
  ])("%s", (_, asking) => {
    expect(ask(asking)).toBeNull();
  });
});

describe("a worker has to wait", () => {
  const memory = (count: number, free: string, takes: string) =>
    `${count} running, and memory is short: ${free} GB to be had, claude takes ${takes} GB, 2.0 GB are left free`;
  test.each<[what: string, asking: Asking, reason: string, againMs?: number]>([
    [
      "its project is full",
      { places: places(2), limits: { perProject: 2 } },
      "2 of this project running (limits.per_project is 2)",
    ],
    [
      "its backend is full, wherever",
      { places: [...places(1), ...places(1, elsewhere)], limits: { perBackend: { claude: 2 } } },
      "2 of claude running (limits.per_backend.claude is 2)",
    ],
    [
      "all is full, wherever and on whatever",
      { places: [place(), place(elsewhere), place(codex)], limits: { parallel: 3 } },
      "3 running (limits.parallel is 3)",
    ],
    [
      "a limit was lowered",
      { places: places(5), limits: { parallel: 3 } },
      "5 running (limits.parallel is 3)",
    ],
    [
      "one at a time",
      { places: places(1), limits: { parallel: 1 } },
      "1 running (limits.parallel is 1)",
    ],
    [
      "of several limits the narrowest is told",
      { places: places(9), limits: { perProject: 1, perBackend: { claude: 1 }, parallel: 1 } },
      "9 of this project running (limits.per_project is 1)",
    ],
    [
      "the last one has just started",
      { places: [place(), place({ ...elsewhere, ...codex, startedMs: nowMs - 500 })] },
      "the last one has just started (limits.stagger is 2s)",
      1_500,
    ],
    [
      "the last one has just started, by number too",
      { places: places(1, { startedMs: nowMs }), limits: { parallel: 9, staggerMs: 90 * second } },
      "the last one has just started (limits.stagger is 1m 30s)",
      90 * second,
    ],
    ["eight run", { places: places(8) }, "8 running (limits.parallel is auto: at most 8)"],
    [
      "memory is short, and nobody knows what it takes",
      { places: places(1), machine: machine(3.9) },
      memory(1, "3.9", "2.0"),
    ],
    [
      "memory is short, by what its like took",
      { places: places(3), machine: machine(5), needs: { claude: 3.25 } },
      memory(3, "5.0", "3.3"),
    ],
    [
      "memory is spoken for by those that still grow",
      {
        places: [
          place({ startedMs: nowMs - 59 * second }),
          place({ ...codex, startedMs: nowMs - 10 * second }),
          place(),
        ],
        machine: machine(6.9),
        needs: { codex: 1 },
      },
      memory(3, "3.9", "2.0"),
    ],
    [
      "memory is all gone",
      { places: places(2, { startedMs: nowMs - 10 * second }), machine: machine(1) },
      memory(2, "0.0", "2.0"),
    ],
    [
      "memory is under pressure",
      { places: places(1), machine: machine(100, 20.6) },
      "memory is under pressure (21 % of the time)",
    ],
  ])("%s", (_, asking, reason, againMs = 2_000) => {
    // A wait of seconds between two starts is told nobody who does not ask.
    const isBrief = againMs === 1_500;
    expect(ask(asking)).toEqual({ reason, againMs, isBrief });
  });
});

// A backend's name is the user's own.
test.each(["constructor", "__proto__", "toString"])("a backend may be called %s", (backend) => {
  const wanted = { project: "/p", backend, needsBytes: () => null };
  expect(whyWait(wanted, places(1), limits(), machine(), nowMs)).toBeNull();
});

describe("a clock that was set back", () => {
  const toCome = { startedMs: nowMs + hour };
  test("keeps nobody waiting for what has just started", () => {
    expect(ask({ places: places(1, toCome) })).toBeNull();
  });
  test("changes nothing of the other limits", () => {
    expect(ask({ places: places(1, toCome), limits: { parallel: 1 } })?.reason).toBe(
      "1 running (limits.parallel is 1)",
    );
  });
});
