/**
 * When a limit is lifted, as agent CLIs write it for people:
 * `resets 11:45am (UTC)`, `resets Nov 23, 9am`, `try again at 10:41 AM`,
 * `try again in 3 hours 20 minutes`. A zone is named in brackets, or is ours.
 */

const longestMs = 40 * 86_400_000;
/** Read so long after its time, it is past and not tomorrow's. */
const pastMs = 15 * 60_000;
const months = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const days = "sun mon tue wed thu fri sat".split(" ");

const unit = "(?:d(?:ays?)?|h(?:ours?|rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)(?![a-z])";
const span = new RegExp(
  `(?:^|\\b(?:again|resets?|retry|wait|available)\\b[^.;]{0,40}?\\b)(?:in|after)\\s+((?:\\d+(?:\\.\\d+)?\\s*${unit}[\\s,]*(?:and\\s+)?)+)`,
  "i",
);
const clock = new RegExp(
  [
    "\\b(?:resets?|again)\\s+(?:at\\s+|on\\s+)?",
    "(?:(?<word>[a-z]{3})[a-z]*\\.?\\s+(?:(?<day>\\d{1,2})(?:st|nd|rd|th)?,?\\s+(?:(?<year>\\d{4}),?\\s+)?)?(?:at\\s+)?)?",
    "(?<hour>\\d{1,2})(?::(?<minute>\\d{2}))?\\s*(?:(?<half>[ap])\\.?m\\b\\.?)?",
    "(?:\\s*\\((?<zone>[\\w/+-]+)\\))?",
  ].join(""),
  "i",
);

/**
 * Epoch milliseconds, or null where the text does not say it.
 *
 * @param saidMs when the text was written, epoch milliseconds: a time of day is the first after it
 */
export function resetOf(text: string, saidMs: number): number | null {
  const atMs = clockAfter(text, saidMs) ?? spanFrom(text, saidMs);
  return isLikely(atMs, saidMs) ? atMs : null;
}

/** A time that a limit said at `saidMs` may be lifted at. */
export const isLikely = (atMs: number | null, saidMs: number): boolean =>
  atMs !== null && atMs >= saidMs - pastMs && atMs <= saidMs + longestMs;

const unitMs: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 };

function spanFrom(text: string, saidMs: number): number | null {
  const words = span.exec(text)?.[1];
  if (words === undefined) return null;
  let ms = 0;
  for (const [, amount, letter] of words.matchAll(/(\d+(?:\.\d+)?)\s*([dhms])/gi))
    ms += Number(amount) * unitMs[letter!.toLowerCase()]!;
  return saidMs + ms;
}

function clockAfter(text: string, saidMs: number): number | null {
  const found = clock.exec(text)?.groups;
  // A bare number is no time of day.
  if (found === undefined || (found["minute"] === undefined && found["half"] === undefined))
    return null;
  const hour = hourOf(Number(found["hour"]), found["half"]?.toLowerCase());
  const minute = Number(found["minute"] ?? 0);
  const zone = found["zone"] ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (hour === null || minute > 59 || !isZone(zone)) return null;

  const said = fieldsAt(saidMs, zone);
  const at = (year: number, month: number, day: number) =>
    epochOf(zone, year, month, day, hour, minute);
  const isAhead = (ms: number) => ms >= saidMs - pastMs;
  const word = found["word"]?.toLowerCase();
  if (word === undefined || found["day"] === undefined) {
    const weekday = word === undefined ? null : days.indexOf(word);
    if (weekday === -1) return null;
    const first = new Date(Date.UTC(said.year, said.month, said.day)).getUTCDay();
    const ahead = weekday === null ? 0 : (weekday - first + 7) % 7;
    const next = at(said.year, said.month, said.day + ahead);
    const turn = weekday === null ? 1 : 7;
    return isAhead(next) ? next : at(said.year, said.month, said.day + ahead + turn);
  }
  const [month, day] = [months.indexOf(word), Number(found["day"])];
  if (month === -1 || day < 1 || day > 31) return null;
  if (found["year"] !== undefined) return at(Number(found["year"]), month, day);
  const thisYear = at(said.year, month, day);
  return isAhead(thisYear) ? thisYear : at(said.year + 1, month, day);
}

/** Of a whole day or of half of one; null where there is no such hour. */
function hourOf(hour: number, half: string | undefined): number | null {
  if (half === undefined) return hour < 24 ? hour : null;
  if (hour < 1 || hour > 12) return null;
  return (hour % 12) + (half === "p" ? 12 : 0);
}

function isZone(timeZone: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone }));
  } catch {
    return false;
  }
}

function fieldsAt(ms: number, timeZone: string) {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(ms);
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  return {
    year: of("year"),
    month: of("month") - 1,
    day: of("day"),
    hour: of("hour"),
    minute: of("minute"),
    second: of("second"),
  };
}

/** A wall clock's time in a zone: guessed as if it were UTC, then mended by what the zone shows there. */
function epochOf(timeZone: string, ...[year, month, day, hour, minute]: number[]): number {
  const wanted = Date.UTC(year!, month!, day, hour, minute);
  let ms = wanted;
  for (let turn = 0; turn < 2; turn++) {
    const shown = fieldsAt(ms, timeZone);
    const { second } = shown;
    ms += wanted - Date.UTC(shown.year, shown.month, shown.day, shown.hour, shown.minute, second);
  }
  return ms;
}
