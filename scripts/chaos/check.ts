/**
 * The checker: holds what a storm has left, the files and what commands said, against
 * the agents' diaries. It knows the protocol and nothing of the program.
 */

import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { diaryIn, type Entry, livesIn } from "./diary.ts";
import { filesBelow, ledgersIn, type Run, type Task, tasksIn } from "./disk.ts";
import type { Ran } from "./driver.ts";
import type { TaskPlan } from "./plan.ts";
import type { Record } from "./storm.ts";

export interface Violation {
  rule: string;
  what: string;
}

interface Shown {
  id: string;
  state: string;
  cause: string | null;
  reason: string | null;
  run: number | null;
  after: string[];
}

/** One task, from all sides. */
interface Case {
  plan: TaskPlan;
  task: Task | null;
  shown: Shown | null;
  diary: Entry[];
  last: Run | null;
  /** What the last run's worker wrote down. */
  acts: Entry[];
}

export function check(record: Record): Violation[] {
  const violations: Violation[] = [];
  const cases = casesOf(record);
  const rule = (name: string, found: Iterable<string>) => {
    for (const what of found) violations.push({ rule: name, what });
  };
  rule("everything comes to rest", record.restless);
  rule("no command hangs or breaks", brokenCommands(record));
  rule("status is valid, and stays", unsteadyLooks(record));
  rule("nothing is left running", leftRunning(record));
  rule("what was asked for is there", missingTasks(record, cases));
  rule("a batch is whole or not at all", brokenBatches(record, cases));
  for (const each of cases) {
    const about = (found: Iterable<string>) => [...found].map((what) => `${each.plan.id}: ${what}`);
    rule("one worker at a time", about(overlaps(each)));
    rule("what is done is not done again", about(doneAgain(each)));
    rule("questions are kept", about(lostQuestions(each)));
    rule("answers are kept and delivered", about(lostAnswers(each, record)));
    rule("nobody reads for a worker that has gone", about(readByNobody(each, record)));
    rule("notes stand in the plan", about(lostNotes(each, record)));
    rule("what was stopped stays so", about(startedAfterStop(each, record)));
    rule("the outcome is true", about(untrueOutcome(each, record)));
    rule("who can be helped is done", about(unhelped(each)));
    rule("runs are whole", about(brokenRuns(each)));
  }
  rule("limits hold", brokenLimits(record, cases));
  rule("an event is told once", toldTwice(record));
  rule("no outcome is kept back", untold(record, cases));
  rule("every file can be explained", strangeFiles(record));
  return violations;
}

const projectFolder = (record: Record, project: string) => join(record.folder, "projects", project);

function casesOf(record: Record): Case[] {
  return record.plan.projects.flatMap((project) => {
    const tasks = tasksIn(projectFolder(record, project));
    const shown = shownIn(record, project);
    const plans = record.plan.tasks.filter((task) => task.project === project);
    return plans.map((plan) => {
      const task = tasks.find(({ id }) => id === plan.id) ?? null;
      // Of tasks that were taken back, as none of a batch that could not start is left, nothing counts.
      const tokens = takenBack(record, plan.id) ? task?.runs.map(({ token }) => token) : undefined;
      const diary = diaryIn(record.folder, project, plan.id).filter(
        ({ token }) => tokens === undefined || tokens.includes(token),
      );
      const last = task?.runs.at(-1) ?? null;
      const acts = diary.filter(({ token }) => token === last?.token);
      return {
        plan,
        task,
        diary,
        last,
        acts,
        shown: shown.find(({ id }) => id === plan.id) ?? null,
      };
    });
  });
}

const takenBack = ({ ran }: Record, id: string) =>
  ran.some((each) => each.argv[0] === "run" && each.exit === 1 && idsOf(each).includes(id));

function shownIn(record: Record, project: string): Shown[] {
  try {
    return (JSON.parse(record.looks[project]![0]) as { tasks: Shown[] }).tasks;
  } catch {
    return [];
  }
}

// Commands.

function brokenCommands({ ran }: Record): string[] {
  return ran.flatMap(({ argv, hung, err, exit }) => [
    ...(hung ? [`${argv.join(" ")} hung`] : []),
    ...(err.includes("this is a bug in dispatch") ? [`${argv.join(" ")}: ${err}`] : []),
    ...(exit !== null && ![0, 1, 2, 3, 4, 5, 124].includes(exit)
      ? [`${argv.join(" ")} ended with ${exit}: ${err}`]
      : []),
  ]);
}

const states = [
  "queued",
  "held",
  "running",
  "waiting",
  "stopping",
  "stopped",
  "blocked",
  "failed",
  "incomplete",
  "lost",
  "done",
];

function* unsteadyLooks({ looks }: Record): Generator<string> {
  for (const [project, [first, second]] of Object.entries(looks)) {
    if (first !== second) yield `${project}: two looks differ:\n${first}\n${second}`;
    try {
      const shown = JSON.parse(first) as { schema: number; tasks: Shown[] };
      if (shown.schema !== 1) yield `${project}: schema is ${shown.schema}`;
      for (const { id, state } of shown.tasks)
        if (!states.includes(state)) yield `${project}: ${id} is ${state}`;
    } catch {
      yield `${project}: no JSON: ${first}`;
    }
  }
}

function leftRunning({ left }: Record): string[] {
  return left.map(({ pid, kind, words }) => `${kind} ${pid}: ${words.join(" ").slice(0, 200)}`);
}

/** Accepted: as asked, and nobody ended the command half way. */
const accepted = (ran: readonly Ran[], verb: string) =>
  ran.filter(({ argv, exit }) => argv[0] === verb && exit === 0);

const idsOf = ({ argv, stdin }: Ran) =>
  stdin === null
    ? [argv[argv.indexOf("--id") + 1]!]
    : [...stdin.matchAll(/^id: (\S+)$/gm)].map(([, id]) => id!);

function* missingTasks({ ran }: Record, cases: readonly Case[]): Generator<string> {
  for (const run of accepted(ran, "run"))
    for (const id of idsOf(run))
      if (cases.some(({ plan, task }) => plan.id === id && task === null))
        yield `${id} is not there, and was accepted`;
}

/** One that was refused must have left nothing; one that was killed may have left all or some. */
function* brokenBatches({ ran }: Record, cases: readonly Case[]): Generator<string> {
  for (const { plan, task } of cases) {
    const asked = ran.filter((each) => each.argv[0] === "run" && idsOf(each).includes(plan.id));
    const mayBeThere = asked.some(({ exit }) => exit === null || exit === 0);
    if (task !== null && !mayBeThere) yield `${plan.id} is there, and was refused`;
  }
}

// Tasks.

const overlaps = ({ diary }: Case) =>
  diary
    .filter(({ act }) => act === "overlap" || act === "session-taken" || act === "session-missing")
    .map(({ act, token, rest }) => `${act} ${rest} in ${token}`);

/** An item that was cut off between doing and ticking may be done again; one that was ticked never. */
function* doneAgain({ diary }: Case): Generator<string> {
  const ticked = new Set<string>();
  for (const { act, rest } of diary) {
    if (act === "tick") ticked.add(rest);
    if (act === "item" && ticked.has(rest)) yield `item ${rest} is done again`;
  }
}

function* lostQuestions({ diary, task }: Case): Generator<string> {
  for (const { act, rest } of diary) {
    if (act !== "asked") continue;
    const [item, number] = rest.split(" ");
    const question = task?.questions.find((each) => each.number === number);
    if (question === undefined) yield `question ${number} is not there`;
    else if (!question.text.startsWith(`question ${item} of `))
      yield `question ${number} is ${JSON.stringify(question.text)}`;
  }
  const texts = task?.questions.map(({ text }) => text) ?? [];
  for (const text of new Set(texts))
    if (texts.filter((each) => each === text).length > 1)
      yield `asked twice: ${JSON.stringify(text)}`;
}

function* lostAnswers({ plan, task, diary, shown }: Case, { ran }: Record): Generator<string> {
  for (const { argv, project } of accepted(ran, "answer")) {
    const [, id, number, text] = argv;
    if (id !== plan.id || project !== plan.project || text === undefined) continue;
    const question = task?.questions.find((each) => each.number === number);
    if (question?.answer !== `${text}\n`)
      yield `answer ${number} is ${JSON.stringify(question?.answer)}, accepted was ${JSON.stringify(text)}`;
  }
  for (const { number, text, answer, readMs } of task?.questions ?? []) {
    const item = /^question (\d+) of /.exec(text)?.[1];
    const got = diary.filter(({ act, rest }) => act === "got" && rest.startsWith(`${item} `));
    // A question that was asked again since its answer had been lost with a killed command has two.
    const answers = task!.questions.filter((each) => each.text === text).map((each) => each.answer);
    for (const { rest } of got)
      if (!answers.some((each) => each?.trim() === JSON.parse(rest.slice(rest.indexOf(" ") + 1))))
        yield `the worker was told ${rest}, the answer is ${JSON.stringify(answer)}`;
    if (readMs !== null && got.length === 0 && !mayHaveDiedReading(diary))
      yield `answer ${number} is acknowledged, and no worker got it`;
    if (answer !== null && got.length === 0 && shown?.state === "done" && readMs === null)
      yield `the task is done, and nobody read answer ${number}`;
  }
}

/** Killed between its command's acknowledgement and its own note of it. */
const mayHaveDiedReading = (diary: readonly Entry[]) =>
  [...Map.groupBy(diary, ({ token }) => token).values()].some((acts) => acts.at(-1)!.act !== "end");

/** A command that outlives its worker would take the answer from the next one. */
function* readByNobody({ task, diary }: Case, { did }: Record): Generator<string> {
  const starts = diary.filter(({ act }) => act === "start");
  for (const [index, { rest: pid }] of starts.entries()) {
    const killedMs = did.find(({ what }) => what === `kill worker ${pid}`)?.atMs;
    if (killedMs === undefined) continue;
    const nextMs = starts[index + 1]?.atMs ?? Infinity;
    for (const { number, readMs } of task?.questions ?? [])
      if (readMs !== null && readMs > killedMs + settledMs && readMs < nextMs - settledMs)
        yield `answer ${number} was acknowledged ${Math.round(readMs - killedMs)} ms after the worker's end`;
  }
}
/** What was on its way when the worker was killed has arrived by then; and the file system's clock is coarse. */
const settledMs = 200;

function* lostNotes({ plan, task }: Case, { ran }: Record): Generator<string> {
  const words = (text: string) => text.split(/\s+/).filter(Boolean).join(" ");
  const quoted = words(
    (task?.plan ?? "")
      .split("\n")
      .map((line) => line.replace(/^>\s?/, ""))
      .join(" "),
  );
  const notes = accepted(ran, "note").filter(({ argv }) => argv[1] === plan.id);
  const items = accepted(ran, "answer").filter(
    ({ argv }) => argv[1] === plan.id && argv.length === 3,
  );
  for (const { argv } of [...notes, ...items])
    if (!quoted.includes(words(argv[2]!))) yield `not in the plan: ${JSON.stringify(argv[2])}`;
}

/** Until somebody asks for it again, be it at the same moment. */
function* startedAfterStop({ plan, diary }: Case, { ran }: Record): Generator<string> {
  const isAboutIt = ({ project, argv }: Ran) =>
    project === plan.project && (argv.includes(plan.id) || argv.includes("--all"));
  const wishes = ran.filter(
    (each) => ["run", "resume", "answer"].includes(each.argv[0]!) && isAboutIt(each),
  );
  for (const stop of accepted(ran, "stop")) {
    if (!isAboutIt(stop) || !stop.out.includes(`stopped ${plan.id}`)) continue;
    const later = wishes.filter(({ endedMs }) => endedMs >= stop.startedMs);
    const untilMs = Math.min(Infinity, ...later.map(({ startedMs }) => startedMs));
    for (const { act, atMs, token } of diary)
      if (act === "start" && atMs > stop.endedMs && atMs < untilMs)
        yield `run ${token} began ${atMs - stop.endedMs} ms after it was stopped`;
  }
}

function brokenRuns({ task, diary }: Case): string[] {
  const numbers = task?.runs.map(({ number }) => number) ?? [];
  const gaps = numbers.filter((number, index) => number !== index + 1);
  const tokens = new Set(task?.runs.map(({ token }) => token));
  const unknown = new Set(diary.map(({ token }) => token).filter((token) => !tokens.has(token)));
  const byToken = Map.groupBy(diary, ({ token }) => token);
  const twice = [...byToken].filter(
    ([, acts]) => acts.filter(({ act }) => act === "start").length > 1,
  );
  return [
    ...(gaps.length > 0 ? [`its runs are ${numbers.join(" ")}`] : []),
    ...[...unknown].map((token) => `a worker of run ${token} has worked, and there is no such run`),
    ...twice.map(([token]) => `run ${token} was started twice`),
  ];
}

// Outcomes.

const isTicked = ({ task }: Case) =>
  (task?.items.length ?? 0) > 0 && task!.items.every(({ marker }) => marker === "x");
const hasEnded = ({ acts }: Case, code: number) =>
  acts.some(({ act, rest }) => act === "end" && rest === String(code));

function untrueOutcome(one: Case, record: Record): string[] {
  const { task, shown, last, plan, diary } = one;
  if (task === null) return [];
  if (shown === null) return ["status does not show it"];
  const wrong = (why: string) => [
    `${shown.state} (${shown.cause ?? shown.reason ?? ""}), but ${why}`,
  ];
  const has = (marker: string) => task.items.some((item) => item.marker === marker);
  const isOpen = task.questions.some(({ answer }) => answer === null);
  const isUnread = task.questions.some(({ answer, readMs }) => answer !== null && readMs === null);
  const stop = last === null ? (task.isGivenUp ? "" : null) : last.stop;
  const isWorthDone =
    last?.exit === 0 && isTicked(one) && hasEnded(one, 0) && stop !== "" && !saysError(last);
  if (shown.run !== (last?.number ?? null)) return wrong(`its last run is ${last?.number}`);
  if (isWorthDone && shown.state !== "done") return wrong("its worker has done it all");
  switch (shown.state) {
    case "done": {
      if (!isWorthDone) return wrong("its last worker has not done it all");
      const undone = plan.script.items.flatMap((_, index) =>
        diary.some(({ act, rest }) => act === "item" && rest === String(index + 1))
          ? []
          : [index + 1],
      );
      return undone.length === 0 ? [] : wrong(`nobody did item ${undone.join(", ")}`);
    }
    case "failed": {
      const isPlain = last !== null && (last.exit === null || last.exit === 0);
      if (isPlain && !has("!") && !last.stop && !saysError(last))
        return wrong("nothing of it says so");
      return [];
    }
    case "lost":
      return last !== null && last.exit === null ? [] : wrong(`its exit record is ${last?.exit}`);
    case "stopped": {
      const wanted = record.ran.some(({ argv }) => argv[0] === "stop" && argv.includes(plan.id));
      return stop === "" && wanted ? [] : wrong("nobody stopped it");
    }
    case "blocked":
      return isOpen || has("?") || isUnread ? [] : wrong("nothing is open");
    case "incomplete":
      return last?.exit === 0 && !isTicked(one) ? [] : wrong(`its exit record is ${last?.exit}`);
    case "held":
      return [];
    default:
      return wrong("nothing moves any more");
  }
}

/** The CLI's own verdict, in the words of its stream. */
const saysError = ({ log }: Run) => /"is_error":true|"subtype":"api_retry"/.test(log);

/** Its agent would have done it: the user has resumed and answered all that there was. */
function unhelped({ plan, shown, task }: Case): string[] {
  const isExpected = plan.script.hopeless === null && !plan.isGivenUp;
  return isExpected && task !== null && shown?.state !== "done"
    ? [`${shown?.state} (${shown?.cause ?? shown?.reason ?? ""})`]
    : [];
}

// Limits.

/** By what is certain: a worker lived from its first line to its last. */
function* brokenLimits(record: Record, cases: readonly Case[]): Generator<string> {
  const { config, ground } = record.plan;
  // The places of workers whose logs cannot be seen for a moment are forgotten.
  if (ground === "moved away") return;
  const lives = cases.flatMap(({ plan, diary, task }) => {
    const runs = new Map(task?.runs.map((run) => [run.token, run]));
    return livesIn(plan.project, plan.id, diary).map((life) => ({
      ...life,
      plan,
      backend: runs.get(life.token)?.backend,
      letInMs: runs.get(life.token)?.startedMs ?? life.fromMs,
    }));
  });
  for (const life of lives) {
    const { plan, fromMs, letInMs, backend } = life;
    const others = lives.filter(
      (each) =>
        each !== life && each.letInMs < letInMs && each.fromMs <= fromMs && each.toMs > fromMs,
    );
    const most = plan.parallel ?? config.parallel;
    const here = others.filter(({ project }) => project === plan.project).length;
    const alike = others.filter((each) => each.backend === backend).length;
    const at = `when run ${life.token} of ${plan.id} began`;
    if (others.length >= most) yield `${others.length} ran ${at}, the limit is ${most}`;
    if (here >= (config.perProject ?? Infinity)) yield `${here} of ${plan.project} ran ${at}`;
    if (alike >= (config.perBackend ?? Infinity)) yield `${alike} of its backend ran ${at}`;
  }
}
// What was told.

interface Told {
  event: string;
  id: string;
  n?: string;
  state?: string;
}

/** Whoever was killed, or could not write down what it told, may have told it in vain. */
function* toldTwice(record: Record): Generator<string> {
  // What was told while the folder was away stands in one that was made in its place.
  if (record.plan.ground === "moved away") return;
  const isSure = ({ argv, exit }: Ran) =>
    (argv[0] === "wait" && (exit === 0 || exit === 124)) ||
    // At a session's start it is told again what still waits for the user.
    (argv[0] === "hook" && argv[1] !== "session-start" && exit === 2);
  const audiences = Map.groupBy(
    record.ran.filter(isSure),
    ({ project, host }) => `${project} ${host ?? "person"}`,
  );
  for (const [audience, some] of audiences) {
    const project = projectFolder(record, audience.split(" ")[0]!);
    yield* toldTooOften(audience, some.flatMap(toldBy), ledgersIn(project).values());
  }
  for (const project of record.plan.projects) {
    const told = notifiedOf(record, project);
    const ledger = ledgersIn(projectFolder(record, project)).get("notify") ?? [];
    if (!record.did.some(({ what }) => /^kill (?:act|all)|^disk/.test(what)))
      yield* toldTooOften(`the notifier of ${project}`, told, [ledger]);
  }
}

function* toldTooOften(
  audience: string,
  told: readonly Told[],
  ledgers: Iterable<readonly string[]>,
): Generator<string> {
  const keys = [...new Set([...ledgers].flat())];
  const whatOf = ({ event, id, n, state }: Told) => `${event} ${id} ${n ?? state ?? ""}`;
  for (const [what, times] of Map.groupBy(told, whatOf)) {
    const { event, id, state } = times[0]!;
    const ofIt = keys.filter((key) => key.startsWith(`${id} `));
    const mayBe =
      event === "outcome"
        ? ofIt.filter((key) => isOutcome(key, state!)).length
        : event === "question"
          ? 1
          : ofIt.filter((key) => key.includes(` ${event} `)).length;
    if (times.length > mayBe) yield `${audience} was told ${times.length} times: ${what}`;
  }
}

/** A waiter says it as JSON, a hook as text. */
function toldBy({ argv, out, err }: Ran): Told[] {
  const lines = out.split("\n").filter((line) => line.startsWith("{"));
  if (argv[0] === "wait")
    return lines.map((line) => JSON.parse(line) as Told).filter(({ event }) => event !== undefined);
  const question = /^the user replies: dispatch answer (\S+) (\d+) /;
  const outcome = /^(t\d+) (done|failed|blocked|lost|stopped|incomplete)\b/;
  return err.split("\n").flatMap((line): Told[] => {
    const [, asker, n] = question.exec(line) ?? [];
    if (asker !== undefined) return [{ event: "question", id: asker, n: n! }];
    const [, id, state] = outcome.exec(line) ?? [];
    return id === undefined ? [] : [{ event: "outcome", id, state: state! }];
  });
}

/** What the user's own notifier was given of a project's tasks; their ids are those of one project each. */
function notifiedOf(record: Record, project: string): Told[] {
  const path = join(record.folder, "notified");
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  const ids = record.plan.tasks.filter((task) => task.project === project).map(({ id }) => id);
  return lines
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Told)
    .filter(({ id }) => ids.includes(id));
}

const isOutcome = (key: string, state: string) => new RegExp(` outcome \\d+ ${state}$`).test(key);

function* untold(record: Record, cases: readonly Case[]): Generator<string> {
  for (const { plan, task, shown } of cases) {
    if (task === null || shown === null || shown.run === null || shown.state === "held") continue;
    const ledgers = ledgersIn(projectFolder(record, plan.project));
    const key = `${plan.id} ${task.created} outcome ${shown.run} ${shown.state}`;
    if (![...ledgers.values()].some((lines) => lines.includes(key))) yield `nobody heard: ${key}`;
    else if (!(ledgers.get("person") ?? []).includes(key)) yield `the person did not hear: ${key}`;
    const { host } = task;
    if (host === null || !record.hosts.includes(host)) continue;
    const own = createHash("sha256").update(host).digest("hex").slice(0, 16);
    if (!(ledgers.get(own) ?? []).includes(key)) yield `${host} asked for it, did not hear: ${key}`;
  }
}

// Files.

const temporary = String.raw`\.[^/]+\.[0-9a-f]{8}\.tmp`;
const known = [
  /^\.gitignore$/,
  /^journal\.log(?:\.old)?$/,
  /^(?:supervisor|worktrees)\.lock$/,
  /^(?:spent\.jsonl|paid\.tsv)$/,
  /^told\/(?:person|notify|[0-9a-f]{16}(?:\.host)?)$/,
  /^told\/(?:\d+|[0-9a-f]{16})\.waiter(?:\.[0-9a-f]{8})?$/,
  /^tasks\/[^/]+\/(?:plan\.md|task\.yaml|context\.md)$/,
  /^tasks\/[^/]+\/notes\/(?:\d{3}\.md|\.lock)$/,
  /^tasks\/[^/]+\/ipc\/(?:\d{3}\.(?:question|answer|done)|\.done)$/,
  /^tasks\/[^/]+\/runs\/\d{3}\/(?:prompt\.md|command\.json|log|pid|exit|stop|resume)$/,
];
/** Left by what was killed half way. */
const left = [
  new RegExp(`^(?:.*/)?${temporary}$`),
  /^staging\//,
  // The agents' own.
  /^tasks\/[^/]+\/(?:plan\.md|ipc\/\d{3}\.question)\.\d+\.new$/,
];

function* strangeFiles(record: Record): Generator<string> {
  for (const project of record.plan.projects) {
    const folder = join(projectFolder(record, project), ".dispatch");
    for (const file of filesBelow(folder)) {
      if (known.some((pattern) => pattern.test(file))) continue;
      const isLeft = left.some((pattern) => pattern.test(file));
      if (!isLeft) yield `${project}: ${file}`;
      else if (statSync(join(folder, file)).mtimeMs > record.quietMs)
        yield `${project}: ${file} was left in the quiet`;
    }
  }
}
