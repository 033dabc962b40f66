/** A log is a worker's: whatever stands in it is read as events that are well formed, and folds into a report. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { backendNamed, backends } from "../../../src/backends/index.ts";
import { causeOf } from "../../../src/backends/reading.ts";
import { causes, isSessionId, type StreamEvent, summarise } from "../../../src/core/stream.ts";
import { logText } from "../../../src/render/human.ts";
import { logToJson } from "../../../src/render/json.ts";
import { hostile, jsonValue, objectOf, soup, streamEvent } from "../arbitraries.ts";
import { holds, comesBack } from "./property.ts";

/** One of each way of reading. */
const readers = [...backends, backendNamed("a command of one's own")].filter(
  ({ read }, at, all) => all.findIndex((other) => other.read === read) === at,
);

const text = v.string();
const cause = v.nullable(v.picklist(causes));
const finite = v.pipe(v.number(), v.finite());
const pauseMs = v.exactOptional(finite);
const tokens = v.strictObject({ input: finite, cached: finite, output: finite });
const costUsd = v.nullable(finite);

/** Events as `StreamEvent` promises them. */
const event = v.variant("kind", [
  v.strictObject({
    kind: v.literal("session"),
    id: v.pipe(text, v.check(isSessionId)),
    model: v.nullable(text),
  }),
  v.strictObject({ kind: v.literal("model"), name: text }),
  ...(["said", "piece", "tool", "output"] as const).map((kind) =>
    v.strictObject({ kind: v.literal(kind), text }),
  ),
  v.strictObject({ kind: v.literal("retry"), text, cause, pauseMs }),
  v.strictObject({ kind: v.literal("limit"), text, resetsAtMs: finite }),
  v.strictObject({ kind: v.literal("error"), text, cause }),
  v.strictObject({ kind: v.literal("usage"), tokens, costUsd: v.optional(v.number()) }),
  v.strictObject({
    kind: v.literal("result"),
    ok: v.boolean(),
    text,
    cause,
    denied: v.array(text),
    tokens: v.nullable(tokens),
    costUsd,
  }),
]);
const failure = { cause: v.picklist(causes), evidence: text, resetsAtMs: v.nullable(finite) };
const report = v.strictObject({
  session: v.nullable(text),
  began: v.boolean(),
  model: v.nullable(text),
  ok: v.nullable(v.boolean()),
  text: v.nullable(text),
  failure: v.nullable(v.strictObject(failure)),
  trouble: v.nullable(
    v.strictObject({ ...failure, tries: v.pipe(v.number(), v.minValue(1)), pauseMs }),
  ),
  denied: v.array(text),
  tokens: v.nullable(tokens),
  costUsd,
});

/** Throws where a log is not read as it must be. */
function readWell(name: string, lines: readonly string[]): void {
  const { read } = readers.find((each) => each.name === name)!;
  const events = lines.flatMap(read);
  v.parse(v.array(event), events);
  foldsWell(events);
}

function foldsWell(events: readonly StreamEvent[]): void {
  v.parse(report, summarise(events));
  for (const each of events) {
    logText(each);
    JSON.stringify(logToJson(each));
  }
}

const keys = `
  type subtype message content text name input error result item role delta part tokens
  cache read state args parameters toolName usage modelUsage input_tokens output_tokens
  inputTokens output cost session_id sessionID id thread_id model is_error
  permission_denials tool_name tool_input tool_call readToolCall command changes path data
  errors status statusCode stats total_cost_usd exit_code aggregated_output attempt
  error_status __proto__ constructor toString length
`
  .trim()
  .split(/\s+/);
const types = `
  system init api_retry assistant user result tool_use tool_result thread.started
  item.started item.completed turn.completed turn.failed error agent_message
  command_execution file_change tool_call started session text message message_end
  tool_execution_start step_finish error_max_turns
`
  .trim()
  .split(/\s+/);
const object = fc
  .tuple(objectOf(keys, types), fc.constantFrom(...types), fc.constantFrom("init", "started", "x"))
  .map(([entries, type, subtype]) => JSON.stringify({ subtype, ...(entries as object), type }));

const plain = soup(
  "Error: ¦error ¦ERROR¦Workspace Trust¦please set¦no api key¦401¦ ¦\t¦{¦}",
  '{"type":"result"¦"¦\\¦\r¦\u2028¦\u0000¦model ¦not found¦rate limit',
);

const samples = join(import.meta.dir, "../../real/samples");
const real = readdirSync(samples, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".jsonl"))
  .map((name) => readFileSync(join(samples, name), "utf8").trimEnd().split("\n"));

type Container = Record<string | number, unknown>;
/** Every place of a value: what holds it, and under which key. */
function placesIn(value: unknown): [holder: Container, key: string][] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Container;
  return Object.keys(holder).flatMap((key) => [
    [holder, key] as const,
    ...placesIn(holder[key]),
  ]) as [Container, string][];
}

const odd = fc.oneof(
  jsonValue,
  hostile,
  fc.constantFrom<unknown>(null, true, 0, -1, 1e308, "", [], {}, [null], [[]], [{ type: "text" }]),
);

/** A real line, in which values were taken out, replaced, swapped, wrapped, or which was cut off. */
const spoilt = fc
  .tuple(
    fc.constantFrom(...real.flat().filter((line) => line.startsWith("{"))),
    fc.array(
      fc.tuple(fc.constantFrom("drop", "replace", "swap", "wrap"), fc.nat(), fc.nat(), odd),
      { minLength: 1, maxLength: 4 },
    ),
    fc.option(fc.nat()),
  )
  .map(([line, changes, end]) => {
    const root: unknown = JSON.parse(line);
    for (const [how, at, other, value] of changes) {
      const places = placesIn(root);
      if (places.length === 0) break;
      const [holder, key] = places[at % places.length]!;
      const [otherHolder, otherKey] = places[other % places.length]!;
      if (how === "drop") delete holder[key];
      else if (how === "replace") holder[key] = structuredClone(value);
      else if (how === "wrap") holder[key] = [holder[key]];
      else {
        const [mine, theirs] = [holder[key], otherHolder[otherKey]].map((each) =>
          structuredClone(each),
        );
        [holder[key], otherHolder[otherKey]] = [theirs, mine];
      }
    }
    const text = JSON.stringify(root);
    return end === null ? text : text.slice(0, end % text.length);
  });

describe("every backend reads", () => {
  const name = fc.constantFrom(...readers.map((each) => each.name));
  const lines = (line: fc.Arbitrary<string>) => fc.array(line, { minLength: 1, maxLength: 4 });

  holds("lines of any kind", [name, lines(fc.oneof(plain, hostile))], readWell, 400);
  holds(
    "JSON of any kind",
    [name, lines(jsonValue.map((value) => JSON.stringify(value)))],
    readWell,
  );
  holds("objects that look like events", [name, lines(object)], readWell, 400);
  holds("events of real logs, spoilt", [name, lines(spoilt)], readWell, 400);

  holds(
    "whole logs with lines lost, doubled and cut",
    [name, fc.constantFrom(...real), fc.array(fc.nat(), { maxLength: 4 }), fc.nat()],
    (name, log, lost, end) => {
      const left = log.filter((_, at) => !lost.some((each) => each % log.length === at));
      const whole = left.join("\n");
      readWell(name, whole.slice(0, whole.length - (end % (whole.length + 1))).split("\n"));
    },
  );

  holds(
    "and any events fold into a report",
    [fc.array(streamEvent, { maxLength: 8 })],
    (events) => {
      v.parse(v.array(event), events);
      foldsWell(events);
    },
  );

  // JSON knows numbers that no number here can be.
  test.each(readers.map(({ name }) => name))("%s: numbers beyond all bounds", (name) => {
    const usage = `"input_tokens":1e999,"cached":-1e999,"output_tokens":1e999,"inputTokens":1e999`;
    const step = `"part":{"tokens":{"input":1e999,"output":1,"cache":{"read":1e999,"write":-1e999}}}`;
    readWell(name, [
      `{"type":"result","is_error":false,"usage":{${usage}},"total_cost_usd":1e999}`,
      `{"type":"result","is_error":false,"modelUsage":{"a":{${usage}}}}`,
      `{"type":"result","stats":{${usage}},"cost":1e999}`,
      `{"type":"turn.completed","usage":{${usage}}}`,
      `{"type":"step_finish",${step}}`,
    ]);
  });

  test("values of any depth: what can be parsed cannot always be written again", () => {
    const deep = "[".repeat(60_000) + "]".repeat(60_000);
    for (const { name } of readers)
      readWell(name, [`{"type":"result","result":${deep}}`, `{"a":`.repeat(60_000)]);
    const call = `{"type":"tool_use","name":"x","input":{"a":${deep}}}`;
    readWell("claude", [`{"type":"assistant","message":{"content":[${call}]}}`]);
  });

  for (const { name, read } of readers) {
    describe(name, () => {
      comesBack(read, {
        errors: "error ",
        "errors that end in a line's end of their own": (length) =>
          `${"error ".repeat(length / 6)}\rx\rx`,
        models: "model ",
        blanks: " ",
        braces: "{",
      });
    });
  }
});

describe("the cause of an error", () => {
  const phrases = [
    "Credit balance is too low",
    "You've hit your usage limit",
    "prompt is too long",
    "no api key",
    "at capacity",
    "404",
    "model x not found",
    "Not logged in",
    "401",
    "429",
    "rate limit",
    "529",
    "Unable to connect",
    "ECONNREFUSED",
    "max turns",
    "maximum budget",
    "model ",
    "timed out",
  ];
  const told = soup(phrases.join("¦"), " ¦: ¦\n¦.");
  const around = fc.stringMatching(/^[ \t\r\n]{0,5}$/);

  holds("is one, or none, of any text", [fc.oneof(told, hostile)], (text) => {
    expect([null, ...causes]).toContain(causeOf(text));
  });

  holds("does not hang on the blanks around it", [told, around, around], (text, before, after) => {
    expect(causeOf(before + text + after)).toBe(causeOf(text));
  });

  holds("nor on capitals", [told.map((text) => text.replace(/[^ -~\n]/g, ""))], (text) => {
    expect(causeOf(text.toUpperCase())).toBe(causeOf(text));
    expect(causeOf(text.toLowerCase())).toBe(causeOf(text));
  });

  comesBack(causeOf, {
    models: "model ",
    "models that are not quite there": "model not foun",
    "limits that are not hit": "hit your session  ",
    "words that begin a cause": "max connection rate unable to ",
    digits: "4",
    blanks: " ",
    lines: "model \n",
  });
});
