/**
 * The real agent CLIs, at pinned versions, and an environment in which they talk to nobody but
 * a server on loopback. Installed once per version into .cache/agents; safe to delete.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { delimiter, dirname, join } from "node:path";

/** What is installed; the numbers name the cache folder too. */
export const pinned = {
  "@anthropic-ai/claude-code": "2.1.329",
  "@openai/codex": "0.169.0",
  // The installer of skills; later versions need Node 22.
  skills: "1.5.18",
};

const repository = join(import.meta.dir, "../..");
const cache = join(repository, ".cache/agents");
const folder = join(cache, Object.values(pinned).join("-"));

/** Where `claude`, `codex` and `skills` are found once they are installed. */
export const agentsBin = join(folder, "node_modules/.bin");

/**
 * Installs the pinned agents with npm unless they are there, and returns their bin folder.
 * Throws an Error that ends with npm's own words when the install fails. Needs the network, so
 * it has to run before the network is taken away.
 */
export async function ensureAgents(): Promise<string> {
  if (existsSync(agentsBin)) return agentsBin;
  await mkdir(cache, { recursive: true });
  // Made aside and renamed into place: an install that was cut off must not look like one.
  const aside = await mkdtemp(join(cache, "installing-"));
  try {
    // A project of its own, so that npm looks no further up for a package.json. `allowScripts`:
    // npm 12 runs no install script without it, and claude's puts the binary into place.
    const project = {
      private: true,
      dependencies: pinned,
      allowScripts: { "@anthropic-ai/claude-code": true },
    };
    await writeFile(join(aside, "package.json"), JSON.stringify(project));
    const flags = [
      "--prefix",
      aside,
      "--no-audit",
      "--no-fund",
      "--no-package-lock",
      "--loglevel=error",
    ];
    const npm = Bun.spawn(["npm", "install", ...flags], {
      cwd: aside,
      env: process.env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    const words = await npm.stderr.text();
    if ((await npm.exited) !== 0)
      throw new Error(`npm could not install the agents: ${words.trim().slice(0, 300)}`);
    await rename(aside, folder).catch((error: unknown) => {
      // Someone else was faster: theirs is as good.
      if (!existsSync(agentsBin)) throw error;
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return agentsBin;
}

/**
 * A clean environment for a worker (or for a program that starts workers) whose agents use
 * `home` and the model server at `serverUrl`, and nothing else: no telemetry, no updates.
 * Writes codex's config into `home`, which must not lie in the worker's TMPDIR: codex makes
 * no helpers (apply_patch) there. Throws where anything but the loopback could be reached.
 */
export async function agentEnv(home: string, serverUrl: string): Promise<Record<string, string>> {
  if (
    Object.values(networkInterfaces())
      .flat()
      .some((address) => !address?.internal)
  ) {
    throw new Error(
      "a real agent could reach the network here; run the tests with: bun run test:real",
    );
  }
  const codexHome = join(home, ".codex");
  await mkdir(codexHome, { recursive: true });
  await writeFile(join(codexHome, "config.toml"), codexConfig(serverUrl));
  return {
    HOME: home,
    // codex's launcher is a node script.
    PATH: [agentsBin, dirname(Bun.which("node") ?? "/usr/bin/node"), "/usr/bin", "/bin"].join(
      delimiter,
    ),
    LANG: "C.UTF-8",
    ANTHROPIC_BASE_URL: serverUrl,
    ANTHROPIC_API_KEY: "scripted",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
    DISABLE_ERROR_REPORTING: "1",
    DISABLE_TELEMETRY: "1",
    CODEX_HOME: codexHome,
    CODEX_API_KEY: "scripted",
  };
}

/** With analytics on and no network, codex waits five seconds before it exits. */
const codexConfig = (serverUrl: string) => `openai_base_url = "${serverUrl}/v1"
check_for_update_on_startup = false

[analytics]
enabled = false

[feedback]
enabled = false
`;
