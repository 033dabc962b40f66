/**
 * Measures how long the real claude and codex try on when their service fails, and how soon
 * dispatch says what is the matter; writes docs/failures.md.
 *
 *     bun run bench:failures [--only TEXT]
 *
 * `--only` measures the cases whose name holds the text, and prints them only. Linux; nothing but
 * the loopback can be reached. It takes a quarter of an hour.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pinned } from "../test/real/agents.ts";
import { type Failure, failures } from "../test/real/failures.ts";
import { runIsolated } from "../test/real/isolation.ts";
import { type Measured, tableOf } from "./bench/failures/report.ts";
import { bare, capS, dispatched } from "./bench/failures/runs.ts";

const documentPath = join(import.meta.dir, "../docs/failures.md");
const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const atATime = 3;
const shortS = 10;

const { values: given } = parseArgs({
  options: {
    only: { type: "string" },
    /** Set for the part of it that runs in the network namespace. */
    isolated: { type: "boolean", default: false },
  },
});

async function measure(): Promise<void> {
  // Whatever an agent has started goes with it.
  for (const signal of signals) process.on(signal, () => process.exit(1));
  const { only } = given;
  const chosen = failures.filter(
    ({ agent, name }) => only === undefined || `${agent} ${name}`.includes(only),
  );
  const measured = chosen.map((failure): Measured => ({ failure, bare: [], dispatched: [] }));
  const jobs = measured.flatMap((each) => [
    jobOf("bare", each.failure, bare, each.bare),
    jobOf("through dispatch", each.failure, dispatched, each.dispatched),
  ]);
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await job();
    }),
  );
  const document = format(measured);
  console.log(document);
  if (only === undefined) writeFileSync(documentPath, document);
  process.exit();
}

/** Thrice where it is short, for a median; else once. */
function jobOf<T extends { seconds: number }>(
  how: string,
  failure: Failure,
  play: (failure: Failure) => Promise<T>,
  into: T[],
) {
  return async () => {
    console.error(`measuring ${failure.agent}, ${failure.what}, ${how} …`);
    do into.push(await play(failure));
    while (into[0]!.seconds < shortS && into.length < 3);
  };
}

const format = (measured: readonly Measured[]) => `# When the service fails

Made by \`bun run bench:failures\`, on ${new Date().toISOString().slice(0, 10)}: the real \`claude\` (${pinned["@anthropic-ai/claude-code"]}) and \`codex\` (${pinned["@openai/codex"]}), and a server that fails in the services' own words. Bare is the command line that dispatch builds, by itself, for up to ${capS} s; beside it the same through \`dispatch run\`, with the settings that a first config has, until \`dispatch status\` shows a cause. A task that is \`held\` is tried again by itself (\`retry:\`), one that is \`failed\` goes on with a \`fallback:\` if its model has one.

## claude

${tableOf(measured, "claude")}

## codex

${tableOf(measured, "codex")}

How it was measured: from the spawn of the CLI to its exit, and from the spawn of \`dispatch run\` until the line of \`dispatch status --watch --json\` that says what came of it; the median of three where a run takes less than ${shortS} s, else one; three at a time. The server fails each request of the main conversation in the same way, unless the row says otherwise; codex is sent from WebSockets to HTTP first. Lines are cut, and ports left out. That \`retry\` line of claude's is its \`api_retry\` event: try, error, status.

Who says nothing cannot be told from a model that thinks: silence is told, and nobody ended for it.
`;

/** The same command again, where nothing but the loopback is. */
const again = [process.execPath, import.meta.path, ...process.argv.slice(2), "--isolated"];
await (given.isolated ? measure() : runIsolated("bench:failures", again));
