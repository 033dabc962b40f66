/** A config is read whatever it holds, and edited so that what a person wrote stays. */

import { afterAll, beforeAll, describe, expect, spyOn } from "bun:test";
import fc from "fast-check";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Document, isMap, parse, parseDocument, stringify } from "yaml";
import { backendNames } from "../../../src/backends/index.ts";
import { type Config, readConfig } from "../../../src/core/config.ts";
import { route } from "../../../src/core/route.ts";
import { addModel, editConfig, mapAt } from "../../../src/store/config-file.ts";
import {
  anyName,
  hostile,
  jsonValue,
  modelName,
  noAlias,
  soup,
  wellFormed,
  writtenAgents,
  writtenConfig,
} from "../arbitraries.ts";
import { holds } from "./property.ts";

const read = (source: string) => readConfig(source, backendNames);

/** Words of the schema and of YAML, in any order. */
const yamlSoup = soup(
  "\n¦\n¦\n  ¦\n    ¦\n\n¦\r\n¦\t¦ ¦: ¦:¦- ¦? ¦, ¦---\n¦...\n¦{¦}¦[¦]¦\"¦'¦|¦>¦#¦ # ¦&a ",
  "*a¦<<: *a¦!!set ¦!!binary ¦!x ¦default¦backends¦models:¦aliases:¦agents:¦limits:",
  "answer_timeout: ¦prompt¦opus¦claude¦backend: claude¦model: opus¦command: x",
  "{ backend: claude }¦3m¦__proto__¦constructor¦toString¦null¦~¦true¦1e3¦0x1f¦.nan¦retry:¦notify:¦fallback: [opus]¦per_backend: ¦url: x¦on: [stall]",
  "2026-11-20",
);

const any = fc.oneof(
  jsonValue,
  hostile,
  fc.constantFrom<unknown>(null, {}, [], [{ backend: "claude" }], "", " ", NaN, -1, 1e21, true),
);
const key = fc.oneof(
  anyName,
  fc.constantFrom("", " ", "backend", "model", "prompt", "depth", "modle", "a b"),
);

const written = fc.oneof(writtenConfig, writtenAgents);

/** A config that was one, with some of its values replaced, added or taken out. */
const spoilt = fc
  .tuple(
    written,
    fc.array(fc.tuple(fc.nat(), fc.constantFrom("replace", "add", "drop"), key, any), {
      minLength: 1,
      maxLength: 3,
    }),
  )
  .map(([{ written }, changes]) => {
    const root: Record<string, unknown> = structuredClone(written);
    for (const [at, how, name, value] of changes) {
      const tables = [root, ...tablesIn(root)];
      const table = tables[at % tables.length]!;
      const old = Object.keys(table)[at % (Object.keys(table).length || 1)];
      const put = (key: string) =>
        Object.defineProperty(table, key, {
          value: structuredClone(value),
          enumerable: true,
          writable: true,
          configurable: true,
        });
      if (how === "add" || old === undefined) put(name);
      else if (how === "replace") put(old);
      else delete table[old];
    }
    return stringify(root);
  });

function tablesIn(table: Record<string, unknown>): Record<string, unknown>[] {
  return Object.values(table).flatMap((value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
    const inner = value as Record<string, unknown>;
    return [inner, ...tablesIn(inner)];
  });
}

/** A text with a few lines dropped, doubled, moved or broken. */
const torn = fc
  .tuple(
    fc.oneof(
      written.map(({ written }) => stringify(written)),
      spoilt,
    ),
    fc.array(
      fc.tuple(fc.constantFrom("drop", "double", "indent", "break", "anchor"), fc.nat(), yamlSoup),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
  )
  .map(([text, changes]) => {
    const lines = text.split("\n");
    for (const [how, at, piece] of changes) {
      const place = at % lines.length;
      const line = lines[place]!;
      if (how === "drop") lines.splice(place, 1);
      else if (how === "double") lines.splice(place, 0, line);
      else if (how === "indent") lines[place] = ` ${line}`;
      else if (how === "break") lines[place] = line.slice(0, at % (line.length + 1)) + piece;
      else lines[place] = line.replace(/: ?$/, ": &a").replace(/: [^&]*$/, ": *a");
      if (lines.length === 0) lines.push("");
    }
    return lines.join("\n");
  });

describe("any text is read as a config", () => {
  const warning = spyOn(process, "emitWarning").mockImplementation(() => {});
  afterAll(() => warning.mockRestore());

  holds(
    "with problems at places that it has, in their order",
    [fc.oneof(yamlSoup, torn, spoilt, hostile)],
    (source) => {
      warning.mockClear();
      const { config, problems } = read(source);
      expect(config === null).toBe(problems.some(({ severity }) => severity === "error"));
      const lines = source.split("\n");
      for (const { line, column, message } of problems) {
        expect(line).toBeWithin(1, lines.length + 1);
        expect(column).toBeWithin(1, lines[line - 1]!.length + 2);
        expect(message).not.toContain("undefined");
      }
      const places = problems.map(({ line, column }) => [line, column]);
      expect(places).toEqual(places.toSorted(([a, b], [c, d]) => a! - c! || b! - d!));
      // Nothing but what is returned: no word of the parser's own on stderr.
      expect(warning).not.toHaveBeenCalled();
      if (config !== null) isWhole(config, source);
    },
    250,
  );

  holds(
    "and what can be used routes, or says why not",
    [spoilt, anyName],
    (source, name) => {
      const { config } = read(source);
      if (config !== null)
        expect(["routed", "undecided", "unknown"]).toContain(routed(config, name));
    },
    150,
  );
});

/** That nothing is taken silently for something else, or left out. */
function isWhole(config: Config, source: string): void {
  const value = (parse(source, { logLevel: "silent" }) ?? {}) as Record<string, unknown>;
  for (const name of ["backends", "models", "aliases", "agents", "limits", "retry", "notify"])
    expect(Array.isArray(value[name]), name).toBe(false);
  const names = (...tables: string[]) =>
    [...new Set(tables.flatMap((table) => Object.keys(value[table] ?? {})))].sort();
  expect(Object.keys(config.models).sort()).toEqual(names("models"));
  expect(Object.keys(config.backends).sort()).toEqual(names("backends"));
  expect(Object.keys(config.aliases).sort()).toEqual(names("aliases", "agents"));
}

const routed = (config: Config, model: string) =>
  route({ prompt: "", model }, config, { installed: [], discovered: new Map() }).kind;

const format = fc.constantFrom<(value: unknown) => string>(
  (value) => stringify(value),
  // In quotes and unfolded: its writer does not read back all that it writes otherwise.
  (value) => stringify(value, { indent: 4, lineWidth: 0, blockQuote: false }),
  (value) => stringify(value, { collectionStyle: "flow" }),
  (value) => JSON.stringify(value),
  (value) => JSON.stringify(value, null, "\t").replaceAll("\t", "  ").replaceAll("\n", "\r\n"),
);

describe("a config that is one", () => {
  holds(
    "is read as it was meant",
    [written, format],
    ({ config, written }, format) => {
      expect(read(format(written))).toEqual({ config, problems: [] });
    },
    200,
  );

  holds("routes every name of it to a model, a backend and no more", [written], ({ config }) => {
    for (const model of [...Object.keys(config.models), ...Object.keys(config.aliases)]) {
      const routing = route({ prompt: "", model }, config, { installed: [], discovered: null });
      expect(routing).toMatchObject({
        kind: "routed",
        route: { model: expect.any(String), backend: expect.any(String), isNew: false },
      });
      if (routing.kind !== "routed") continue;
      const { command, alias } = routing.route;
      expect(command === null || typeof command === "string").toBe(true);
      if (alias !== null) expect(Object.keys(config.aliases)).toContain(alias);
    }
  });
});

/** A person's file: comments anywhere, blank lines, any indentation, in blocks or in braces. */
const ownIn = (...styles: ("blocks" | "braces")[]) =>
  fc
    .tuple(
      written,
      fc.record({
        indent: fc.constantFrom(2, 4),
        style: fc.constantFrom(...styles),
        bare: fc.boolean(),
      }),
      fc.array(fc.tuple(fc.nat(), fc.constantFrom("above", "below", "behind", "apart")), {
        maxLength: 6,
      }),
    )
    .map(([{ config, written }, { indent, style, bare }, places]) => {
      const text =
        style === "braces"
          ? stringify(written, { indent, collectionStyle: "flow", lineWidth: 0 })
          : stringify(written, { indent, lineWidth: 0, blockQuote: false });
      const lines = text.trimEnd().split("\n");
      // What is empty may be left out: `models:`.
      if (bare && style === "blocks")
        for (const [at, line] of lines.entries()) lines[at] = line.replace(/: (?:\{\}|null)$/, ":");
      for (const [count, [at, where]] of places.entries()) {
        const place = at % lines.length;
        const line = lines[place]!;
        const blanks = /^ */.exec(line)![0];
        const comment = `# comment ${count}`;
        if (where === "above") lines.splice(place, 0, blanks + comment);
        else if (where === "below") lines.splice(place + 1, 0, `${blanks}  ${comment}`);
        else if (where === "apart") lines.splice(place, 0, "", blanks + comment);
        else if (!line.includes("#")) lines[place] = `${line}   ${comment}`;
      }
      return { config, source: `${lines.join("\n")}\n` };
    })
    // What splits a text in quotes is no comment.
    .filter(({ source, config }) => Bun.deepEquals(read(source).config, config));
const own = ownIn("blocks", "braces");

const commentsOf = (text: string) => text.match(/# comment \d+/g) ?? [];

const withModel = (config: Config, model: string, backend: string): Config => ({
  ...config,
  // Of a model that is there all else stays.
  models: { ...config.models, [model]: { fallback: [], ...config.models[model], backend } },
});

describe("an edit keeps what a person wrote", () => {
  const home = mkdtempSync(join(tmpdir(), "config-"));
  const path = join(home, "config.yaml");
  const before = process.env["DISPATCH_HOME"];
  beforeAll(() => {
    process.env["DISPATCH_HOME"] = home;
  });
  afterAll(() => {
    if (before === undefined) delete process.env["DISPATCH_HOME"];
    else process.env["DISPATCH_HOME"] = before;
    rmSync(home, { recursive: true, force: true });
  });
  const edited = (source: string, edit: (document: Document) => void) => {
    writeFileSync(path, source);
    const { config } = editConfig(backendNames, edit);
    return { config, text: readFileSync(path, "utf8") };
  };
  const server = fc.constantFrom(...backendNames);

  holds(
    "a new model: all else means what it did, in its order, with its comments",
    [own, modelName, server],
    ({ config, source }, model, backend) => {
      const { config: now, text } = edited(source, (document) =>
        addModel(document, model, backend),
      );
      expect(now).toEqual(withModel(config, model, backend));
      expect(commentsOf(text).sort()).toEqual(commentsOf(source).sort());
      const order = pathsIn(parseDocument(source));
      expect(pathsIn(parseDocument(text)).filter((each) => order.includes(each))).toEqual(order);
    },
    60,
  );

  holds(
    "a new model in a file that dispatch has written before: one line more, no byte else",
    [ownIn("blocks"), modelName, server],
    ({ config, source }, model, backend) => {
      const { text: settled } = edited(source, () => {});
      fc.pre(/^models:\n/m.test(settled) && !Object.hasOwn(config.models, model));
      const { text } = edited(settled, (document) => addModel(document, model, backend));
      const lines = settled.split("\n");
      const added = text.split("\n");
      const at = added.findIndex((line, index) => line !== lines[index]);
      expect(added.toSpliced(at, 1)).toEqual(lines);
      expect(added[at]).toContain(`{ backend: ${backend} }`);
    },
    25,
  );

  holds(
    "another default, and an alias",
    [own, modelName, wellFormed],
    ({ config, source }, alias, prompt) => {
      const [model] = Object.keys(config.models);
      fc.pre(model !== undefined && !Object.hasOwn(config.models, alias));
      fc.pre(!Object.hasOwn(config.aliases, alias));
      const { config: now, text } = edited(source, (document) => {
        document.set("default", alias);
        mapAt(document, "aliases").set(alias, document.createNode({ model, prompt }));
      });
      const made = { ...noAlias, model: model!, prompt };
      expect(now).toEqual({
        ...config,
        default: alias,
        aliases: { ...config.aliases, [alias]: made },
      });
      expect(commentsOf(text).sort()).toEqual(commentsOf(source).sort());
    },
    25,
  );

  holds(
    "whatever the file is: it is edited, or refused and left as it is",
    [fc.oneof(torn, spoilt, yamlSoup), modelName, server],
    (text, model, backend) => {
      const source = text.toWellFormed();
      const { config } = read(source);
      writeFileSync(path, source);
      try {
        editConfig(backendNames, (document) => addModel(document, model, backend));
      } catch (error) {
        expect(readFileSync(path, "utf8"), String(error)).toBe(source);
        return;
      }
      if (config === null) return;
      expect(read(readFileSync(path, "utf8")).config).toEqual(withModel(config, model, backend));
    },
    25,
  );
});

/** Every key with those above it, in the order of the file. */
function pathsIn(document: Document): string[] {
  const inside = (node: unknown, above: string): string[] =>
    isMap(node)
      ? node.items.flatMap(({ key, value }) => {
          const path = `${above} ${String(key)}`;
          return [path, ...inside(value, path)];
        })
      : [];
  return inside(document.contents, "");
}
