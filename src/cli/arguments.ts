/**
 * Strict reading of a command's arguments, by citty's definitions. citty itself
 * takes unknown flags, missing values and surplus arguments silently; here each
 * is an error with a suggestion.
 */

import { parseArgs } from "node:util";
import type { ArgsDef } from "citty";
import { usageError } from "../core/error.ts";
import { didYouMean } from "../core/text.ts";
import { stdinText } from "./stdin.ts";

/** Flags that every command has. */
export const json = { type: "boolean", description: "one JSON object on stdout" } as const;

type Definition = ArgsDef[string];

/** Every value by its argument's name; of one that may be repeated, the last. */
export function readArguments(command: string, definitions: ArgsDef, rawArgs: readonly string[]) {
  const help = `dispatch ${command} --help`;
  const { flags, positionals, unknown } = read(definitions, rawArgs);
  const names = Object.keys(definitions).filter((name) => definitions[name]!.type !== "positional");
  const [first] = unknown;
  if (first !== undefined) {
    throw usageError(
      `unknown flag ${first}${didYouMean(first.replace(/^-+/, ""), names, "--")}`,
      `${help}; a text that begins with a dash goes behind --`,
    );
  }
  for (const [name, values] of flags) {
    if (values.length > 1 && !isRepeatable(definitions[name]!)) {
      throw usageError(`--${name} was given ${values.length} times; expected once`, help);
    }
  }

  const slots = Object.entries(definitions).filter(([, { type }]) => type === "positional");
  const words = slots.map(([name, definition]) => definition.valueHint ?? name.toUpperCase());
  const takesMany = slots.some(([, definition]) => isRepeatable(definition));
  if (!takesMany && positionals.length > slots.length) {
    throw usageError(
      `${positionals.length} arguments, expected ${words.join(" ") || "none"}`,
      `put quotes around a text of several words; ${help}`,
    );
  }
  const required = slots.filter(([, definition]) => definition.required !== false);
  if (positionals.length < required.length)
    throw usageError(`missing ${words[positionals.length]!.replace("…", "")}`, help);

  const given = slots.map(([name], index) => [name, positionals[index]] as const);
  const set = [...flags].map(([name, values]) => {
    return [name, definitions[name]!.type === "boolean" ? true : values.at(-1)] as const;
  });
  return { _: positionals, ...Object.fromEntries([...given, ...set]) };
}

function read(definitions: ArgsDef, rawArgs: readonly string[]) {
  const flags = new Map<string, string[]>();
  const unknown: string[] = [];
  if (rawArgs.length === 0) return { flags, positionals: [], unknown };

  const options: Record<string, { type: "string" | "boolean"; short?: string; multiple: true }> =
    {};
  for (const [name, definition] of Object.entries(definitions)) {
    if (definition.type === "positional") continue;
    const short =
      "alias" in definition && typeof definition.alias === "string"
        ? { short: definition.alias }
        : {};
    options[name] = {
      type: definition.type === "boolean" ? "boolean" : "string",
      multiple: true,
      ...short,
    };
  }
  const args = [...rawArgs];
  const { tokens, positionals } = parseArgs({
    args,
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const known = options[token.name];
    if (known === undefined) unknown.push(token.rawName);
    else if (known.type === "string" && isMissing(token, options)) {
      throw usageError(
        `${token.rawName} needs a value`,
        `for example: ${token.rawName} ${definitions[token.name]!.valueHint?.replace("…", "") ?? "VALUE"}`,
      );
    } else if (known.type === "boolean" && token.value !== undefined) {
      throw usageError(`${token.rawName} takes no value`, `leave out "=${token.value}"`);
    } else flags.set(token.name, [...(flags.get(token.name) ?? []), token.value ?? ""]);
  }
  return { flags, positionals, unknown };
}

/** `--model --json` and `-m -f` have forgotten a value; one that begins with dashes is written `--item=--x`. */
function isMissing(
  { value, inlineValue }: { value: string | undefined; inlineValue: boolean | undefined },
  options: Record<string, { short?: string }>,
): boolean {
  if (value === undefined || value === "") return true;
  if (inlineValue) return false;
  return (
    value.startsWith("--") || Object.values(options).some(({ short }) => value === `-${short}`)
  );
}

/** Every value of a flag that may be repeated, in order. */
export const valuesOf = (
  definitions: ArgsDef,
  rawArgs: readonly string[],
  name: string,
): string[] => read(definitions, rawArgs).flags.get(name) ?? [];

/** A text that was given; `-` stands for stdin. */
export const givenText = async (text: string) => (text === "-" ? stdinText() : text);

/** Throws where there is no text, or what is there is none; `what` names it in the error. */
export function checkText(text: string, what: string, hint: string | null = null): void {
  if (text.trim() === "") throw usageError(`the ${what} is empty`, hint);
  if (text.includes("\0")) throw usageError(`the ${what} holds a NUL byte; expected text`);
}

// citty has no list arguments; a value hint that ends in dots marks ours.
const isRepeatable = ({ valueHint }: Definition) => valueHint?.endsWith("…") ?? false;
