/**
 * Strict reading of a command's arguments, over citty's definitions: citty takes
 * unknown flags, missing values and surplus arguments silently; here each is an
 * error with a suggestion. Runs before citty does, so commands see clean values.
 */

import { parseArgs } from "node:util";
import type { ArgsDef } from "citty";
import { usageError } from "../core/error.ts";
import { nearest } from "../core/text.ts";

/** Flags that every command has. */
export const json = { type: "boolean", description: "one JSON object on stdout" } as const;

interface Read {
  flags: Map<string, string[]>;
  positionals: string[];
}

function read(definitions: ArgsDef, rawArgs: readonly string[]): Read & { unknown: string[] } {
  const options: Record<string, { type: "string" | "boolean"; short?: string; multiple: true }> =
    {};
  for (const [name, definition] of Object.entries(definitions)) {
    if (definition.type === "positional") continue;
    const alias =
      "alias" in definition && typeof definition.alias === "string" ? definition.alias : undefined;
    options[name] = {
      type: definition.type === "boolean" ? "boolean" : "string",
      multiple: true,
      ...(alias?.length === 1 ? { short: alias } : {}),
    };
  }
  const { tokens, positionals } = parseArgs({
    args: [...rawArgs],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const flags = new Map<string, string[]>();
  const unknown: string[] = [];
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const known = options[token.name];
    if (known === undefined) unknown.push(token.rawName);
    else if (known.type === "string" && isMissing(token))
      throw usageError(`${token.rawName} needs a value`);
    else if (known.type === "boolean" && token.value !== undefined)
      throw usageError(`${token.rawName} takes no value`);
    else flags.set(token.name, [...(flags.get(token.name) ?? []), token.value ?? ""]);
  }
  return { flags, positionals, unknown };
}

/** `--model --json` has forgotten a value; one that begins with two dashes is written `--item=--x`. */
const isMissing = ({
  value,
  inlineValue,
}: {
  value: string | undefined;
  inlineValue: boolean | undefined;
}) => value === undefined || (!inlineValue && value.startsWith("--"));

/** Throws for anything that the command does not take. */
export function checkArguments(
  command: string,
  definitions: ArgsDef,
  rawArgs: readonly string[],
): void {
  const { positionals, unknown, flags } = read(definitions, rawArgs);
  const names = Object.keys(definitions).filter((name) => definitions[name]!.type !== "positional");
  const [first] = unknown;
  if (first !== undefined) {
    const suggestion = nearest(first.replace(/^-+/, ""), names);
    throw usageError(
      `unknown flag ${first}${suggestion === null ? "" : `; did you mean --${suggestion}?`}`,
      `dispatch ${command} --help; a text that begins with a dash goes behind --`,
    );
  }
  for (const [name, values] of flags) {
    if (values.length > 1 && !isRepeatable(definitions[name]!))
      throw usageError(`--${name} was given ${values.length} times; expected once`);
  }
  const slots = Object.entries(definitions).filter(
    ([, definition]) => definition.type === "positional",
  );
  const takesMany = slots.some(([, definition]) => isRepeatable(definition));
  if (!takesMany && positionals.length > slots.length) {
    const expected =
      slots.length === 0 ? "none" : slots.map(([name]) => name.toUpperCase()).join(" ");
    throw usageError(
      `${positionals.length} arguments, expected ${expected}`,
      `put quotes around a text of several words; dispatch ${command} --help`,
    );
  }
  const required = slots.filter(
    ([, definition]) => definition.required !== false && definition.default === undefined,
  );
  if (positionals.length < required.length) {
    throw usageError(
      `missing ${required[positionals.length]![0].toUpperCase()}`,
      `dispatch ${command} --help`,
    );
  }
}

/** Every value of a flag that may be repeated, in order. */
export const valuesOf = (
  definitions: ArgsDef,
  rawArgs: readonly string[],
  name: string,
): string[] => read(definitions, rawArgs).flags.get(name) ?? [];

/** Every positional argument. */
export const positionalsOf = (definitions: ArgsDef, rawArgs: readonly string[]): string[] =>
  read(definitions, rawArgs).positionals;

// citty has no list arguments; a value hint that ends in dots marks ours.
const isRepeatable = (definition: { valueHint?: string }) =>
  definition.valueHint?.endsWith("…") ?? false;
