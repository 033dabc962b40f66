/** The config of a first run, and what a later setup adds to it. */

import { backendNames, backends } from "../backends/index.ts";
import { failed } from "../core/error.ts";
import { type Found, formatConfig, guessDefault, modelsFor } from "../core/new-config.ts";
import {
  addModel,
  editConfig,
  loadConfig,
  type LoadedConfig,
  mapAt,
  writeConfig,
} from "../store/config-file.ts";
import { discover } from "./discover.ts";

export interface SetupResult {
  loaded: LoadedConfig;
  found: Found[];
  /** Models that this setup has added. */
  added: string[];
  isFirst: boolean;
}

/** Asked at a terminal, given the models; null takes the guess. */
export type ChooseDefault = (models: readonly string[], guess: string) => Promise<string | null>;

/** Looks for agent CLIs and writes or completes the config; a person's own lines stay as they are. */
export async function setUp(chooseDefault: ChooseDefault): Promise<SetupResult> {
  // A config that cannot be read is left alone: throws before anything is asked.
  const before = loadConfig(backendNames);
  const found = await discover();
  const models = modelsFor(found);
  const guess = guessDefault(models);

  if (before === null) {
    if (guess === null) throw nothingFound();
    const chosen = (await chooseDefault([...models.keys()], guess)) ?? guess;
    const loaded = writeConfig(formatConfig(found, chosen), backendNames);
    return { loaded, found, added: [...models.keys()], isFirst: true };
  }

  const added = [...models.keys()].filter((model) => !Object.hasOwn(before.config.models, model));
  const missingBackends = found.filter(
    ({ backend }) => !Object.hasOwn(before.config.backends, backend),
  );
  if (before.config.format === "agents" || (added.length === 0 && missingBackends.length === 0)) {
    return { loaded: before, found, added: [], isFirst: false };
  }
  const loaded = editConfig(backendNames, (document) => {
    const table = mapAt(document, "backends");
    for (const { backend } of missingBackends) table.set(backend, document.createNode({}));
    for (const model of added) addModel(document, model, models.get(model)!);
    if (before.config.default === null && guess !== null) document.set("default", guess);
  });
  return { loaded, found, added, isFirst: false };
}

/** The config, made first where there is none. */
export async function loadOrSetUp(
  chooseDefault: ChooseDefault,
): Promise<{ loaded: LoadedConfig; setup: SetupResult | null }> {
  const loaded = loadConfig(backendNames);
  if (loaded !== null) return { loaded, setup: null };
  const setup = await setUp(chooseDefault);
  return { loaded: setup.loaded, setup };
}

function nothingFound() {
  const [first, second] = backends;
  return failed(
    "cli_missing",
    `no agent CLI found on PATH (looked for ${backends.flatMap(({ binaries }) => binaries).join(", ")})`,
    `install one, for example: ${first!.install}, or: ${second!.install}; then: dispatch setup`,
  );
}
