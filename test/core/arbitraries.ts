/**
 * Arbitrary values of everything that the properties are about, in one place. A table by kind (of
 * states, of events) or a record by field does not compile until a new one has its line here.
 */

import fc from "fast-check";
import { backendNames } from "../../src/backends/index.ts";
import { type Alias, type Config, notices } from "../../src/core/config.ts";
import { isModelName } from "../../src/core/model-name.ts";
import type { Item, Marker, Plan } from "../../src/core/plan.ts";
import type { Question, QuestionText } from "../../src/core/question.ts";
import type { State } from "../../src/core/state.ts";
import {
  causes,
  type Failure,
  isSessionId,
  type Report,
  type StreamEvent,
  type Tokens,
} from "../../src/core/stream.ts";
import type {
  Asked,
  Facts,
  Parent,
  Policy,
  RunFacts,
  RunRecord,
  Stop,
  Streak,
  Wish,
} from "../../src/core/task.ts";
import { isTaskId } from "../../src/core/task-id.ts";
import type { Worktree } from "../../src/core/worktree.ts";

type Arbitrary<T> = fc.Arbitrary<T>;

// Texts.

/** Short pieces, one after another: those given, with `¦` between them, and some others. */
export const soup = (...pieces: string[]): Arbitrary<string> =>
  fc
    .array(
      fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom(...pieces.join("¦").split("¦")) },
        { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
        { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }) },
      ),
      { maxLength: 24 },
    )
    .map((parts) => parts.join(""));

/** A plain word: letters, digits and an apostrophe mean nothing to any reader here. */
export const word = fc.stringMatching(/^[a-zA-Zé日]{1,9}$/u);
/** Plain words on one line. */
export const words = fc.array(word, { minLength: 1, maxLength: 6 }).map((all) => all.join(" "));

/** What a terminal, a host or a reader could be fooled with. */
export const hostile = fc.oneof(
  soup(
    "\u001b[31m¦\u001b]0;¦\u001b\\¦\u001b¦\u0007¦\u009b¦\u0085¦\b¦\u0000¦\r¦\n¦\r\n¦\t¦ ¦\u2028¦\u00a0¦\u3000¦\u200b¦\u202e¦\ufeff",
    "<¦>¦</¦<system-reminder>¦\ufe64¦\uff1c¦\"¦'¦`¦…¦a¦next: ¦😀¦\ud83d¦\ude00¦\u0301¦\u{e0041}¦日",
  ),
  words,
);

/** On one line of a file: whatever reads lines reads it as one. */
export const hostileLine = hostile.map((text) => text.replace(/[\r\n]/g, ""));

/** As files are read: no half of a pair. */
export const wellFormed = hostile.map((text) => text.toWellFormed());

const rarely = fc.nat(7).map((dice) => dice === 7);
const maybe = <T>(some: Arbitrary<T>): Arbitrary<T | null> => fc.option(some, { nil: null });

// Plans.

export const marker: Arbitrary<Marker> = fc.constantFrom(" ", "x", "?", "!");

const item: Arbitrary<Item> = fc.record<Item>({
  marker,
  text: hostile,
  note: maybe(hostile),
  line: fc.nat(),
});

export const plan: Arbitrary<Plan> = fc.oneof(
  fc.record<Plan>({ title: maybe(hostile), items: fc.array(item, { maxLength: 5 }) }),
  // So that "done" is not rare.
  fc.record<Plan>({
    title: fc.constant(null),
    items: fc.array(
      item.map((each) => ({ ...each, marker: "x" as const })),
      { maxLength: 3 },
    ),
  }),
);

/** Markdown as it must not be written. */
export const markdown = soup(
  "\n¦\n¦\n¦\r\n¦\r¦ ¦  ¦    ¦\t¦\u2028¦\ufeff¦\u0000¦# ¦#¦## Title¦- [ ] ¦- [x] a¦* [?] b¦1. [!] c",
  "- [¦]¦[ ]¦-[x] ¦```¦````¦~~~¦```md¦> ¦>¦> **Note from dispatcher:** ¦text¦😀",
);

// The mailbox.

export const questionText: Arbitrary<QuestionText> = fc.record<QuestionText>({
  text: hostile,
  options: fc.array(hostile, { maxLength: 4 }),
  default: maybe(hostile),
});

const question = (number: string): Arbitrary<Question> =>
  fc
    .tuple(
      questionText,
      fc.record<Omit<Question, keyof QuestionText | "number">>({
        askedMs: timeMs,
        answer: maybe(hostile),
        answeredMs: maybe(timeMs),
        acknowledged: fc.boolean(),
      }),
    )
    .map(([text, rest]) => ({ ...text, ...rest, number }));

/** With the numbers of their files, of which no two are the same. */
const questions: Arbitrary<Question[]> = fc
  .uniqueArray(fc.constantFrom("001", "002", "1", "0001", "999999999"), { maxLength: 3 })
  .chain((numbers) => fc.tuple(...numbers.map(question)));

// Times.

/** Epoch milliseconds, as files are read: a worker can set any. */
export const timeMs = fc.oneof(
  fc.integer({ min: 0, max: 4e12 }),
  fc.double({ min: -8e15, max: 8e15, noNaN: true }),
);
/** How long something may take. */
const longMs = fc.oneof(fc.nat(), fc.constantFrom(0, Infinity));

/** As agent CLIs say when a limit is lifted, and as they do not. */
export const limitText = soup(
  "resets ¦try again ¦available ¦at ¦on ¦in ¦after ¦Nov ¦Feb ¦mon ¦31¦23¦, ¦9am¦11:45¦am¦pm¦ ",
  "(UTC)¦(Europe/Berlin)¦(x)¦(-99)¦2026¦0000¦3 ¦hours ¦and ¦min¦s¦days ¦99999999999999999999",
);

// What a backend reports.

const cause = fc.constantFrom(...causes);
const failure: Arbitrary<Failure> = fc.record<Failure>({
  cause,
  evidence: fc.oneof(hostile, limitText),
  resetsAtMs: maybe(timeMs),
});

export const tokens: Arbitrary<Tokens> = fc.record<Tokens>({
  input: fc.oneof(fc.nat(), fc.maxSafeInteger()),
  cached: fc.nat(),
  output: fc.nat(),
});
const cost = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
const sessionId = fc.stringMatching(/^[A-Za-z0-9][\w.:-]{0,20}$/).filter(isSessionId);

const events: { [K in StreamEvent["kind"]]: Arbitrary<Extract<StreamEvent, { kind: K }>> } = {
  session: fc.record({ kind: fc.constant("session"), id: sessionId, model: maybe(hostile) }),
  model: fc.record({ kind: fc.constant("model"), name: hostile }),
  said: fc.record({ kind: fc.constant("said"), text: hostile }),
  piece: fc.record({ kind: fc.constant("piece"), text: hostile }),
  tool: fc.record({ kind: fc.constant("tool"), text: hostile }),
  output: fc.record({ kind: fc.constant("output"), text: hostile }),
  retry: fc.record(
    { kind: fc.constant("retry"), text: hostile, cause: maybe(cause), pauseMs: fc.nat() },
    { requiredKeys: ["kind", "text", "cause"] },
  ),
  limit: fc.record({ kind: fc.constant("limit"), text: hostile, resetsAtMs: timeMs }),
  error: fc.record({ kind: fc.constant("error"), text: hostile, cause: maybe(cause) }),
  usage: fc.record({ kind: fc.constant("usage"), tokens }),
  result: fc.record({
    kind: fc.constant("result"),
    ok: fc.boolean(),
    text: hostile,
    cause: maybe(cause),
    denied: fc.array(hostile, { maxLength: 2 }),
    tokens: maybe(tokens),
    costUsd: maybe(cost),
  }),
};
export const streamEvent: Arbitrary<StreamEvent> = fc.oneof(...Object.values(events));

export const report: Arbitrary<Report> = fc.record<Report>({
  session: maybe(sessionId),
  began: fc.boolean(),
  model: maybe(hostile),
  ok: fc.constantFrom(null, true, false),
  text: maybe(hostile),
  failure: maybe(failure),
  trouble: maybe(
    fc.tuple(failure, fc.nat(9)).map(([failure, tries]) => ({ ...failure, tries: tries + 1 })),
  ),
  denied: rarely.chain((isDenied) => fc.array(hostile, { maxLength: isDenied ? 2 : 0 })),
  tokens: maybe(tokens),
  costUsd: maybe(cost),
});

// Tasks.

const timestamp = fc
  .date({ min: new Date("1970-01-01"), max: new Date("9999-12-31"), noInvalidDate: true })
  .map((date) => date.toISOString());

export const taskId = fc.stringMatching(/^[a-z0-9]{1,9}(-[a-z0-9]{1,9}){0,3}$/).filter(isTaskId);

const policy: Arbitrary<Policy> = fc.record<Policy>({
  timeLimitMs: longMs,
  stallAfterMs: longMs,
  retry: fc.record({ attempts: fc.nat(6), firstMs: fc.nat(), longestMs: fc.nat() }),
  fallback: fc.array(hostile, { maxLength: 2 }),
  resumeLost: fc.boolean(),
  verifyRetries: fc.nat(3),
});

const commit = fc.stringMatching(/^[0-9a-f]{40}$/);
const branching = { base: commit, target: maybe(fc.constantFrom("main", "a/b")) };
const worktree: Arbitrary<Worktree> = fc.record<Worktree>({
  ...branching,
  made: maybe(timestamp),
  isReady: fc.boolean(),
  merged: maybe(fc.record({ tip: commit, as: commit, into: hostile, run: fc.nat(3) })),
  conflict: maybe(
    fc.record({
      target: hostile,
      commit,
      files: fc.array(hostile, { maxLength: 2 }),
      run: fc.nat(3),
    }),
  ),
});

export const asked: Arbitrary<Asked> = fc.record<Asked>({
  title: hostile,
  prompt: hostile,
  context: maybe(hostile),
  files: fc.array(hostile, { maxLength: 2 }),
  items: fc.array(hostile, { maxLength: 4 }),
  ownPlan: fc.boolean(),
  model: hostile,
  alias: maybe(hostile),
  answerTimeoutMs: longMs,
  after: fc.array(taskId, { maxLength: 2 }),
  limits: fc.record({
    parallel: fc.oneof(fc.constantFrom(null, "auto" as const), fc.nat()),
    perProject: maybe(fc.nat()),
    perBackend: maybe(fc.nat()),
  }),
  policy,
  worktree: maybe(fc.record(branching)),
  verify: maybe(hostile),
  host: maybe(hostile),
  folder: hostile,
  environment: maybe(fc.stringMatching(/^[0-9a-f]{32}$/)),
  created: timestamp,
});

const runRecord: Arbitrary<RunRecord> = fc.record<RunRecord>({
  model: hostile,
  backend: fc.oneof(fc.constantFrom(...backendNames), hostile),
  argv: fc.array(hostile, { maxLength: 2 }),
  cwd: hostile,
  env: fc.array(hostile, { maxLength: 2 }),
  session: maybe(sessionId),
  resumes: maybe(fc.nat()),
  token: fc.stringMatching(/^[0-9a-f]{32}$/),
  tmp: hostile,
  // A worker could have written any other text there.
  started: fc.oneof(timestamp, hostile),
  uptime: fc.nat(),
  said: hostile,
  why: hostile,
  wish: maybe(hostile),
  verify: maybe(hostile),
  streak: fc.record<Streak>({
    attempt: fc.nat(9),
    tried: fc.array(hostile, { maxLength: 2 }),
    done: fc.nat(4),
    answers: fc.array(fc.constantFrom("001", "002"), { maxLength: 2 }),
    checks: fc.nat(4),
  }),
});

const runFacts: Arbitrary<RunFacts> = fc.record<RunFacts>({
  number: fc.integer({ min: 1, max: 999_999 }),
  record: maybe(runRecord),
  live: fc.boolean(),
  exit: fc.oneof(fc.constantFrom(null, 0), fc.constantFrom(1, 126, 127, 137, 143), fc.nat(999)),
  endedMs: maybe(timeMs),
  isStarted: fc.boolean(),
  saidMs: maybe(timeMs),
  check: maybe(fc.record({ exit: fc.nat(255), tail: hostile })),
  report,
});

const stop: Arbitrary<Stop> = fc.oneof(
  fc.constant({ by: "person" as const }),
  failure.map((failure) => ({ by: "policy" as const, ...failure })),
);
const wish: Arbitrary<Wish> = fc.record<Wish>({
  model: maybe(hostile),
  fresh: fc.boolean(),
  told: maybe(hostile),
  token: hostile,
});
const parent: Arbitrary<Parent> = fc.record<Parent>({
  id: taskId,
  kind: fc.constantFrom("done", "running", "failed (auth)", "stopped", "gone"),
  isMoving: fc.boolean(),
});
export const facts: Arbitrary<Facts> = fc.record<Facts>({
  id: taskId,
  asked: fc.option(asked, { nil: null, freq: 10 }),
  plan: maybe(plan),
  planMs: maybe(timeMs),
  questions,
  run: fc.option(runFacts, { nil: null, freq: 3 }),
  stop: rarely.chain((isThere) => (isThere ? stop : fc.constant(null))),
  resume: rarely.chain((isThere) => (isThere ? wish : fc.constant(null))),
  parents: fc.array(parent, { maxLength: 2 }),
  worktree: maybe(worktree),
  hasOutput: fc.boolean(),
  hasContext: fc.boolean(),
});

const states: { [K in State["kind"]]: Arbitrary<Extract<State, { kind: K }>> } = {
  queued: fc.record({ kind: fc.constant("queued"), reason: words }),
  held: fc.record({
    kind: fc.constant("held"),
    reason: words,
    cause: maybe(cause),
    evidence: maybe(hostile),
    untilMs: maybe(timeMs),
  }),
  running: fc.record({ kind: fc.constant("running") }),
  waiting: fc.record({ kind: fc.constant("waiting") }),
  stopping: fc.record({ kind: fc.constant("stopping") }),
  stopped: fc.record({ kind: fc.constant("stopped") }),
  done: fc.record({ kind: fc.constant("done") }),
  blocked: fc.record({ kind: fc.constant("blocked"), reason: words, said: maybe(hostile) }),
  failed: failure.map((failure) => ({ kind: "failed", ...failure })),
  incomplete: fc.record({ kind: fc.constant("incomplete"), reason: words }),
  lost: fc.record({ kind: fc.constant("lost"), reason: words }),
};
export const state: Arbitrary<State> = fc.oneof(...Object.values(states));

// JSON.

export const jsonValue: Arbitrary<unknown> = fc.jsonValue({ maxDepth: 3, stringUnit: "binary" });

/** Objects of the given keys, nested, some of them with a `type` that a reader knows. */
export const objectOf = (keys: readonly string[], types: readonly string[]): Arbitrary<unknown> =>
  fc.letrec<{ value: unknown; object: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(...types),
      hostile,
      jsonValue,
      fc.constantFrom(1e308, -1, 0.1, null, true, false, ""),
      fc.array(tie("value"), { maxLength: 3 }),
      tie("object"),
    ),
    object: fc
      .array(fc.tuple(fc.constantFrom(...keys), tie("value")), { maxLength: 6 })
      // Not by assignment: `__proto__` is to be a key as any other.
      .map((entries) => Object.fromEntries(entries)),
  })).object;

// Configs.

/** Every object has these without being told: none is a name. */
export const inherited = fc.constantFrom(
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
);

export const modelName = fc
  .oneof(
    fc.stringMatching(/^[A-Za-z0-9][\w.:/@[\]-]{0,9}$/),
    fc.constantFrom("opus", "sonnet", "gpt-5.3-codex", "gemini-3.1-pro", "5.10", "null", "__a"),
  )
  .filter(isModelName);

/** What a person writes, and what is meant by it. */
interface Setting<T> {
  written: unknown;
  meant: T;
}
const plain = <T>(value: Arbitrary<T>): Arbitrary<Setting<T>> =>
  value.map((each) => ({ written: each, meant: each }));
/** Left out, or nothing behind its key, it is the usual one. */
const usually = <T>(usual: T, other: Arbitrary<Setting<T>>): Arbitrary<Setting<T>> =>
  fc.oneof(
    fc.constantFrom(null, undefined).map((written) => ({ written, meant: usual })),
    other,
  );

type Settings<T> = { [Key in keyof T]: Setting<T[Key]> };
function both<T extends object>(settings: Settings<T>, names: Record<keyof T & string, string>) {
  const keys = Object.keys(settings) as (keyof T & string)[];
  return {
    written: fromEntries(keys.map((key) => [names[key], settings[key].written])),
    meant: Object.fromEntries(keys.map((key) => [key, settings[key].meant])) as T,
  };
}

const someTime: Arbitrary<Setting<number>> = fc
  .tuple(fc.nat(999), fc.constantFrom("s", "m", "h", ""))
  // A bare number is seconds.
  .map(([amount, unit]) => ({
    written: unit === "" ? amount : `${amount}${unit}`,
    meant: amount * (unit === "h" ? 3_600_000 : unit === "m" ? 60_000 : 1_000),
  }));
const anyTime = fc.oneof(someTime, fc.constant({ written: "none", meant: Infinity }));
const count = plain(fc.integer({ min: 1, max: 99 }));

type Limited = Config["limits"] & Pick<Config, "depth" | "timeLimitMs" | "stallAfterMs">;
const limited = fc
  .record<Settings<Limited>>({
    parallel: usually<number | "auto">("auto", fc.oneof(count, plain(fc.constant<"auto">("auto")))),
    perProject: usually(Infinity, count),
    perBackend: usually(
      {},
      plain(fc.dictionary(fc.constantFrom(...backendNames), fc.integer({ min: 1, max: 9 }))),
    ),
    staggerMs: usually(2_000, someTime),
    depth: usually(0, plain(fc.nat(3))),
    timeLimitMs: usually(Infinity, anyTime),
    stallAfterMs: usually(900_000, anyTime),
  })
  .map((settings) =>
    both<Limited>(settings, {
      parallel: "parallel",
      perProject: "per_project",
      perBackend: "per_backend",
      staggerMs: "stagger",
      depth: "depth",
      timeLimitMs: "time_limit",
      stallAfterMs: "stall_after",
    }),
  );
const retry = fc
  .record<Settings<Config["retry"]>>({
    attempts: usually(5, plain(fc.nat(9))),
    firstMs: usually(5_000, someTime),
    longestMs: usually(600_000, someTime),
  })
  .map((settings) =>
    both<Config["retry"]>(settings, {
      attempts: "attempts",
      firstMs: "first",
      longestMs: "longest",
    }),
  );
const notify = fc
  .record<Settings<Config["notify"]>>({
    command: usually<string | null>(null, plain(words)),
    url: usually<string | null>(null, plain(fc.webUrl())),
    desktop: usually(false, plain(fc.boolean())),
    on: usually<Config["notify"]["on"]>(notices, plain(fc.subarray([...notices]))),
  })
  .map((settings) =>
    both<Config["notify"]>(settings, {
      command: "command",
      url: "url",
      desktop: "desktop",
      on: "on",
    }),
  );

const worktreeSettings = fc
  .record<Settings<Config["worktree"]>>({
    copy: usually<string[]>([], plain(fc.array(words, { maxLength: 2 }))),
    setup: usually<string | null>(null, plain(words)),
    keep: usually(false, plain(fc.boolean())),
  })
  .map((settings) =>
    both<Config["worktree"]>(settings, { copy: "copy", setup: "setup", keep: "keep" }),
  );

/** A config as it is used, and what a person would have written for it. */
export interface WrittenConfig {
  config: Config;
  written: Record<string, unknown>;
}

const table = <T>(value: Arbitrary<T>): Arbitrary<[name: string, value: T][]> =>
  fc.uniqueArray(fc.tuple(modelName, value), {
    maxLength: 4,
    selector: ([name]) => name,
  });
const commandLine = words;
const builtIn = fc.uniqueArray(fc.tuple(fc.constantFrom(...backendNames), maybe(commandLine)), {
  maxLength: 3,
  selector: ([name]) => name,
});
const common = fc.record({
  confirmDefault: usually(true, plain(fc.boolean())),
  answerTimeout: usually(180_000, anyTime),
  resumeLost: usually(false, plain(fc.boolean())),
  limited,
  retry,
  notify,
  worktreeSettings,
  verify: usually<string | null>(null, plain(words)),
  verifyRetries: usually(0, plain(fc.nat(9))),
  projects: fc.uniqueArray(
    fc.tuple(
      fc.stringMatching(/^~?(?:\/[\w.-]{1,5}){1,3}$/),
      fc.record({
        copy: maybe(fc.array(words, { maxLength: 2 })),
        check: usually<string | null>(null, plain(words)),
      }),
    ),
    { maxLength: 2, selector: ([name]) => name },
  ),
  defaultAt: maybe(fc.nat()),
});
type Common = typeof common extends Arbitrary<infer T> ? T : never;
const perAlias = fc.record({
  at: fc.nat(),
  prompt: usually<string | null>(null, plain(wellFormed)),
  fallbackAt: fc.array(fc.nat(), { maxLength: 2 }),
  answerTimeoutMs: usually<number | null>(null, anyTime),
  timeLimitMs: usually<number | null>(null, anyTime),
  stallAfterMs: usually<number | null>(null, anyTime),
  verify: usually<string | null>(null, plain(words)),
});
export const noAlias: Alias = {
  model: null,
  command: null,
  prompt: null,
  fallback: null,
  answerTimeoutMs: null,
  timeLimitMs: null,
  stallAfterMs: null,
  verify: null,
};

export const writtenConfig: Arbitrary<WrittenConfig> = fc
  .record({
    builtIn,
    ownBackends: table(commandLine),
    models: table(fc.nat()),
    aliases: table(perAlias),
    common,
  })
  .map((given) => {
    const backends = { ...fromEntries(given.ownBackends), ...fromEntries(given.builtIn) };
    const servers = [...Object.keys(backends), ...backendNames];
    const models = given.models.map(([name, at]) => [name, servers[at % servers.length]!] as const);
    // Each alias names a model or an alias before it, so that there is no loop.
    const names = models.map(([name]) => name);
    const aliases: [string, Alias, Record<string, unknown>][] = [];
    for (const [name, said] of given.aliases) {
      const model = names[said.at % names.length];
      if (model === undefined || names.includes(name)) continue;
      const fallback = said.fallbackAt.map((at) => names[at % names.length]!);
      aliases.push([
        name,
        {
          model,
          command: null,
          prompt: said.prompt.meant,
          fallback,
          answerTimeoutMs: said.answerTimeoutMs.meant,
          timeLimitMs: said.timeLimitMs.meant,
          stallAfterMs: said.stallAfterMs.meant,
          verify: said.verify.meant,
        },
        {
          model,
          prompt: said.prompt.written,
          fallback,
          answer_timeout: said.answerTimeoutMs.written,
          time_limit: said.timeLimitMs.written,
          stall_after: said.stallAfterMs.written,
          verify: said.verify.written,
        },
      ]);
      names.push(name);
    }
    const [first] = names;
    const served = mapped(models, (backend) => ({
      backend,
      // So that some models have one.
      fallback: first === undefined || backend === "claude" ? [] : [first],
    }));
    return withCommon(
      given.common,
      names,
      {
        format: "models",
        backends: mapped(Object.entries(backends), (command) => ({ command })),
        models: served,
        aliases: fromEntries(aliases.map(([name, alias]) => [name, alias])),
      },
      {
        backends: mapped(Object.entries(backends), (command) =>
          command === null ? {} : { command },
        ),
        models: mapped(Object.entries(served), ({ backend, fallback }) =>
          fallback.length === 0 ? { backend } : { backend, fallback },
        ),
        aliases: fromEntries(aliases.map(([name, , written]) => [name, written])),
      },
    );
  });

/** The older format: agents instead of backends and models. */
export const writtenAgents: Arbitrary<WrittenConfig> = fc
  .record({ agents: table(commandLine), common })
  .map(({ agents, common }) =>
    withCommon(
      common,
      agents.map(([name]) => name),
      {
        format: "agents",
        backends: {},
        models: {},
        aliases: mapped(agents, (command) => ({ ...noAlias, command })),
      },
      { agents: mapped(agents, (command) => ({ command })) },
    ),
  );

function withCommon(
  { confirmDefault, answerTimeout, resumeLost, limited, retry, notify, ...more }: Common,
  names: readonly string[],
  config: Pick<Config, "format" | "backends" | "models" | "aliases">,
  written: Record<string, unknown>,
): WrittenConfig {
  const { worktreeSettings, verify, verifyRetries, projects, defaultAt } = more;
  const chosen = defaultAt === null ? null : (names[defaultAt % names.length] ?? null);
  const { depth, timeLimitMs, stallAfterMs, ...limits } = limited.meant;
  return {
    config: {
      ...config,
      default: chosen,
      confirmDefault: confirmDefault.meant,
      answerTimeoutMs: answerTimeout.meant,
      timeLimitMs,
      stallAfterMs,
      limits,
      depth,
      retry: retry.meant,
      resumeLost: resumeLost.meant,
      notify: notify.meant,
      worktree: worktreeSettings.meant,
      verify: verify.meant,
      verifyRetries: verifyRetries.meant,
      projects: mapped(projects, ({ copy, check }) => ({
        worktree: copy === null ? {} : { copy },
        verify: check.meant,
      })),
    },
    written: {
      default: chosen,
      confirm_default: confirmDefault.written,
      answer_timeout: answerTimeout.written,
      limits: limited.written,
      retry: { ...retry.written, on_verify: verifyRetries.written },
      resume_lost: resumeLost.written,
      notify: notify.written,
      worktree: worktreeSettings.written,
      verify: verify.written,
      projects: mapped(projects, ({ copy, check }) => ({
        worktree: { copy },
        verify: check.written,
      })),
      ...written,
    },
  };
}

const fromEntries = <T>(entries: readonly (readonly [string, T])[]): Record<string, T> =>
  Object.fromEntries(entries);
const mapped = <T, U>(entries: readonly (readonly [string, T])[], change: (value: T) => U) =>
  fromEntries(entries.map(([name, value]) => [name, change(value)] as const));

export const anyName = fc.oneof(modelName, inherited, hostile);
