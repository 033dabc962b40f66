/** Claude Code's settings: what is ours goes in and comes out, and nothing else moves. */

import { expect, test } from "bun:test";
import { addOurs, type Ours, removeOurs, type Traces } from "../../src/core/settings.ts";

const rule = "Bash(dispatch:*)";
const hook = (name: string, more: object = {}) => ({
  hooks: [{ type: "command", command: `exec dispatch hook ${name}`, ...more }],
});
const ours: Ours = {
  rule,
  hooks: { SessionStart: [hook("session-start")], Stop: [hook("stop", { asyncRewake: true })] },
};
const theirs = { hooks: [{ type: "command", command: "say done" }] };

function add(source: string | null, what: Ours = ours): { text: string; traces: Traces } {
  const added = addOurs(source, what);
  if ("problem" in added) throw new Error(added.problem.message);
  return added;
}

function remove(source: string, traces: Traces | null): string | null {
  const removed = removeOurs(source, ours, traces);
  if ("problem" in removed) throw new Error(removed.problem.message);
  return removed.text;
}

/** As Claude Code reads it. */
const read = (text: string) => JSON.parse(text.replace(/^\ufeff/, ""));

const full = {
  model: "opus",
  permissions: { allow: ["Bash(ls:*)", "Read"], deny: [] },
  hooks: { Stop: [theirs], PreToolUse: [{ matcher: "Bash", ...theirs }] },
};

const samples: Record<string, string | null> = {
  missing: null,
  empty: "",
  "a newline": "\n",
  "blank lines, CRLF": "\r\n\r\n",
  "{}": "{}",
  "{} and a newline": "{}\n",
  "{ }": "{ }",
  "{} over two lines": "{\n}\n",
  "blanks around": "\n  { }  \n\n",
  "2 spaces": JSON.stringify(full, null, 2),
  "2 spaces, a newline": `${JSON.stringify(full, null, 2)}\n`,
  "4 spaces": `${JSON.stringify(full, null, 4)}\n`,
  "3 spaces": `${JSON.stringify(full, null, 3)}\n`,
  tabs: `${JSON.stringify(full, null, "\t")}\n`,
  CRLF: `${JSON.stringify(full, null, 2).replaceAll("\n", "\r\n")}\r\n`,
  "CRLF, no newline at the end": JSON.stringify(full, null, 4).replaceAll("\n", "\r\n"),
  "a byte order mark": `\ufeff${JSON.stringify(full, null, 2)}\n`,
  "a byte order mark and {}": "\ufeff{}",
  "all on one line": JSON.stringify(full),
  "one key on one line": '{"model": "opus"}',
  "one key on one line, spaced": '{ "model": "opus" }\n',
  "no indentation": '{\n"model": "opus",\n"permissions": {\n"allow": [\n"Read"\n]\n}\n}\n',
  "a blank line between": '{\n\n  "model": "opus",\n\n  "env": {}\n\n}\n',
  "commas in front": '{ "model": "opus"\n, "env": { "A": "1"\n         , "B": "2"\n         }\n}\n',
  "allow empty": '{\n  "permissions": {\n    "allow": []\n  }\n}\n',
  "allow empty, spaced": '{\n  "permissions": {\n    "allow": [ ]\n  }\n}\n',
  "allow empty, over two lines": '{\n  "permissions": {\n    "allow": [\n    ]\n  }\n}\n',
  "permissions empty": '{\n  "permissions": {},\n  "model": "opus"\n}\n',
  "hooks empty": '{\n  "hooks": {}\n}',
  "Stop empty": '{\n  "hooks": { "Stop": [] }\n}',
  "lists on one line": `{\n  "permissions": { "allow": ["Bash(ls:*)", "Read"], "deny": ["Write"] },\n  "hooks": { "Stop": [${JSON.stringify(theirs)}] }\n}\n`,
  "an allow of one on one line": '{\n  "permissions": {"allow":["Read"]}\n}\n',
  "an object opened on its list's line":
    '{\n  "hooks": {\n    "Stop": [{\n      "hooks": [{ "type": "command", "command": "say done" }]\n    }]\n  }\n}\n',
  "the rule": `{\n  "permissions": {\n    "allow": [\n      "${rule}"\n    ]\n  }\n}\n`,
  "the rule among others": `{\n  "permissions": {\n    "allow": ["Read", "${rule}", "Write"]\n  }\n}\n`,
  "brackets and escapes in texts":
    '{\n  "env": { "A": "}],{[\\"\\\\", "\\u00e9é😀": "x\\ny // no comment" },\n  "permissions": { "allow": ["Bash(echo \\"]\\":*)"] }\n}\n',
  "odd keys": '{ "hooks": { "constructor": [1], "__proto__": [], "": [] }, "toString": 1 }\n',
  "equal keys": '{\n  "hooks": { "Stop": [] },\n  "model": "a",\n  "hooks": { "Stop": [ ] }\n}\n',
};

test.each(Object.entries(samples))("%s: in, again, and out", (_, source) => {
  const { text, traces } = add(source);
  const before = source === null || source.trim() === "" ? {} : read(source);
  const after = read(text);
  const allow = before.permissions?.allow ?? [];
  expect(after).toEqual({
    ...before,
    permissions: {
      ...before.permissions,
      allow: allow.includes(rule) ? allow : [...allow, rule],
    },
    hooks: {
      ...before.hooks,
      SessionStart: ours.hooks["SessionStart"],
      Stop: [...(before.hooks?.Stop ?? []), ...ours.hooks["Stop"]!],
    },
  });
  expect(Object.keys(after).slice(0, Object.keys(before).length)).toEqual(Object.keys(before));
  // Everything that was there still stands there, in its order.
  let at = 0;
  for (const piece of (source ?? "").match(/[^\s{}[\],]+/g) ?? []) {
    at = text.indexOf(piece, at) + piece.length;
    expect(at).toBeGreaterThanOrEqual(piece.length);
  }

  const again = add(text);
  expect(again).toEqual({ text, traces: { rule: false, containers: {} } });
  // Through JSON, as it is kept.
  expect(remove(text, JSON.parse(JSON.stringify(traces)))).toBe(source);
});

test("it is laid out as its owner lays it out", () => {
  const just: Ours = { rule, hooks: { Stop: [hook("stop")] } };
  const group = (step: string, base: string) =>
    JSON.stringify(hook("stop"), null, step).replaceAll("\n", `\n${base}`);
  expect(add(null, just).text).toBe(
    `{\n  "permissions": {\n    "allow": [\n      "${rule}"\n    ]\n  },\n  "hooks": {\n    "Stop": [\n      ${group("  ", "      ")}\n    ]\n  }\n}\n`,
  );
  expect(add('{\n\t"permissions": {"allow":["a", "b"]}\n}', just).text).toBe(
    `{\n\t"permissions": {"allow":["a", "b", "${rule}"]},\n\t"hooks": {\n\t\t"Stop": [\n\t\t\t${group("\t", "\t\t\t")}\n\t\t]\n\t}\n}`,
  );
  expect(add('{"model":"opus","env":{}}', just).text).toBe(
    `{"model":"opus","env":{},"permissions": {"allow":["${rule}"]},"hooks": ${JSON.stringify(just.hooks)}}`,
  );
  expect(add('{\r\n    "a": []\r\n}', just).text.replaceAll("\r\n", "")).not.toContain("\n");
});

test("hooks of an older version are replaced, not doubled, wherever they stand", () => {
  const older = {
    permissions: { allow: [rule] },
    hooks: {
      Stop: [hook("stop", { timeout: 1 }), theirs, hook("wait")],
      SessionStart: [{ matcher: "x", hooks: [...theirs.hooks, ...hook("start").hooks] }],
      Notification: [hook("notification"), theirs],
      PreToolUse: [{ matcher: "Bash", ...theirs }],
    },
  };
  const { text, traces } = add(JSON.stringify(older, null, 2));
  expect(read(text)).toEqual({
    permissions: { allow: [rule] },
    hooks: {
      Stop: [theirs, ...ours.hooks["Stop"]!],
      SessionStart: [{ matcher: "x", ...theirs }, ...ours.hooks["SessionStart"]!],
      Notification: [theirs],
      PreToolUse: [{ matcher: "Bash", ...theirs }],
    },
  });
  expect(add(text).text).toBe(text);
  expect(read(remove(text, traces)!)).toEqual({
    permissions: { allow: [rule] },
    hooks: {
      Stop: [theirs],
      SessionStart: [{ matcher: "x", ...theirs }],
      Notification: [theirs],
      PreToolUse: [{ matcher: "Bash", ...theirs }],
    },
  });
});

test("what its owner added meanwhile stays, wherever it was put", () => {
  for (const indent of [0, 2]) {
    const { text, traces } = add(null);
    const changed = read(text);
    changed.permissions.allow = ["Edit", rule, "Read"];
    changed.permissions.deny = [];
    changed.hooks.Stop.push(theirs);
    changed.hooks.Stop[0].hooks.unshift(theirs.hooks[0]);
    changed.model = "opus";
    expect(read(remove(JSON.stringify(changed, null, indent), traces)!)).toEqual({
      permissions: { allow: ["Edit", "Read"], deny: [] },
      hooks: { Stop: [theirs, theirs] },
      model: "opus",
    });
  }
});

test("what its owner took out meanwhile is not missed", () => {
  const { text, traces } = add("{}\n");
  const changed = read(text);
  changed.hooks.Stop = [];
  delete changed.permissions.allow;
  expect(remove(JSON.stringify(changed, null, 2), traces)).toBe("{}");
  expect(remove("{}", traces)).toBe("{}");
  expect(remove("", traces)).toBe("");
});

test("without traces, what is recognisably ours goes, and lists that it was alone in", () => {
  expect(remove(add("{}").text, null)).toBe("{}");
  expect(remove(add(null).text, null)).toBe("{}\n");
  expect(remove(add(`${JSON.stringify(full, null, 2)}\n`).text, null)).toBe(
    `${JSON.stringify(full, null, 2)}\n`,
  );
  for (const untouched of [
    '{"permissions": {"allow": []}, "hooks": {"Stop": []}}',
    `{"permissions": {"allow": ["${rule}"]}}`,
  ])
    expect(remove(untouched, null)).toBe(untouched);
});

test("with traces that know nothing of it, the rule is its owner's and hooks are ours", () => {
  const none: Traces = { rule: false, containers: {} };
  const { text } = add(`{"permissions":{"allow":["${rule}"]}}`);
  expect(read(remove(text, none)!).permissions).toEqual({ allow: [rule] });
  expect(remove(text, none)).not.toContain("dispatch hook");
});

const notRead: [string, string][] = [
  ["{", "1:2: close brace expected"],
  ['{\n  "a": 1,\n}', "3:1: property name expected"],
  ['{\n  // mine\n  "a": 1\n}', "2:3: invalid comment token"],
  ['{"a": 1} x', "1:10: invalid symbol"],
  ["[]", "1:1: the file is an array; expected an object"],
  ['"x"', "1:1: the file is a string; expected an object"],
];
const notWritten: [string, string][] = [
  ['{"permissions": "all"}', "1:17: permissions is a string; expected an object"],
  ['{"permissions": null}', "1:17: permissions is null; expected an object"],
  ['{"permissions": {"allow": "all"}}', "1:27: permissions.allow is a string; expected an array"],
  ['{\n "hooks": []\n}', "2:11: hooks is an array; expected an object"],
  ['{"hooks": {"Stop": {}}}', "1:20: hooks.Stop is an object; expected an array"],
];

test.each([...notRead, ...notWritten])("%j cannot be written to", (source, said) => {
  const added = addOurs(source, ours);
  if (!("problem" in added)) throw new Error(added.text);
  const { line, column, message } = added.problem;
  expect(`${line}:${column}: ${message}`).toBe(said);
});

test("what cannot be read is not taken out of; what has other types holds nothing of ours", () => {
  for (const [source] of notRead) expect(removeOurs(source, ours, null)).toHaveProperty("problem");
  for (const [source] of notWritten) expect(remove(source, null)).toBe(source);
  const odd =
    '{"permissions": {"allow": [1, null]}, "hooks": {"Stop": [1, {"hooks": 3}, {"hooks": [1]}]}}';
  expect(remove(odd, null)).toBe(odd);
  expect(read(add(odd).text).hooks.Stop).toHaveLength(4);
});
