/**
 * `bun run test:real`: the tests in this folder, in a network namespace that has a loopback and
 * nothing else, so that no real agent can reach a real model. Arguments are passed on to
 * `bun test`. Exits as the tests do, or with 1 and one line on stderr where they cannot run: a
 * skipped test would look like a passed one.
 */
import { isolated, withAgents } from "./isolation.ts";

const env = await withAgents("test:real");
const tests = Bun.spawn(
  isolated([
    process.execPath,
    "test",
    "--timeout",
    "60000",
    import.meta.dir,
    ...process.argv.slice(2),
  ]),
  {
    env,
    stdio: ["ignore", "inherit", "inherit"],
  },
);
process.exitCode = await tests.exited;
