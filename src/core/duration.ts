/** Durations as people write them: `30s`, `3m`, `2h`, `500ms`, `1h30m`, `none`. */

const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds; Infinity for `none`; null when it is not a duration. */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim().toLowerCase();
  if (trimmed === "none") return Infinity;
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(trimmed)) return null;
  let totalMs = 0;
  for (const [, amount, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    totalMs += Number(amount) * unitMs[unit!]!;
  }
  return totalMs;
}

/** The two largest units: `2h 5m`, `3m`, `12s`. */
export function formatDuration(ms: number): string {
  if (ms === Infinity) return "none";
  const totalSeconds = Math.max(0, Math.round(ms / 1_000));
  const parts = [
    [Math.floor(totalSeconds / 86_400), "d"],
    [Math.floor(totalSeconds / 3_600) % 24, "h"],
    [Math.floor(totalSeconds / 60) % 60, "m"],
    [totalSeconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first === -1) return "0s";
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join(" ");
}
