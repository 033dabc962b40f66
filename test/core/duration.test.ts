import { describe, expect, test } from "bun:test";
import { formatDuration, parseDuration } from "../../src/core/duration.ts";

const s = 1_000;
const m = 60 * s;
const h = 60 * m;
const d = 24 * h;

describe("a duration is read as people write it", () => {
  test.each<[string, number | null]>([
    ["30s", 30 * s],
    ["3m", 3 * m],
    ["2h", 2 * h],
    ["1d", d],
    ["500ms", 500],
    ["1h30m", h + 30 * m],
    ["1.5h", h + 30 * m],
    ["1m500ms", m + 500],
    ["0s", 0],
    [" 3M ", 3 * m],
    ["none", Infinity],
    ["None", Infinity],
    ["", null],
    ["3", null],
    ["m", null],
    ["3 m", null],
    ["3 minutes", null],
    ["-3m", null],
    ["3m2", null],
    ["3mm", null],
    ["1e3s", null],
    [".5h", null],
    ["soon", null],
  ])("%p is %p ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });
});

describe("a duration is shown in its two largest units", () => {
  test.each<[number, string]>([
    [0, "0s"],
    [499, "0s"],
    [500, "1s"],
    [12 * s, "12s"],
    // Rounded before it is split, so that there is never a "60s".
    [59_600, "1m"],
    [3 * m, "3m"],
    [3 * m + 7 * s, "3m 7s"],
    [59 * m + 59_600, "1h"],
    [2 * h + 5 * m + 9 * s, "2h 5m"],
    [h + 9 * s, "1h"],
    [d, "1d"],
    [3 * d + 4 * h + 5 * m, "3d 4h"],
    [-5 * s, "0s"],
    [Infinity, "none"],
  ])("%p ms is %p", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test.each([3 * m, 90 * s, 2 * h, d, Infinity])("%p ms is read back as it was shown", (ms) => {
    expect(parseDuration(formatDuration(ms).replaceAll(" ", ""))).toBe(ms);
  });
});
