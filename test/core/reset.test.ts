import { afterEach, describe, expect, test } from "bun:test";
import { resetOf } from "../../src/core/reset.ts";

const ownZone = process.env.TZ;
afterEach(() => {
  if (ownZone === undefined) delete process.env.TZ;
  else process.env.TZ = ownZone;
});

const saidAt = "2026-11-20T16:51:00Z";
/** As ISO 8601 without milliseconds, or null. */
function read(text: string, said: string, zone = "UTC"): string | null {
  process.env.TZ = zone;
  const ms = resetOf(text, Date.parse(said));
  return ms === null ? null : new Date(ms).toISOString().replace(".000Z", "Z");
}

// The first are what the CLIs really wrote.
describe("a time of day is the first one after the text was written", () => {
  test.each<[text: string, expected: string]>([
    ["You've hit your 5-hour limit · resets 5:51pm (UTC)", "2026-11-20T17:51:00Z"],
    ["You've hit your 5-hour limit · resets 12:51pm (America/New_York)", "2026-11-20T17:51:00Z"],
    ["You're out of usage credits · resets 6:51pm (UTC)", "2026-11-20T18:51:00Z"],
    ["You've hit your weekly limit · resets Nov 23, 4:51pm (UTC)", "2026-11-23T16:51:00Z"],
    [
      "You've hit your weekly limit · resets Nov 23, 10:21pm (Asia/Kolkata)",
      "2026-11-23T16:51:00Z",
    ],
    ["You've hit your Opus limit · resets Nov 23, 9am (UTC)", "2026-11-23T09:00:00Z"],
    ["You've hit your limit · resets 11:45am (UTC)", "2026-11-21T11:45:00Z"],
    ["resets 12am (UTC)", "2026-11-21T00:00:00Z"],
    ["resets 12pm (UTC)", "2026-11-21T12:00:00Z"],
    ["resets 12:30am (UTC)", "2026-11-21T00:30:00Z"],
    ["Resets 9AM (utc)", "2026-11-21T09:00:00Z"],
    ["resets at 9 pm (UTC)", "2026-11-20T21:00:00Z"],
    ["resets 17:00 (UTC)", "2026-11-20T17:00:00Z"],
    ["resets 00:00 (UTC)", "2026-11-21T00:00:00Z"],
    ["resets 5pm (Etc/GMT+5)", "2026-11-20T22:00:00Z"],
    ["resets on November 23 at 9am (UTC)", "2026-11-23T09:00:00Z"],
    ["reset Nov. 23, 9am (UTC)", "2026-11-23T09:00:00Z"],
    ["please try again later; your limit resets 6pm (UTC)", "2026-11-20T18:00:00Z"],
    // As some languages' clocks are written: with a narrow blank that is not broken.
    ["resets 5:51\u202fpm (UTC)", "2026-11-20T17:51:00Z"],
    ["resets\u00a0Nov\u00a023,\u202f9\u202fam\u00a0(UTC)", "2026-11-23T09:00:00Z"],
    // Up to a quarter of an hour ago it has just been lifted.
    ["resets 4:51pm (UTC)", "2026-11-20T16:51:00Z"],
    ["resets 4:50pm (UTC)", "2026-11-20T16:50:00Z"],
    ["resets 4:36pm (UTC)", "2026-11-20T16:36:00Z"],
    ["resets 4:35pm (UTC)", "2026-11-21T16:35:00Z"],
    ["resets 5:51 p.m. (UTC)", "2026-11-20T17:51:00Z"],
    ["resets Mon 9am (UTC)", "2026-11-23T09:00:00Z"],
    ["resets Friday at 4pm (UTC)", "2026-11-27T16:00:00Z"],
    ["limited to 50 requests in 1 hour; resets 6pm (UTC)", "2026-11-20T18:00:00Z"],
  ])("%j: %p", (text, expected) => {
    // Its own zone is named: where we are is of no matter.
    for (const zone of ["UTC", "Asia/Kolkata", "America/Los_Angeles", "Pacific/Kiritimati"])
      expect(read(text, saidAt, zone)).toBe(expected);
  });
});

describe("without a zone it is ours", () => {
  const limit =
    "You’ve hit your usage limit. Upgrade to Pro (https://chatgpt.com/explore/pro), visit https://chatgpt.com/settings/usage to purchase more credits or try again at";
  test.each<[words: string, zone: string, expected: string]>([
    [`${limit} 5:51 PM.`, "UTC", "2026-11-20T17:51:00Z"],
    [`${limit} 12:51 PM.`, "America/New_York", "2026-11-20T17:51:00Z"],
    [`${limit} Nov 23rd, 2026 4:51 PM.`, "UTC", "2026-11-23T16:51:00Z"],
    [`${limit} Nov 23rd, 2026 10:21 PM.`, "Asia/Kolkata", "2026-11-23T16:51:00Z"],
    [`${limit} Nov 21st, 2026 12:51 PM.`, "UTC", "2026-11-21T12:51:00Z"],
    ["try again at 10:41 AM", "UTC", "2026-11-21T10:41:00Z"],
    ["try again at 10:41 AM", "Asia/Kolkata", "2026-11-21T05:11:00Z"],
    ["try again at 10:41\u202fAM", "America/New_York", "2026-11-21T15:41:00Z"],
    ["resets 9am", "Pacific/Auckland", "2026-11-20T20:00:00Z"],
    // There it is the next day already.
    ["resets Nov 21, 9am", "Pacific/Auckland", "2026-11-20T20:00:00Z"],
  ])("%j in %s: %p", (text, zone, expected) => {
    expect(read(text, saidAt, zone)).toBe(expected);
  });
});

describe("a while", () => {
  test.each<[text: string, seconds: number]>([
    ["try again in 30s", 30],
    ["try again in 6m0s", 360],
    ["try again in 1h30m", 5_400],
    ["Please try again in 1.5s.", 1.5],
    ["try again in 30 seconds", 30],
    ["retry after 1 sec", 1],
    ["try again in 3 hours 20 minutes", 12_000],
    ["in 3 hours and 20 minutes", 12_000],
    ["resets in 2 days, 3 hours and 5 minutes", 183_900],
    ["try again in 5 mins", 300],
    ["in 1 hr", 3_600],
    ["IN 2 H", 7_200],
    ["in\u00a030\u202fminutes", 1_800],
    ["in 40 days", 3_456_000],
    ["try again in 0s", 0],
  ])("%j: after %p s, wherever we are", (text, seconds) => {
    const expected = new Date(Date.parse(saidAt) + seconds * 1_000).toISOString();
    for (const zone of ["UTC", "Asia/Kolkata"])
      expect(read(text, saidAt, zone)).toBe(expected.replace(".000Z", "Z"));
  });
});

describe("over an edge", () => {
  const [york, berlin] = ["(America/New_York)", "(Europe/Berlin)"];
  test.each<[what: string, text: string, said: string, expected: string]>([
    ["midnight", "resets 12:10am (UTC)", "2026-11-20T23:59:00Z", "2026-11-21T00:10:00Z"],
    [
      "midnight there, not here",
      "resets 12:10am (Asia/Kolkata)",
      "2026-11-20T18:00:00Z",
      "2026-11-20T18:40:00Z",
    ],
    ["a month's end", "resets 2am (UTC)", "2026-11-30T23:00:00Z", "2026-12-01T02:00:00Z"],
    ["a leap day", "resets 2am (UTC)", "2028-02-28T23:00:00Z", "2028-02-29T02:00:00Z"],
    ["no leap day", "resets 2am (UTC)", "2027-02-28T23:00:00Z", "2027-03-01T02:00:00Z"],
    ["new year", "resets 2am (UTC)", "2026-12-31T23:00:00Z", "2027-01-01T02:00:00Z"],
    [
      "new year, by date",
      "resets Jan 2, 9am (UTC)",
      "2026-12-30T16:00:00Z",
      "2027-01-02T09:00:00Z",
    ],
    [
      "new year, by date and year",
      "try again at Jan 2nd, 2027 9:00 AM (UTC)",
      "2026-12-30T16:00:00Z",
      "2027-01-02T09:00:00Z",
    ],
    [
      "new year, which it is there already",
      "resets Jan 1, 9am (Pacific/Auckland)",
      "2026-12-31T12:00:00Z",
      "2026-12-31T20:00:00Z",
    ],
    ["summer time begins", `resets 9am ${york}`, "2027-03-13T15:00:00Z", "2027-03-14T13:00:00Z"],
    [
      "summer time has just begun",
      `resets 3:30am ${york}`,
      "2027-03-14T05:00:00Z",
      "2027-03-14T07:30:00Z",
    ],
    [
      "summer time is about to begin",
      `resets 1:30am ${york}`,
      "2027-03-14T05:00:00Z",
      "2027-03-14T06:30:00Z",
    ],
    ["summer time ends", `resets 9am ${berlin}`, "2026-10-24T15:00:00Z", "2026-10-25T08:00:00Z"],
    [
      "summer time has just ended",
      `resets 3:30am ${berlin}`,
      "2026-10-24T22:00:00Z",
      "2026-10-25T02:30:00Z",
    ],
    [
      "a time that comes twice is the first",
      `resets 1:30am ${york}`,
      "2026-11-01T05:00:00Z",
      "2026-11-01T05:30:00Z",
    ],
    [
      "summer time ends on the way to a date",
      `resets Nov 2, 9am ${york}`,
      "2026-10-30T13:00:00Z",
      "2026-11-02T14:00:00Z",
    ],
  ])("%s", (_, text, said, expected) => {
    for (const zone of ["UTC", "Asia/Kolkata"]) expect(read(text, said, zone)).toBe(expected);
  });
});

// A time that there is not must not be later than an hour off.
test("a time that summer time skips", () => {
  const ms = Date.parse(read("resets 2:30am (America/New_York)", "2027-03-14T05:00:00Z")!);
  expect(Math.abs(ms - Date.parse("2027-03-14T07:00:00Z"))).toBeLessThanOrEqual(3_600_000);
});

test.each([
  "",
  "no",
  "Credit balance is too low",
  "try again in a moment",
  "Please try again later.",
  "API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment. If it persists, check your inference gateway (127.0.0.1:41157).",
  "API Error: Server is temporarily limiting requests (not your usage limit) · This request would exceed your account's rate limit. Please try again later.",
  "exceeded retry limit, last status: 429 Too Many Requests",
  "Quota exceeded. Check your plan and billing details.",
  "retry 1/10: rate_limit 429",
  "Reconnecting... 1/5 (unexpected status 401 Unauthorized, url: http://127.0.0.1:8080/v1/responses)",
  "limit reached (five_hour)",
  "resets 3",
  "resets 5:99pm (UTC)",
  "resets 13pm (UTC)",
  "resets 25:00 (UTC)",
  "resets Nov 45, 9am (UTC)",
  "resets 3 of 5 times",
  "try again 5 times",
  "resets soon (UTC)",
  "resets tomorrow at 9am (UTC)",
  "resets Foo 23, 9am (UTC)",
  "resets 9am (Atlantis/Capital)",
  "resets 9am (tomorrow)",
  "presets 9am (UTC)",
  "in the year 2026",
  "in 5 apples",
  "in 3 mice",
  // Nobody waits for so long: it was read wrong.
  "try again in 41 days",
  "in 99999999999999999999999 hours",
  "try again at Nov 23rd, 2027 4:51 PM",
  "resets Feb 1, 9am (UTC)",
  // It is over.
  "try again at Nov 19th, 2026 4:51 PM",
  "resets Nov 20, 9am (UTC)",
])("nobody says it: %j", (text) => {
  expect(read(text, saidAt)).toBeNull();
});

// It is what a CLI printed, and that may be anything.
test.each([
  ["blanks", `again${" ".repeat(60_000)}x`],
  ["blanks behind a number", `in 1${" ".repeat(60_000)}x`],
  ["digits", `in ${"1".repeat(60_000)}`],
  ["numbers", `in ${"1.1".repeat(20_000)}`],
  ["spans", `in ${"1d ".repeat(20_000)}x`],
  ["letters", `resets ${"a".repeat(60_000)}`],
  ["words", "again in resets ".repeat(4_000)],
])("it is read to its end, and nothing is found: %s", (_, text) => {
  expect(resetOf(text, Date.parse(saidAt))).toBeNull();
});
