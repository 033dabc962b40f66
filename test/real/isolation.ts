/**
 * A network namespace that has a loopback and nothing else, so that no real agent can reach a
 * real model; and a folder for what they do, out of the way of all that may be written anyway.
 */
import { ensureAgents } from "./agents.ts";

/**
 * Where projects and homes are made, on a file system that nobody else sees and that goes with
 * the namespace. Not below /tmp, nor wherever TMPDIR says: codex lets its workers write there,
 * so its sandbox would not be seen to keep them from anything.
 */
export const scratch = "/srv";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs a command there, with the agents installed, and ends as it does; signals are passed on.
 * Ends the process with 1 and one line on stderr where it cannot be run: what was skipped would
 * look like what has passed.
 */
export async function runIsolated(name: string, argv: string[]): Promise<void> {
  const cannot = (why: string): never => {
    console.error(`${name} cannot run: ${why.trim().replaceAll(/\s*\n\s*/g, " · ")}`);
    process.exit(1);
  };
  await ensureAgents().catch((error: Error) => cannot(error.message));
  const env = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` }; // ip
  for (const tool of ["unshare", "ip", "tmux"])
    if (!Bun.which(tool, { PATH: env.PATH })) cannot(`${tool} not found`);
  const probe = Bun.spawnSync(isolated(["true"]), {
    env,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  if (!probe.success) cannot(`no namespace to be had: ${probe.stderr.toString()}`);

  const child = Bun.spawn(isolated(argv), { env, stdio: ["ignore", "inherit", "inherit"] });
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  process.exitCode = await child.exited;
}

/** The command in namespaces of its own, as the same user. */
function isolated(command: string[]): string[] {
  const make = `ip link set lo up && mount -t tmpfs -o mode=1777 scratch ${scratch} && exec "$@"`;
  const within = ["sh", "-c", make, "sh"];
  const [uid, gid] = [process.getuid!(), process.getgid!()];
  if (uid === 0) return ["unshare", "-nm", "--", ...within, ...command];
  // Others have to become root of a user namespace to bring the loopback up, and themselves
  // again in a second one: agents behave differently for root.
  return [
    "unshare",
    "-rnm",
    "--",
    ...within,
    "unshare",
    "--user",
    `--map-user=${uid}`,
    `--map-group=${gid}`,
    "--",
    ...command,
  ];
}
