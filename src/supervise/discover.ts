/** Which agent CLIs are there, and which models they have: asked of the CLIs themselves, spending nothing. */

import { type Backend, backends } from "../backends/index.ts";
import { isModelName } from "../core/model-name.ts";
import type { Found } from "../core/new-config.ts";
import type { Discovered } from "../core/route.ts";
import { withoutHost } from "../unix/host.ts";
import { capture } from "../unix/spawn.ts";

const listTimeoutMs = 15_000;

/** Where the backend's CLI is, or null when it is not on PATH. */
export function cliPath(backend: Backend): string | null {
  for (const binary of backend.binaries) {
    const path = Bun.which(binary);
    if (path !== null) return path;
  }
  return null;
}

/** Built-in backends whose CLI is on PATH, best first. */
export function installedBackends(): Backend[] {
  return backends.filter((backend) => cliPath(backend) !== null);
}

/** Every installed CLI with its models; they are asked side by side. */
export async function discover(): Promise<Found[]> {
  return Promise.all(
    installedBackends().map(async (backend) => {
      const listed = await listModels(backend);
      const models = listed.length > 0 ? listed : backend.knownModels;
      return { backend: backend.name, label: backend.label, models };
    }),
  );
}

/** What the CLI says; nothing where it cannot be asked, fails, or says what nobody can read. */
async function listModels(backend: Backend): Promise<readonly string[]> {
  if (backend.models === null) return [];
  const { args, parse } = backend.models;
  const env = { ...withoutHost(process.env), NO_COLOR: "1" };
  const { ok, stdout } = await capture([cliPath(backend)!, ...args], listTimeoutMs, env);
  if (!ok) return [];
  try {
    return parse(Bun.stripANSI(stdout)).filter(isModelName);
  } catch {
    return [];
  }
}

export const modelLists = (found: readonly Found[]): Discovered =>
  new Map(found.map(({ backend, models }) => [backend, models]));
