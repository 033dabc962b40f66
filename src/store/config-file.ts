/** The config file: read with its problems, edited with its comments and order kept. */

import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { type Document, isAlias, isMap, isPair, isScalar, parseDocument, type YAMLMap } from "yaml";
import { type Config, type ConfigProblem, readConfig } from "../core/config.ts";
import { DispatchError } from "../core/error.ts";
import { providerOf } from "../core/model-name.ts";
import { configPath } from "./paths.ts";
import { replace } from "./publish.ts";
import { readUserText } from "./read.ts";

export interface LoadedConfig {
  path: string;
  source: string;
  config: Config;
  warnings: ConfigProblem[];
}

/** The file's text, or null where there is none; throws where there is one that cannot be read. */
export function readConfigSource(): string | null {
  return readUserText(configPath());
}

/** Null where there is no config yet; throws the first of its errors, with line and column. */
export function loadConfig(knownBackends: readonly string[]): LoadedConfig | null {
  const source = readConfigSource();
  return source === null ? null : checkedConfig(source, knownBackends);
}

function checkedConfig(source: string, knownBackends: readonly string[]): LoadedConfig {
  const path = configPath();
  const { config, problems } = readConfig(source, knownBackends);
  if (config === null) {
    const errors = problems.filter((problem) => problem.severity === "error");
    const lines = errors.map((error) => problemText(path, error));
    throw new DispatchError(
      "failed",
      "config_invalid",
      lines.join("\n"),
      "mend the file, then run: dispatch config check",
    );
  }
  return { path, source, config, warnings: problems };
}

export const problemText = (path: string, { line, column, message }: ConfigProblem) =>
  `${path}:${line}:${column}: ${message}`;

/**
 * Applies `edit` to the file's document and publishes the result, if the result
 * can be read: an edit that would break the config changes nothing.
 */
export function editConfig(
  knownBackends: readonly string[],
  edit: (document: Document) => void,
): LoadedConfig {
  const document = parseDocument(readConfigSource() ?? "");
  edit(document);
  return writeConfig(document.toString({ lineWidth: 0 }), knownBackends);
}

export function writeConfig(source: string, knownBackends: readonly string[]): LoadedConfig {
  const loaded = checkedConfig(source, knownBackends);
  mkdirSync(dirname(loaded.path), { recursive: true, mode: 0o700 });
  // A person may keep the file elsewhere, behind a link: that one is written.
  const isThere = existsSync(loaded.path);
  replace(isThere ? realpathSync(loaded.path) : loaded.path, source);
  return loaded;
}

/** A new model, beside those of its provider where there are any. */
export function addModel(document: Document, model: string, backend: string): void {
  const models = mapAt(document, "models");
  const value = document.createNode({ backend });
  value.flow = true;
  const pair = document.createPair(model, value);
  const kin = models.items.findLastIndex(
    (item) => isPair(item) && providerOf(String(item.key)) === providerOf(model),
  );
  // Of one that is there all else stays, comments too.
  if (isMap(models.get(model, true))) models.setIn([model, "backend"], backend);
  else if (models.has(model)) models.set(model, value);
  else if (kin === -1) models.items.push(pair);
  else models.items.splice(kin + 1, 0, pair);
}

/** The mapping under a key of the document's root, made where it is missing or empty. */
export function mapAt(document: Document, key: string): YAMLMap {
  if (!isMap(document.contents))
    document.contents = document.createNode({}) as Document["contents"];
  const written = document.get(key, true);
  const present = isAlias(written) ? written.resolve(document) : written;
  if (isMap(present)) return present;
  const made = document.createNode({});
  made.flow = false;
  // `models:` with nothing but comments below it.
  if (isScalar(present) && present.comment) {
    made.commentBefore = present.comment;
    made.spaceBefore = present.spaceBefore ?? false;
  }
  document.set(key, made);
  return made;
}
