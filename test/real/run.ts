/**
 * `bun run test:real`: the tests in this folder, in a network namespace that has a loopback and
 * nothing else, so that no real agent can reach a real model. Arguments are passed on to
 * `bun test`.
 */
import { runIsolated } from "./isolation.ts";

const test = [process.execPath, "test", "--timeout", "60000", import.meta.dir];
await runIsolated("test:real", [...test, ...process.argv.slice(2)]);
