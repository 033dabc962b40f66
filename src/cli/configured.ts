/** The config as commands want it: made on the first run, with what is to be said about that said. */

import type { Config } from "../core/config.ts";
import { usageError } from "../core/error.ts";
import { problemText } from "../store/config-file.ts";
import { loadOrSetUp, type SetupResult } from "../supervise/setup.ts";
import { talk } from "../render/write.ts";
import { askPerson, isInteractive } from "../unix/terminal.ts";

export async function configured(): Promise<Config> {
  const { loaded, setup } = await loadOrSetUp(chooseDefault);
  if (setup !== null) talk.info(setupText(setup));
  for (const warning of loaded.warnings) talk.warn(problemText(loaded.path, warning));
  return loaded.config;
}

/** A person at a terminal is asked which model is the default; everybody else gets the best guess. */
export async function chooseDefault(
  models: readonly string[],
  guess: string,
): Promise<string | null> {
  if (!isInteractive()) return null;
  const shown = models.slice(0, 12).join(", ");
  const said = (
    await askPerson(`default model (${shown}${models.length > 12 ? ", …" : ""}) [${guess}]: `)
  )?.trim();
  if (said === undefined || said === "") return null;
  if (!models.includes(said))
    throw usageError(`${said} is not one of them`, "run dispatch setup again");
  return said;
}

/** Two lines: what was found, and where it stands now. */
export function setupText({ loaded, found, added, isFirst }: SetupResult): string {
  const names = found.map(({ label }) => label).join(", ") || "no agent CLI";
  if (isFirst) {
    return `found ${names}; ${added.length} models\nconfig written: ${loaded.path} (default: ${loaded.config.default})`;
  }
  const news = added.length === 0 ? "nothing new" : `added ${added.join(", ")}`;
  return `found ${names}; ${news}\nconfig: ${loaded.path} (default: ${loaded.config.default ?? "none"})`;
}
