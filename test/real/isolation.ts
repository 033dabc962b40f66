/**
 * A network namespace that has a loopback and nothing else, so that no real agent can reach a
 * real model.
 */
import { ensureAgents } from "./agents.ts";

/**
 * Installs the agents and makes sure of the namespace, and returns the environment for `isolated`.
 * Ends the process with 1 and one line on stderr where either is not to be had: what was skipped
 * would look like what has passed.
 */
export async function withAgents(name: string): Promise<Record<string, string | undefined>> {
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
  if (!probe.success) cannot(`no network namespace to be had: ${probe.stderr.toString()}`);
  return env;
}

/** The command in a namespace of its own, as the same user. */
export function isolated(command: string[]): string[] {
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
