/** Which agent CLIs are there, and which models they have: asked of the CLIs themselves, spending nothing. */

import { type Backend, backends } from "../backends/index.ts";
import { isModelName } from "../core/model-name.ts";
import type { Found } from "../core/new-config.ts";
import type { Discovered } from "../core/route.ts";
import { withoutHost } from "../unix/host.ts";
import { capture } from "../unix/spawn.ts";

const listTimeoutMs = 15_000;
/** Claude Code's own stable names; it lists no others. */
const claudeModels = ["opus", "sonnet", "haiku"];

const binaryOf = (backend: Backend) =>
  backend.binaries.find((name) => Bun.which(name) !== null) ?? null;

/** Built-in backends whose CLI is on PATH, best first. */
export function installedBackends(): Backend[] {
  return backends.filter((backend) => binaryOf(backend) !== null);
}

/** Every installed CLI with its models; they are asked side by side. */
export async function discover(): Promise<Found[]> {
  return Promise.all(
    installedBackends().map(async (backend) => ({
      backend: backend.name,
      label: backend.label,
      models: backend.name === "claude" ? claudeModels : await listModels(backend),
    })),
  );
}

async function listModels(backend: Backend): Promise<readonly string[]> {
  if (backend.models === null) return [];
  const env = { ...withoutHost(process.env), NO_COLOR: "1" };
  const { ok, stdout } = await capture(
    [binaryOf(backend)!, ...backend.models.args],
    listTimeoutMs,
    env,
  );
  if (!ok) return backend.models.fallback;
  try {
    const models = backend.models.parse(Bun.stripANSI(stdout)).filter(isModelName);
    return models.length > 0 ? models : backend.models.fallback;
  } catch {
    return backend.models.fallback;
  }
}

export const modelLists = (found: readonly Found[]): Discovered =>
  new Map(found.map(({ backend, models }) => [backend, models]));
