/**
 * What is read from real streams of failing CLIs, line by line: no first sign may be taken for
 * another cause than the last, and what a CLI notes for its makers for none at all. Recorded with
 * claude 2.1.329 and codex 0.169.0 against a scripted server, and shortened.
 */

import { describe, expect, test } from "bun:test";
import { backendNamed } from "../../src/backends/index.ts";
import { type Cause, summarise } from "../../src/core/stream.ts";

const sampleOf = (name: string) =>
  Bun.file(`${import.meta.dir}/../real/samples/failures/${name}.jsonl`).text();

/** What is said of it after each line, without repetitions. */
async function saidOf(name: string) {
  const { read } = backendNamed(name.split("-")[0]!);
  const lines = (await sampleOf(name)).trimEnd().split("\n");
  const reports = lines.map((_, index) => summarise(lines.slice(0, index + 1).flatMap(read)));
  const causes = reports.map(({ failure, trouble }) => (failure ?? trouble)?.cause ?? null);
  const last = reports.at(-1)!;
  return {
    causes: causes.filter((cause, index) => index === 0 || cause !== causes[index - 1]),
    ok: last.ok,
    resetsAtMs: (last.failure ?? last.trouble)?.resetsAtMs ?? null,
  };
}

type Row = [sample: string, cause: Cause, resetsAtMs: number | null];

describe("a failure is told from its first sign to its last", () => {
  test.each<Row>([
    ["claude-401", "auth", null],
    ["claude-403-sub-revoked", "auth", null],
    ["claude-502-html", "overloaded", null],
    ["claude-toolong", "prompt_too_long", null],
    ["claude-429-sub", "session_limit", 1_795_197_078_000],
    ["claude-429-sub-overage", "session_limit", 1_795_200_686_000],
    // A limit's event without its type is no plan's limit.
    ["claude-429-sub-plain", "rate_limit", null],
    ["claude-429-sub-retry-after", "rate_limit", null],
    ["codex-400-model-cg", "model_unavailable", null],
    ["codex-401-cg-refresh", "auth", null],
    ["codex-limit-cg", "session_limit", null],
    ["codex-refused", "network", null],
    ["codex-sse-429-30s", "rate_limit", null],
    ["codex-wsmsg-401", "auth", null],
  ])("%s", async (name, cause, resetsAtMs) => {
    expect(await saidOf(name)).toEqual({ causes: [null, cause], ok: false, resetsAtMs });
  });

  test.each<Row>([
    ["claude-429-sub-watchdog", "rate_limit", 1_795_198_698_000],
    ["codex-429-retry-after", "rate_limit", null],
  ])("and where the CLI goes on for hours: %s", async (name, cause, resetsAtMs) => {
    expect(await saidOf(name)).toEqual({ causes: [null, cause], ok: null, resetsAtMs });
  });

  test.each(["claude-drop-then-ok", "codex-drop-then-ok"])(
    "and no longer than that: %s",
    async (name) => {
      const causes = [null, "network" as const, null];
      expect(await saidOf(name)).toEqual({ causes, ok: true, resetsAtMs: null });
    },
  );
});
