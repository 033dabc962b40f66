/** Help texts, from the same definitions that are checked: dense, since agents read them too. */

import type { ArgsDef } from "citty";

/** What help needs of a command. */
export interface Described {
  name: string;
  description: string;
  args: ArgsDef;
}

export function commandHelp({ name, description, args }: Described): string {
  const entries = Object.entries(args);
  const positionals = entries.filter(([, arg]) => arg.type === "positional");
  const flags = entries.filter(([, arg]) => arg.type !== "positional");
  const words = positionals.map(([argument, arg]) => {
    const word = arg.valueHint ?? argument.toUpperCase();
    return arg.required === false ? `[${word}]` : word;
  });
  const rows = [
    ...positionals.map(
      ([, arg], index) => [words[index]!.replace(/[[\]]/g, ""), arg.description ?? ""] as const,
    ),
    ...flags.map(([flag, arg]) => [flagText(flag, arg), arg.description ?? ""] as const),
  ];
  return [
    `dispatch ${[name, ...words, ...(flags.length > 0 ? ["[flags]"] : [])].join(" ")}`,
    description,
    ...(rows.length > 0 ? ["", ...table(rows)] : []),
  ].join("\n");
}

export function overview(commands: readonly [name: string, description: string][]): string {
  return [
    "dispatch: hand tasks to background coding agents, be asked, answer, get an honest outcome",
    "",
    ...table(commands),
    "",
    "dispatch COMMAND --help tells more; dispatch guide explains the rest",
    "exit codes: 0 as asked, 1 failed, 2 usage, 3 no such thing, 4 refused, 5 needs a person, 124 timed out",
  ].join("\n");
}

function flagText(
  flag: string,
  arg: { type?: string; valueHint?: string; alias?: string | string[] },
): string {
  const short = typeof arg.alias === "string" && arg.alias.length === 1 ? `-${arg.alias}, ` : "";
  const value =
    arg.type === "boolean" ? "" : ` ${(arg.valueHint ?? flag.toUpperCase()).replace("…", "")}`;
  return `${short}--${flag}${value}${arg.valueHint?.endsWith("…") ? " (again for more)" : ""}`;
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd());
}
