/**
 * How the services of claude and codex fail, in their own words, for tests and benchmarks. What
 * they send is as their makers document it and as the CLIs read it; none of it was asked for with
 * an account.
 */
import { type Step, nobodysUrl } from "./model-server.ts";
import { agentEnv } from "./agents.ts";
import { join } from "node:path";

export type Agent = "claude" | "codex";
export const models: Record<Agent, string> = { claude: "sonnet", codex: "gpt-5.5" };

/** One way to fail; what comes after its steps is the caller's. */
export interface Failure {
  name: string;
  agent: Agent;
  /** As a table tells it. */
  what: string;
  steps: Step[];
  /** A plan's limits are known only to who is logged in to a plan. */
  login?: "plan";
  /** Epoch seconds. */
  resetsAt?: number;
  /** There is no server. */
  isRefused?: boolean;
}

type Headers = Record<string, string>;
const error = (status: number, body: unknown, headers: Headers = {}): Step => ({
  error: { status, body, headers },
  lasts: true,
});
const anthropic = (status: number, type: string, message: string, headers?: Headers) =>
  error(status, { type: "error", error: { type, message } }, headers);
const openai = (status: number, type: string, code: string, message: string, headers?: Headers) =>
  error(status, { error: { message, type, param: null, code } }, headers);

const requestLimit = "This request would exceed your account's rate limit. Please try again later.";
const tokenLimit =
  "Rate limit reached for gpt-5.5 in organization org-x on tokens per min (TPM): Limit 30000, Used 30000, Requested 1000.";

/** The plan's limit is reached, and lifted then: epoch seconds. */
export const planLimit: Record<Agent, (resetsAt: number) => Step> = {
  claude: (resetsAt) =>
    anthropic(429, "rate_limit_error", requestLimit, {
      "anthropic-ratelimit-unified-status": "rejected",
      "anthropic-ratelimit-unified-reset": String(resetsAt),
      "anthropic-ratelimit-unified-representative-claim": "five_hour",
    }),
  codex: (resetsAt) =>
    error(429, {
      error: {
        type: "usage_limit_reached",
        message: "The usage limit has been reached",
        plan_type: "plus",
        resets_at: resetsAt,
        resets_in_seconds: Math.max(0, resetsAt - Math.floor(Date.now() / 1_000)),
      },
    }),
};

export const inSeconds = (seconds: number) => Math.ceil(Date.now() / 1_000) + seconds;
const hour = 3_600;
const inAnHour = inSeconds(hour);

const claudes: Omit<Failure, "agent">[] = [
  {
    name: "401",
    what: "401: a bad key",
    steps: [anthropic(401, "authentication_error", "invalid x-api-key")],
  },
  {
    name: "403",
    what: "403: not allowed",
    steps: [
      anthropic(
        403,
        "permission_error",
        "Your API key does not have permission to use the specified resource.",
      ),
    ],
  },
  {
    name: "credit",
    what: "400: no credit left",
    steps: [
      anthropic(
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
      ),
    ],
  },
  {
    name: "404",
    what: "404: no such model",
    steps: [anthropic(404, "not_found_error", "model: claude-sonnet-5-5")],
  },
  {
    name: "429",
    what: "429, without a word about when",
    steps: [anthropic(429, "rate_limit_error", requestLimit)],
  },
  {
    name: "429-later",
    what: "429, `retry-after: 45`",
    steps: [anthropic(429, "rate_limit_error", requestLimit, { "retry-after": "45" })],
  },
  {
    name: "limit",
    what: "429: the plan's limit, for an hour",
    login: "plan",
    resetsAt: inAnHour,
    steps: [planLimit.claude(inAnHour)],
  },
  {
    name: "busy",
    what: "529: overloaded",
    steps: [anthropic(529, "overloaded_error", "Overloaded")],
  },
  {
    name: "long",
    what: "400: the prompt is too long",
    steps: [
      anthropic(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"),
    ],
  },
];

const codexes: Omit<Failure, "agent">[] = [
  {
    name: "401",
    what: "401: a bad key",
    steps: [
      openai(
        401,
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided: scripted. You can find your API key at https://platform.openai.com/account/api-keys.",
      ),
    ],
  },
  {
    name: "403",
    what: "403: not allowed",
    steps: [
      openai(403, "permission_error", "forbidden", "You do not have access to this organization."),
    ],
  },
  {
    name: "credit",
    what: "429: no quota left",
    steps: [
      openai(
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
      ),
    ],
  },
  {
    name: "404",
    what: "404: no such model",
    steps: [
      openai(
        404,
        "invalid_request_error",
        "model_not_found",
        "The model `gpt-5.5` does not exist or you do not have access to it.",
      ),
    ],
  },
  {
    name: "429",
    what: "429, without a word about when",
    steps: [openai(429, "tokens", "rate_limit_exceeded", tokenLimit)],
  },
  {
    name: "429-later",
    what: "429, `retry-after: 3600`",
    steps: [
      openai(429, "tokens", "rate_limit_exceeded", tokenLimit, { "retry-after": String(hour) }),
    ],
  },
  {
    name: "limit",
    what: "429: the plan's limit, for an hour",
    resetsAt: inAnHour,
    steps: [planLimit.codex(inAnHour)],
  },
  {
    name: "full",
    what: "503: the model is at capacity",
    steps: [
      openai(
        503,
        "server_error",
        "server_is_overloaded",
        "The server is currently overloaded with other requests.",
      ),
    ],
  },
  {
    name: "busy",
    what: "503: not available",
    steps: [openai(503, "server_error", "server_error", "Service unavailable")],
  },
  {
    name: "long",
    what: "400: the prompt is too long",
    steps: [
      openai(
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
      ),
    ],
  },
];

/** What happens to a connection is no service's own. */
const connections: Omit<Failure, "agent">[] = [
  { name: "gateway", what: "502 of a gateway", steps: [error(502, { message: "Bad Gateway" })] },
  { name: "refused", what: "connection refused", steps: [], isRefused: true },
  {
    name: "drop",
    what: "every answer breaks off in the middle",
    steps: [{ drop: true, lasts: true }],
  },
  {
    name: "drop-once",
    what: "one answer breaks off, the next is whole",
    steps: [{ drop: true }],
  },
  { name: "hang", what: "no answer", steps: [{ hang: true, lasts: true }] },
];

const of = (agent: Agent, own: Omit<Failure, "agent">[]): Failure[] =>
  [...own, ...connections].map((failure) => ({ ...failure, agent }));
export const failures: Failure[] = [...of("claude", claudes), ...of("codex", codexes)];

/** Variables for a command that is to fail so, in place of a stage's. */
export async function envOf(
  { login, isRefused }: Failure,
  folder: string,
): Promise<Record<string, string | undefined>> {
  if (login === "plan")
    return { ANTHROPIC_API_KEY: undefined, CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-scripted" };
  if (!isRefused) return {};
  const { ANTHROPIC_BASE_URL, CODEX_HOME } = await agentEnv(join(folder, "nobody"), nobodysUrl);
  return { ANTHROPIC_BASE_URL, CODEX_HOME };
}
