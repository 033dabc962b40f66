/**
 * The real agents, when their service fails: what dispatch says of it, from the compiled binary.
 * Where a CLI would go on trying for minutes it has to be ended; all that takes half a minute goes
 * side by side, so that it is waited for once.
 */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Cause } from "../../src/core/stream.ts";
import {
  type Agent,
  envOf,
  type Failure,
  failures,
  inSeconds,
  models,
  planLimit,
} from "./failures.ts";
import type { Failing, Scenario, Step } from "./model-server.ts";
import { stage as setStage } from "./stage.ts";

type Stage = Awaited<ReturnType<typeof setStage>>;

const agents: Agent[] = ["claude", "codex"];
const limitMs = 120_000;

const config = (retry: string) => `default: sonnet
models:
  opus: { backend: claude, fallback: [gpt-5.5] }
  sonnet: { backend: claude }
  gpt-5.5: { backend: codex }
limits: { parallel: 99, stagger: none }
retry: ${retry}
`;

async function stageWith(retry: string, ...scenarios: Scenario[]): Promise<Stage> {
  const s = await setStage(scenarios);
  mkdirSync(join(s.home, ".dispatch"));
  writeFileSync(join(s.home, ".dispatch/config.yaml"), config(retry));
  return s;
}

const prompt = (id: string) => `the case ${id}.`;
const scenario = (id: string, ...steps: Step[]): Scenario => ({ match: prompt(id), steps });
const begin: Step = { shell: "true" };
const done = (id: string): Step[] => [
  { shell: `sed -i 's/- \\[ \\]/- [x]/' .dispatch/tasks/${id}/plan.md` },
  { text: "All done." },
];

async function run(s: Stage, id: string, model: string, env = {}, ...flags: string[]) {
  const argv = ["dispatch", "run", "-m", model, "--id", id, "--item", "Do it", ...flags];
  expect(await s.run([...argv, prompt(id)], env)).toMatchObject({ exit: 0 });
}

/** The news, as JSON lines. */
async function wait(s: Stage, ...argv: string[]): Promise<any[]> {
  const { out } = await s.dispatch("wait", "--json", ...argv);
  const lines = out.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line));
}

const logOf = (s: Stage, id: string) => s.read(`.dispatch/tasks/${id}/runs/001/log`)!;

/** What a CLI's line says of a failure: its own text, or the words and numbers of a retry. */
function wordsOf(line: string): string[] {
  if (!line.startsWith("{")) return [];
  const event = JSON.parse(line);
  if (event.subtype !== "api_retry") return [event.message, event.error?.message, event.result];
  const { attempt, max_retries, error, error_status } = event;
  return [[`retry ${attempt}/${max_retries}:`, error, error_status ?? ""].join(" ").trim()];
}

/** What it comes to: the cause, and the line that says so, of a try or of the end. */
const expected: Record<string, Partial<Record<Agent, RegExp>> & { cause: Cause }> = {
  "401": {
    cause: "auth",
    claude: /^retry \d+\/10: authentication_failed 401$/,
    codex: /unexpected status 401 Unauthorized: Incorrect API key/,
  },
  "403": {
    cause: "auth",
    claude: /^Failed to authenticate\. API Error: 403 Your API key does not have permission/,
    codex: /unexpected status 403 Forbidden: You do not have access/,
  },
  credit: {
    cause: "billing",
    claude: /^Credit balance is too low$/,
    codex: /^Quota exceeded\. Check your plan and billing details\.$/,
  },
  "404": {
    cause: "model_unavailable",
    claude: /^There's an issue with the selected model \(claude-sonnet-5-5\)/,
    codex: /^The model .gpt-5\.5. does not exist or you do not have access to it\.$/,
  },
  "429": {
    cause: "rate_limit",
    claude: /^retry \d+\/10: rate_limit 429$/,
    codex: /^exceeded retry limit, last status: 429 Too Many Requests$/,
  },
  "429-later": {
    cause: "rate_limit",
    claude: /^retry 1\/10: rate_limit 429$/,
    codex: /^Reconnecting\.\.\. 1\/5 \(exceeded retry limit, last status: 429 Too Many Requests\)$/,
  },
  busy: {
    cause: "overloaded",
    claude: /^retry \d+\/10: overloaded 529$/,
    codex: /unexpected status 503 Service Unavailable: Service unavailable/,
  },
  full: {
    cause: "overloaded",
    codex: /^Selected model is at capacity\. Please try a different model\.$/,
  },
  gateway: {
    cause: "overloaded",
    claude: /^retry \d+\/10: server_error 502$/,
    codex: /unexpected status 502 Bad Gateway/,
  },
  refused: {
    cause: "network",
    claude: /^retry \d+\/10: unknown$/,
    codex: /Connection failed: error sending request/,
  },
  drop: {
    cause: "network",
    claude: /^retry \d+\/10: unknown$/,
    codex: /stream disconnected before completion: /,
  },
  long: {
    cause: "prompt_too_long",
    claude: /^Prompt is too long/,
    codex: /^Codex ran out of room in the model's context window\./,
  },
};

const nextOf: Partial<Record<Cause, string>> = {
  auth: "dispatch resume ID, once the user has logged in to its CLI; or with --model OTHER",
  network: "dispatch resume ID",
  prompt_too_long: "dispatch resume ID --fresh",
};
const otherModel = "dispatch resume ID --model OTHER";
/** The first model that could do it, as the config has them. */
const otherOf = ({ agent, name }: Failure) =>
  agent === "claude" && name !== "404" ? "gpt-5.5" : "opus";

const named = (name: string) => failures.filter((failure) => failure.name === name);
const idOf = ({ agent, name }: Failure) => `${agent}-${name}`;
const failing = failures.filter(({ name }) => name in expected);
/** After one refusal the next try is accepted, and the model thinks. */
const thinking = ["401", "busy", "drop-once"].flatMap(named).map((failure) => ({
  ...failure,
  name: `past-${failure.name}`,
  steps: [{ ...(failure.steps[0] as Failing), lasts: false }, { hang: true as const }],
}));

describe("side by side", () => {
  let s: Stage;
  const told = new Map<string, any>();
  const states = new Map<string, string>();
  const stalls = new Map<string, any[]>();

  beforeAll(async () => {
    const worked = failing.map((failure) => ({
      ...failure,
      steps:
        failure.name === "busy" ? [begin, ...failure.steps, ...done(idOf(failure))] : failure.steps,
    }));
    const hanging = named("hang");
    const past = named("drop-once").map((failure) => ({
      ...failure,
      steps: [...failure.steps, ...done(idOf(failure))],
    }));
    const all = [...thinking, ...worked, ...past, ...hanging];
    s = await stageWith(
      "{ attempts: 0 }",
      ...all.map((failure) => scenario(idOf(failure), ...failure.steps)),
    );
    for (const failure of all) {
      const flags = failure.name === "hang" ? ["--stall-after", "1s"] : [];
      await run(s, idOf(failure), models[failure.agent], await envOf(failure, s.folder), ...flags);
    }
    for (const id of hanging.map(idOf)) {
      const first = await wait(s, id);
      states.set(id, (await s.task(id)).state);
      await s.dispatch("stop", id);
      stalls.set(id, [first, await wait(s, id)]);
    }
    for (const event of await wait(s, "--all", ...[...worked, ...past].map(idOf)))
      told.set(event.id, event);
    // By now whatever fails for half a minute has been ended.
    for (const id of thinking.map(idOf)) states.set(id, (await s.task(id)).state);
  }, limitMs);
  afterAll(() => s.strike());

  test.each(failing.map((failure): [string, Failure] => [idOf(failure), failure]))(
    "%s is failed, with its cause, the CLI's own line and what to do",
    (id, failure) => {
      const { cause, [failure.agent]: line } = expected[failure.name]!;
      const event = told.get(id);
      expect(event).toMatchObject({ event: "outcome", state: "failed", cause });
      expect(event.evidence).toMatch(line!);
      expect(logOf(s, id).split("\n").flatMap(wordsOf)).toContain(event.evidence);
      const next = (nextOf[cause] ?? otherModel).replace("ID", id);
      expect(event.next).toStartWith(next.replace("OTHER", otherOf(failure)));
    },
  );

  test.each(["401", "429", "429-later", "busy", "gateway", "refused", "drop"])(
    "claude is not left to try for minutes: %s",
    (name) => {
      const { cause } = expected[name]!;
      expect(JSON.parse(s.read(`.dispatch/tasks/claude-${name}/runs/001/stop`)!)).toMatchObject({
        cause,
        evidence: told.get(`claude-${name}`).evidence,
      });
    },
  );

  test.each(thinking.map(idOf))("%s: whoever has got past it is left to think", (id) => {
    expect(states.get(id)).toBe("running");
  });

  test.each(agents)("%s that lost one answer is done, by its own next try", async (agent) => {
    const id = `${agent}-drop-once`;
    expect(told.get(id)).toMatchObject({ state: "done" });
    expect(await s.task(id)).toMatchObject({ run: 1 });
    expect(logOf(s, id)).toMatch(/api_retry|Reconnecting/);
  });

  test.each(agents)("%s that hears nothing is told of once, and left alone", (agent) => {
    const id = `${agent}-hang`;
    expect(states.get(id)).toBe("running");
    expect(stalls.get(id)).toMatchObject([
      [{ event: "stalled", id, next: `dispatch logs ${id}` }],
      [],
    ]);
  });

  test.each(agents)("%s goes on in its own session when the service is back", async (agent) => {
    const id = `${agent}-busy`;
    const { session } = await s.task(id);
    const [busy] = named("busy").filter((failure) => failure.agent === agent);
    (busy!.steps[0] as Failing).lasts = false;
    expect(await s.dispatch("resume", id)).toMatchObject({ exit: 0 });
    expect(await wait(s, id)).toMatchObject([{ id, state: "done" }]);
    expect(await s.task(id)).toMatchObject({ run: 2, session });
  });
});

describe.each(named("limit"))("the plan's limit of $agent", (plan) => {
  const { agent } = plan;
  const limited = /^You['’]ve hit your (?:5-hour|usage) limit/;

  test(
    "holds a task until it is lifted, and its session goes on then",
    async () => {
      const limit = { ...(planLimit[agent](inSeconds(2)) as Failing), lasts: false };
      const s = await stageWith(
        "{ first: 1s }",
        scenario("brief", begin, limit, ...done("brief")),
        scenario("hourly", begin, ...plan.steps),
      );
      onTestFinished(s.strike);
      const env = await envOf(plan, s.folder);
      await run(s, "brief", models[agent], env);
      expect(await wait(s, "brief")).toMatchObject([{ id: "brief", state: "done" }]);
      expect(await s.task("brief")).toMatchObject({ run: 2 });
      const second = JSON.parse(s.read(".dispatch/tasks/brief/runs/002/command.json")!);
      expect(second).toMatchObject({ resumes: 1, why: "try 1 of 5 after session_limit" });
      expect(logOf(s, "brief")).toContain(`_id":"${second.session}"`);
      expect(logOf(s, "brief").split("\n").flatMap(wordsOf)).toContainEqual(
        expect.stringMatching(limited),
      );

      await run(s, "hourly", models[agent], env);
      const [held] = await wait(s, "hourly");
      expect(held).toMatchObject({ event: "held", cause: "session_limit", next: null });
      expect(held.evidence).toMatch(limited);
      expect(logOf(s, "hourly").split("\n").flatMap(wordsOf)).toContain(held.evidence);
      expect(Math.abs(Date.parse(held.until) - plan.resetsAt! * 1_000)).toBeLessThanOrEqual(60_000);
      expect(await s.task("hourly")).toMatchObject({ state: "held", until: held.until });
      expect(s.server.problems).toEqual([]);
    },
    limitMs,
  );
});

test(
  "a model whose CLI is not logged in gives way to its fallback, which gets it done",
  async () => {
    const [refused] = named("401");
    const s = await stageWith(
      "{ attempts: 0 }",
      { ...scenario("it", ...refused!.steps), agent: "claude" },
      { ...scenario("it", begin, ...done("it")), agent: "codex" },
    );
    onTestFinished(s.strike);
    await run(s, "it", "opus");
    expect(await wait(s, "it")).toMatchObject([{ id: "it", state: "done" }]);
    expect(await s.task("it")).toMatchObject({ run: 2, backend: "codex", model: "gpt-5.5" });
    expect(s.read(".dispatch/tasks/it/runs/002/command.json")).toContain('"why": "opus: auth"');
    expect(s.read(".dispatch/journal.log")).toMatch(
      /it: run 1 is ended \(auth\): retry 3\/10: authentication_failed 401$/m,
    );
    expect(s.server.problems).toEqual([]);
  },
  limitMs,
);
