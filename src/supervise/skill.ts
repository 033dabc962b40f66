/**
 * The skill in its hosts' folders: what is to change there, and doing it.
 *
 * Claude Code gets the skill, a permission rule and the hooks of the plugin;
 * all others read the skill from one shared folder, and Codex gets a rule. A
 * receipt in dispatch's own folder says what had to be made for that. It is
 * written before what it tells of and removed after it: a receipt for what was
 * never made does no harm, while without one nothing could be taken back to
 * the byte.
 */

import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import plugin from "../../skills/dispatch/.claude-plugin/plugin.json" with { type: "json" };
import skill from "../../skills/dispatch/SKILL.md" with { type: "text" };
import { failed, refused } from "../core/error.ts";
import {
  addOurs,
  type FileChange,
  type Ours,
  readReceipt,
  type Receipt,
  removeOurs,
  type SettingsProblem,
  type Traces,
} from "../core/settings.ts";
import { pluginManifest, skillPaths } from "../store/paths.ts";
import { isErrno, replace } from "../store/publish.ts";
import { installedBackends } from "./discover.ts";

const ours: Ours = { rule: "Bash(dispatch:*)", hooks: plugin.hooks };

/** Codex 0.169.0 runs what this allows outside its sandbox, without asking. */
const codexRules =
  'prefix_rule(pattern=["dispatch"], decision="allow", justification="dispatch starts workers outside the sandbox", match=["dispatch run x"], not_match=["dispatcher run x"])\n';

/** Besides Claude Code: backends whose CLI reads the shared folder when it is the host. */
const sharers = ["codex", "cursor", "opencode", "gemini", "copilot"];

export interface SkillPlan {
  kind: "install" | "uninstall";
  changes: FileChange[];
  /** Files that were looked at. */
  places: string[];
  /** What is left alone, and why. */
  left: string[];
  /** Folders that go if nothing is left in them. */
  folders: string[];
  /** What the receipt will say; null: there is nothing to say. */
  receipt: Receipt | null;
}

/** Throws where there is no host, or where a file of a person is not as it should be. */
export function planInstall(skillOnly: boolean): SkillPlan {
  const paths = skillPaths();
  const installed = installedBackends().map(({ name }) => name);
  const hasClaude = installed.includes("claude") || existsSync(paths.claude);
  const hasSharer = sharers.some((name) => installed.includes(name));
  if (!hasClaude && !hasSharer)
    throw failed(
      "cli_missing",
      `no host for the skill found on PATH (looked for claude, ${sharers.join(", ")})`,
      "install one, then: dispatch skill install",
    );

  const receipt = currentReceipt() ?? { schema: 1, settings: {}, folders: [] };
  const isCopy = existsSync(pluginManifest(dirname(paths.claudeSkill)));
  const left = isCopy
    ? [`${dirname(paths.claudeSkill)}: a whole copy, made by another installer`]
    : [];
  const wanted = [
    ...(hasClaude && !isCopy ? [changeTo(paths.claudeSkill, skill)] : []),
    ...(hasSharer ? [changeTo(paths.sharedSkill, skill)] : []),
    ...(installed.includes("codex") && !skillOnly ? [changeTo(paths.codexRules, codexRules)] : []),
  ];
  if (hasClaude && !skillOnly) {
    const path = paths.claudeSettings;
    const before = read(path);
    // A plugin brings its hooks itself: each would run twice.
    const hooks = isCopy || isPluginEnabled(before ?? "") ? {} : ours.hooks;
    const { text, traces } = usable(path, addOurs(before, { ...ours, hooks }));
    wanted.push({ path, before, after: text });
    receipt.settings[path] = joined(earlierTraces(receipt, path, before), traces);
  }
  // One skill folder may be a link to the other.
  const distinct = [...new Map(wanted.map((file) => [behindLinks(file.path), file])).values()];
  const changes = distinct.filter(({ before, after }) => before !== after);
  const made = [...changes.map(({ path }) => path), paths.receipt].flatMap(missingFolders);
  receipt.folders = [...new Set([...receipt.folders, ...made])];
  const places = distinct.map(({ path }) => path);
  return { kind: "install", changes, places, left, folders: [], receipt };
}

const isPluginEnabled = (settings: string) => /"dispatch@[^"]*"\s*:\s*true/.test(settings);

/** Everything that `planInstall` may have led to, whatever is on PATH now. */
export function planUninstall(skillOnly: boolean): SkillPlan {
  const paths = skillPaths();
  const before = currentReceipt();
  const changes: FileChange[] = [];
  const left: string[] = [];
  const folders = [...(before?.folders ?? [])];

  const skills = skillPlaces();
  const linked = new Set(skills.filter(isLinked).map(behindLinks));
  for (const path of skills) {
    const folder = dirname(path);
    if (isLinked(path)) left.push(`${folder}: a link`);
    else if (linked.has(behindLinks(path))) left.push(`${folder}: a link leads to it`);
    else if (existsSync(pluginManifest(folder)))
      left.push(`${folder}: a whole copy, made by another installer`);
    else {
      changes.push(changeTo(path, null));
      folders.push(folder);
      if (readdirSync(folder).length > 1) left.push(`${folder}: holds other files`);
    }
  }
  const { codexRules: rules, claudeSettings: settings } = paths;
  if (!skillOnly) {
    if (existsSync(rules)) changes.push(changeTo(rules, null));
    const source = read(settings);
    const traces = before && (before.settings[settings] ?? { rule: false, containers: {} });
    const after = source && usable(settings, removeOurs(source, ours, traces)).text;
    if (after !== source) changes.push({ path: settings, before: source, after });
  }
  const places = [paths.claudeSkill, paths.sharedSkill, rules, settings];
  const isAll = !skillOnly || before?.settings[settings] === undefined;
  const receipt = before && isAll ? withoutPlaces(before, places) : before;
  return { kind: "uninstall", changes, places, left, folders, receipt };
}

/** All of it, or an error before anything is written. */
export function carryOut({ kind, changes, folders, receipt }: SkillPlan): void {
  for (const { path, before } of changes) {
    const again = `dispatch skill ${kind}`;
    if (read(path) !== before)
      throw refused("changed_meanwhile", `${path} has changed; nothing was written`, again);
    const folder = nearestFolder(path);
    if (!isWritable(folder))
      throw failed("not_writable", `${folder} cannot be written to; nothing was written`, again);
  }
  if (kind === "install") writeReceipt(receipt);
  for (const change of changes) write(change);
  if (kind === "uninstall") writeReceipt(receipt);
  // The innermost first.
  for (const folder of folders.toSorted((a, b) => b.length - a.length)) removeEmpty(folder);
}

/** Where the skill is now. */
export function skillPlaces(): string[] {
  const { claudeSkill, sharedSkill } = skillPaths();
  return [claudeSkill, sharedSkill].filter((path) => existsSync(path));
}

// The receipt.

function currentReceipt(): Receipt | null {
  const source = read(skillPaths().receipt);
  return source === null ? null : readReceipt(source);
}

/** Traces of settings that hold nothing of ours any more are of another time. */
function earlierTraces({ settings }: Receipt, path: string, source: string | null): Traces | null {
  const traces = settings[path] ?? null;
  if (source === null || traces === null) return null;
  const itself = { rule: traces.rule, containers: {} };
  return usable(path, removeOurs(source, ours, itself)).text === source ? null : traces;
}

/** What was there before the first of several installations counts. */
function joined(earlier: Traces | null, { rule, containers, file }: Traces): Traces {
  return {
    ...(file === undefined ? {} : { file }),
    ...earlier,
    rule: rule || (earlier?.rule ?? false),
    containers: { ...containers, ...earlier?.containers },
  };
}

/** Without what it says of these files; null when that was all. */
function withoutPlaces({ settings, folders }: Receipt, places: readonly string[]): Receipt | null {
  const others = Object.entries(settings).filter(([path]) => !places.includes(path));
  const above = [...places, skillPaths().receipt];
  const receipt: Receipt = {
    schema: 1,
    settings: Object.fromEntries(others),
    folders: folders.filter((folder) => !above.some((path) => path.startsWith(`${folder}/`))),
  };
  return others.length === 0 && receipt.folders.length === 0 ? null : receipt;
}

function writeReceipt(receipt: Receipt | null): void {
  const path = skillPaths().receipt;
  if (receipt === null) return rmSync(path, { force: true });
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  replace(path, `${JSON.stringify(receipt, null, 2)}\n`);
}

// A person's files.

const changeTo = (path: string, after: string | null): FileChange => ({
  path,
  before: read(path),
  after,
});

/** A file's text to the byte, or null where there is none. */
function read(path: string): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(path));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    if (isErrno(error, "EISDIR"))
      throw failed("not_a_file", `${path} is a folder; expected a file`, "move it away");
    if (error instanceof TypeError)
      throw failed("not_text", `${path} cannot be read; expected UTF-8`, "mend the file");
    throw error;
  }
}

function usable<T extends object>(path: string, result: T | { problem: SettingsProblem }): T {
  if (!("problem" in result)) return result;
  const { line, column, message } = result.problem;
  throw failed(
    "settings_invalid",
    `${path}:${line}:${column}: ${message}`,
    "mend the file, or leave it alone with --skill-only",
  );
}

/** A person may keep a file elsewhere, behind a link: that one is written. */
function write({ path, after }: FileChange): void {
  if (after === null) return rmSync(path);
  const target = behindLinks(path);
  const mode = statSync(target, { throwIfNoEntry: false })?.mode;
  mkdirSync(dirname(target), { recursive: true });
  replace(target, after);
  if (mode !== undefined) chmodSync(target, mode & 0o777);
}

function behindLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined)
      throw failed("broken_link", `${path} is a link that leads nowhere`, `rm ${path}`);
    return join(behindLinks(dirname(path)), basename(path));
  }
}

/** The file, or the skill's folder, is a link; those above are their owner's way to keep house. */
const isLinked = (path: string) =>
  [path, dirname(path)].some((each) => lstatSync(each).isSymbolicLink());

/** Folders that a file at the path needs, the outermost first. */
function missingFolders(path: string): string[] {
  const folder = dirname(behindLinks(path));
  return existsSync(folder) ? [] : [...missingFolders(folder), folder];
}

/** The folder where the first thing would be written for it. */
function nearestFolder(path: string): string {
  const target = behindLinks(path);
  return dirname(missingFolders(target)[0] ?? target);
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!isErrno(error, "ENOTEMPTY", "EEXIST", "ENOENT", "ENOTDIR")) throw error;
  }
}
