/**
 * `bun run test:real`: the tests in this folder, in a network namespace that has a loopback and
 * nothing else, so that no real agent can reach a real model. Arguments are passed on to
 * `bun test`. Exits as the tests do, or with 1 and one line on stderr where they cannot run: a
 * skipped test would look like a passed one.
 */
import { ensureAgents } from "./agents.ts";

const cannot = (why: string): never => {
  console.error(`test:real cannot run: ${why.trim().replaceAll(/\s*\n\s*/g, " · ")}`);
  process.exit(1);
};

await ensureAgents().catch((error: Error) => cannot(error.message));
if (!Bun.which("unshare")) cannot("no network namespaces here (unshare not found)");

const env = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` }; // ip
const probe = Bun.spawnSync(isolated(["true"]), {
  env,
  stdin: "ignore",
  stdout: "ignore",
  stderr: "pipe",
});
if (!probe.success) cannot(`no network namespace to be had: ${probe.stderr.toString()}`);

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

/** The command in a namespace of its own, as the same user. */
function isolated(command: string[]): string[] {
  const withLoopback = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
  const [uid, gid] = [process.getuid!(), process.getgid!()];
  if (uid === 0) return ["unshare", "-n", "--", ...withLoopback, ...command];
  // Others have to become root of a user namespace to bring the loopback up, and themselves
  // again in a second one: agents behave differently for root.
  return [
    "unshare",
    "-rn",
    "--",
    ...withLoopback,
    "unshare",
    "--user",
    `--map-user=${uid}`,
    `--map-group=${gid}`,
    "--",
    ...command,
  ];
}
