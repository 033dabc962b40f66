/**
 * Claude Code's settings.json with our permission rule and hooks in it, and
 * without them again. The file is its owner's: whatever is not ours stays byte
 * for byte, and putting in and taking out leads back to the same bytes.
 *
 * jsonc-parser says where things stand and applies the edits; what they hold is
 * worked out here. Its own `modify` lays out anew what shares a line with an
 * edit, and taking out the last entry of `["a", "b"]` leaves `["a""]`.
 *
 * Read as Claude Code 2.1.329 reads it: strict JSON (a comment makes it ignore
 * the whole file), a byte order mark allowed, the last of two equal keys counts.
 */

import {
  applyEdits,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import * as v from "valibot";

/** A file's text before and after; null: there is none. */
export interface FileChange {
  path: string;
  before: string | null;
  after: string | null;
}

export interface Ours {
  /** An entry of `permissions.allow`. */
  rule: string;
  /** Entries of `hooks`, by event. */
  hooks: Readonly<Record<string, readonly unknown[]>>;
}

/** Nothing but blanks of somebody's settings is kept elsewhere: they can hold secrets. */
const blanks = v.pipe(v.string(), v.regex(/^\s*$/));

/** What was not there before us. Without it, nobody could tell our empty list from theirs. */
const tracesSchema = v.object({
  /** There was no file (null), or one with nothing but these blanks; undefined: there were settings. */
  file: v.optional(v.nullable(blanks)),
  /** The rule was not there. */
  rule: v.boolean(),
  /** By key (`hooks/Stop`; "" is the root): it was not there (null), or empty but for these blanks. */
  containers: v.record(v.string(), v.nullable(blanks)),
});
export type Traces = v.InferOutput<typeof tracesSchema>;

/** What an installation has made, kept so that it can be taken back to the byte. */
const receiptSchema = v.object({
  schema: v.literal(1),
  /** By the file's path. */
  settings: v.record(v.string(), tracesSchema),
  folders: v.array(v.string()),
});
export type Receipt = v.InferOutput<typeof receiptSchema>;

/** Null for anything that is none. */
export function readReceipt(source: string): Receipt | null {
  try {
    return v.parse(receiptSchema, JSON.parse(source));
  } catch {
    return null;
  }
}

export interface SettingsProblem {
  /** 1-based. */
  line: number;
  column: number;
  message: string;
}

type Path = readonly string[];
const rulePath = ["permissions", "allow"];

/** The settings with all that is ours as it is now, and what that has made. */
export function addOurs(
  source: string | null,
  { rule, hooks }: Ours,
): { text: string; traces: Traces } | { problem: SettingsProblem } {
  const traces: Traces = { rule: false, containers: {} };
  const isBlank = source === null || source.trim() === "";
  if (isBlank) traces.file = source;
  const [mark, before] = isBlank ? ["", "{}\n"] : markAndText(source);
  const problem = problemIn(before, Object.keys(hooks));
  if (problem !== null) return { problem };

  let text = before;
  if (!elementsAt(text, rulePath).some(({ value }) => value === rule)) {
    text = appended(text, rulePath, rule, traces);
    traces.rule = true;
  }
  for (const event of new Set([...Object.keys(hooks), ...eventsIn(before)])) {
    const wanted = Object.hasOwn(hooks, event) ? hooks[event]! : [];
    if (holdsJust(text, event, wanted)) continue;
    text = withoutHooks(text, event);
    for (const group of wanted) text = appended(text, ["hooks", event], group, traces);
  }
  return { text: mark + text, traces };
}

/**
 * The settings without what is ours; null: without the file. Where there are no
 * traces, a hook of ours is the only sign that we were here: then our rule is
 * taken for ours too, and so is every list that it or a hook was alone in.
 */
export function removeOurs(
  source: string,
  { rule }: Ours,
  traces: Traces | null,
): { text: string | null } | { problem: SettingsProblem } {
  if (source.trim() === "") return { text: source };
  const [mark, before] = markAndText(source);
  const problem = problemIn(before, null);
  if (problem !== null) return { problem };

  let text = before;
  for (const event of eventsIn(before)) text = withoutHooks(text, event);
  if (traces?.rule ?? text !== before)
    text = withoutEach(text, (now) =>
      elementsAt(now, rulePath).find(({ value }) => value === rule),
    );

  const keys =
    traces === null
      ? [
          ...eventsIn(before).map((event) => `hooks/${event}`),
          "hooks",
          "permissions/allow",
          "permissions",
        ]
      : Object.keys(traces.containers);
  const depth = (key: string) => pathOf(key).length;
  for (const key of keys.sort((a, b) => depth(b) - depth(a))) {
    const node = at(text, pathOf(key));
    if (node?.children?.length !== 0) continue;
    const wasEmpty = at(before, pathOf(key))?.children?.length === 0;
    const was = traces === null ? (wasEmpty ? undefined : null) : traces.containers[key];
    if (was === null) text = without(text, node.parent!);
    else if (was !== undefined) text = edited(text, insideOf(node), was);
  }
  const isOurFile = traces?.file !== undefined && at(text, [])?.children?.length === 0;
  return { text: isOurFile ? traces.file! : mark + text };
}

const keyOf = (path: Path) => path.join("/");
const pathOf = (key: string) => (key === "" ? [] : key.split("/"));

// Hooks: an event has groups, a group has commands. What calls `dispatch hook`
// is ours, whichever version put it there, and whatever else is in its group.

function holdsJust(text: string, event: string, wanted: readonly unknown[]): boolean {
  const groups = elementsAt(text, ["hooks", event]).filter((group) => ourCommand(group));
  return JSON.stringify(groups.map((group) => getNodeValue(group))) === JSON.stringify(wanted);
}

const withoutHooks = (text: string, event: string) =>
  withoutEach(text, (now) => {
    const group = elementsAt(now, ["hooks", event]).find((each) => ourCommand(each));
    const isAlone = group !== undefined && elementsOf(memberOf(group, "hooks")).length === 1;
    return isAlone ? group : group && ourCommand(group);
  });

function ourCommand(group: Node): Node | undefined {
  return elementsOf(memberOf(group, "hooks")).find((hook) => {
    const command: unknown = memberOf(hook, "command")?.value;
    return typeof command === "string" && command.includes("dispatch hook ");
  });
}

const eventsIn = (text: string) => {
  const hooks = at(text, ["hooks"]);
  const names = hooks?.type === "object" ? hooks.children!.map(nameOf) : [];
  return [...new Set(names)];
};

// Where things stand.

const parse = (text: string, problems: ParseError[] = []) =>
  parseTree(text, problems, { disallowComments: true });

const nameOf = (member: Node): string => member.children![0]!.value;

function memberOf(node: Node, name: string): Node | undefined {
  if (node.type !== "object") return undefined;
  return node.children!.findLast((member) => nameOf(member) === name)?.children![1];
}

const at = (text: string, path: Path) =>
  path.reduce<Node | undefined>((node, name) => node && memberOf(node, name), parse(text));

const elementsOf = (node: Node | undefined) => (node?.type === "array" ? node.children! : []);
const elementsAt = (text: string, path: Path) => elementsOf(at(text, path));

const endOf = ({ offset, length }: Node) => offset + length;
const insideOf = ({ offset, length }: Node) => ({ offset: offset + 1, length: length - 2 });

// What to write.

/** With the value at the end of the list at `path`, which is made where it is missing. */
function appended(text: string, path: Path, value: unknown, traces: Traces): string {
  let depth = path.length;
  while (at(text, path.slice(0, depth)) === undefined) depth--;
  for (let made = depth + 1; made <= path.length; made++)
    traces.containers[keyOf(path.slice(0, made))] = null;

  const container = at(text, path.slice(0, depth))!;
  const [name, ...deeper] = path.slice(depth);
  const list = deeper.reduceRight<unknown>((inner, key) => ({ [key]: inner }), [value]);
  const added = (indent: string | null) =>
    name === undefined
      ? sourceOf(text, value, indent)
      : `${JSON.stringify(name)}: ${sourceOf(text, list, indent)}`;
  const base = /^[ \t]*/.exec(text.slice(text.lastIndexOf("\n", container.offset) + 1))![0];

  if (container.children!.length === 0) {
    const { offset, length } = insideOf(container);
    traces.containers[keyOf(path.slice(0, depth))] = text.slice(offset, offset + length);
    if (isOnOneLine(text)) return edited(text, { offset, length }, added(null));
    const [eol, indent] = [eolOf(text), base + unitOf(text)];
    return edited(text, { offset, length }, `${eol}${indent}${added(indent)}${eol}${base}`);
  }
  const comma = commaIn(text, container);
  const ownIndent = /\n([ \t]*)$/.exec(comma)?.[1];
  const isSpread = text.slice(container.offset, endOf(container)).includes("\n");
  const place = { offset: endOf(container.children!.at(-1)!), length: 0 };
  return edited(text, place, comma + added(ownIndent ?? (isSpread ? base : null)));
}

/** As the entries that are there are parted: with their newlines and indentation. */
function commaIn(text: string, { offset, children }: Node): string {
  const [beforeLast, last] = children!.slice(-2);
  if (last !== undefined) return text.slice(endOf(beforeLast!), last.offset);
  const lead = text.slice(offset + 1, beforeLast!.offset);
  return lead.includes("\n") ? `,${lead}` : ", ";
}

const sourceOf = (text: string, value: unknown, indent: string | null) =>
  indent === null
    ? JSON.stringify(value)
    : JSON.stringify(value, null, unitOf(text)).replaceAll("\n", eolOf(text) + indent);

const eolOf = (text: string) => (text.includes("\r\n") ? "\r\n" : "\n");
/** One step of indentation: that of the first line. */
const unitOf = (text: string) => /^\s*\{\s*?\n([ \t]+)"/.exec(text)?.[1] ?? "  ";
/** Of a file that is all on one line, and has something on it. */
const isOnOneLine = (text: string) => !text.trim().includes("\n") && !/^\s*\{\s*\}/.test(text);

/** Without an entry of a list or an object, and without the comma that parted it. */
function without(text: string, node: Node): string {
  const siblings = node.parent!.children!;
  const index = siblings.indexOf(node);
  if (siblings.length === 1) return edited(text, insideOf(node.parent!), "");
  const [from, to] =
    index > 0
      ? [endOf(siblings[index - 1]!), endOf(node)]
      : [node.offset, siblings[index + 1]!.offset];
  return edited(text, { offset: from, length: to - from }, "");
}

function withoutEach(source: string, find: (text: string) => Node | undefined): string {
  let text = source;
  for (let node = find(text); node !== undefined; node = find(text)) text = without(text, node);
  return text;
}

const edited = (text: string, place: { offset: number; length: number }, content: string) =>
  applyEdits(text, [{ ...place, content }]);

/** A byte order mark stays, and stands in nobody's way. */
const markAndText = (source: string) =>
  source.startsWith("\ufeff") ? (["\ufeff", source.slice(1)] as const) : (["", source] as const);

// What is wrong with it.

/** Of what we would write to, the types too; `events` null: only whether it can be read. */
function problemIn(text: string, events: readonly string[] | null): SettingsProblem | null {
  const errors: ParseError[] = [];
  const root = parse(text, errors)!;
  const [error] = errors;
  if (error !== undefined)
    return problemAt(text, error.offset, wordsOf(printParseErrorCode(error.error)));
  if (root.type !== "object") return wrongType(text, root, "the file", "object");
  if (events === null) return null;
  const expected: [Path, "object" | "array"][] = [
    [["permissions"], "object"],
    [rulePath, "array"],
    [["hooks"], "object"],
    ...events.map((event): [Path, "array"] => [["hooks", event], "array"]),
  ];
  for (const [path, type] of expected) {
    const node = at(text, path);
    if (node !== undefined && node.type !== type)
      return wrongType(text, node, path.join("."), type);
  }
  return null;
}

/** `CommaExpected` → `comma expected`. */
const wordsOf = (code: string) => code.replace(/(?<=.)[A-Z]/g, " $&").toLowerCase();

const wrongType = (text: string, { offset, type }: Node, what: string, expected: string) =>
  problemAt(text, offset, `${what} is ${withArticle(type)}; expected ${withArticle(expected)}`);

const withArticle = (type: string) =>
  type === "null" ? type : `${/^[ao]/.test(type) ? "an" : "a"} ${type}`;

function problemAt(text: string, offset: number, message: string): SettingsProblem {
  const lines = text.slice(0, offset).split("\n");
  return { line: lines.length, column: lines.at(-1)!.length + 1, message };
}
