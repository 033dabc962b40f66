/**
 * A model server on loopback that plays a script instead of thinking.
 *
 * Real agent CLIs are pointed at it, so a test decides what "the model" says while everything
 * else (process, flags, tools, streams, signals) is the CLI's own. It speaks the two protocols
 * that our agents speak, each as little as they need:
 *
 *   Anthropic Messages   POST /v1/messages, /v1/messages/count_tokens       (claude)
 *   OpenAI Responses     POST /v1/responses; its WebSocket gets a 426, which
 *                        makes codex fall back to HTTP at once               (codex)
 *
 * A script is plain JSON: scenarios, each a list of steps. A scenario is chosen by a piece of
 * text in the conversation's user messages, so that several workers can share a server, and a
 * resumed session, whose requests carry the old conversation, goes on where it stopped. Progress
 * belongs to the scenario, not to the connection: a retry of a failed request gets the next step.
 *
 * Agents also ask small things on the side (titles, quota probes). Such a request offers the
 * model no shell; it gets a harmless answer and consumes nothing.
 */

/** One move of the scripted model. */
export type Step =
  /** The final words of a turn. */
  | { text: string }
  /** A shell command, through whichever shell tool the agent offers; followed until it exits. */
  | { shell: string; timeout_ms?: number }
  /**
   * A shell command that may have to be repeated: while its output does not match `until`, the
   * command captured by the only group of `next` is run instead. Both are matched per line.
   * A new user message (a resumed session) ends it too.
   */
  | { poll: { shell: string; until: string; next: string; timeout_ms?: number } }
  /** Any other tool, by its own name; a string as input for tools that take plain text. */
  | { tool: Call }
  /** Several tools in one message. */
  | { tools: Call[] }
  /** A pause before the next step of the same request. */
  | { delay_ms: number }
  | Failing;

/** Agents retry most of these: with `lasts` every further request gets the same. */
export type Failing = { lasts?: boolean } & (
  | { error: ScriptedError }
  /** No answer until the agent gives up or the server stops. */
  | { hang: true }
  /** An answer that breaks off in the middle. */
  | { drop: true }
);

/**
 * The body defaults to one that both protocols understand; `x-should-retry: false` among the
 * headers spares claude's retries.
 */
interface ScriptedError {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** A script for one worker. */
export interface Scenario {
  /** Text in a user message that selects this scenario; without it the scenario is the default. */
  match?: string;
  /** Played to this agent only, so that each of two that are told the same has a script of its own. */
  agent?: "claude" | "codex";
  steps: Step[];
  /** Tokens reported with every answer. */
  usage?: { input: number; output: number };
  /** The model that the service says has answered; else the one that was asked. */
  model?: string;
}

/** A request as it came in. */
export interface LoggedRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  /** Parsed JSON, or null. */
  body: any;
  /** True for what the agent asks on the side of its main conversation. */
  side: boolean;
  /** The `match` of the scenario that answered; null for the default one and for side requests. */
  match: string | null;
}

/** A running server. */
export interface ModelServer {
  /** Without a path: what ANTHROPIC_BASE_URL wants. */
  url: string;
  port: number;
  requests: LoggedRequest[];
  /** What should not have happened, such as "script exhausted"; a good test ends with none. */
  problems: string[];
  /** Steps that nobody has asked for yet, of one scenario (by its `match`) or of all. */
  left(match?: string): number;
  /** Resolves with the first request, past or future, that fits. */
  arrival(fits: (request: LoggedRequest) => boolean): Promise<LoggedRequest>;
  stop(): Promise<void>;
}

/** What a script needs to know of a request, whichever protocol it came by. */
interface Conversation {
  agent: "claude" | "codex";
  side: boolean;
  streams: boolean;
  userTexts: string[];
  /** The tool result that this request hands over; null when it starts with a user message. */
  result: string | null;
  /** How to wait for a shell command that has not ended yet (codex only). */
  unfinished: Call | null;
  tools: { name: string; type: string }[];
  model: string;
}

type Call = { name: string; input: unknown };
type Reply = { text: string } | { calls: Call[] };
type Usage = { input: number; output: number };

interface Dialect {
  read(body: any): Conversation;
  shell(command: string, timeoutMs: number | undefined, conversation: Conversation): Reply;
  /** The server-sent events of an answer, and the same answer in one piece. */
  write(
    reply: Reply,
    usage: Usage,
    conversation: Conversation,
  ): { events: { type: string }[]; whole: unknown };
}

interface Progress {
  scenario: Scenario;
  served: number;
  poll: { until: RegExp; next: RegExp; timeoutMs: number | undefined } | null;
  /** Output of a shell command that is still running. */
  partial: string;
}

const defaultUsage: Usage = { input: 1000, output: 50 };
const errorTypes: Record<number, string> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  529: "overloaded_error",
};

/** Where no server is: connections are refused. */
export const nobodysUrl = "http://127.0.0.1:9";

/** Starts a server on a free port of 127.0.0.1 (or on the given one). */
export function startModelServer(scenarios: Scenario | Scenario[], port = 0): ModelServer {
  const all: Progress[] = [scenarios]
    .flat()
    .map((scenario) => ({ scenario, served: 0, poll: null, partial: "" }));
  const requests: LoggedRequest[] = [];
  const problems: string[] = [];
  const waiting = new Set<(request: LoggedRequest) => void>();

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const entry: LoggedRequest = {
        method: request.method,
        path: pathname,
        headers: Object.fromEntries(request.headers),
        body: await request.json().catch(() => null),
        side: true,
        match: null,
      };
      const dialect = request.method === "POST" ? dialects[pathname] : undefined;
      const conversation = dialect?.read(entry.body);
      // Codex makes a title for an interactive session with all of its tools on offer.
      const title = '"thread_source":"thread_title"';
      if (conversation && request.headers.get("x-codex-turn-metadata")?.includes(title))
        conversation.side = true;
      const progress = conversation && !conversation.side ? choose(all, conversation) : undefined;
      entry.side = conversation?.side ?? true;
      entry.match = progress?.scenario.match ?? null;
      requests.push(entry);
      for (const tell of waiting) tell(entry);

      if (request.headers.has("upgrade")) return new Response(null, { status: 426 });
      if (pathname === "/v1/messages/count_tokens")
        return Response.json({ input_tokens: defaultUsage.input });
      if (!dialect || !conversation)
        return new Response(null, { status: request.method === "HEAD" ? 200 : 404 });
      if (conversation.side)
        return send(dialect, { text: "ok" }, { input: 1, output: 1 }, conversation);
      if (progress) return play(progress, dialect, conversation, problems);
      const problem = "no scenario for this conversation";
      problems.push(problem);
      return send(dialect, { text: problem }, defaultUsage, conversation);
    },
  });

  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port!,
    requests,
    problems,
    left: (match) =>
      all
        .filter(({ scenario }) => match === undefined || scenario.match === match)
        .reduce((sum, { scenario, served }) => sum + scenario.steps.length - served, 0),
    arrival: (fits) =>
      new Promise((resolve) => {
        const past = requests.find(fits);
        if (past) return resolve(past);
        waiting.add(function tell(request) {
          if (!fits(request)) return;
          waiting.delete(tell);
          resolve(request);
        });
      }),
    stop: () => server.stop(true),
  };
}

/** The scenario whose mark comes first in the conversation, else the default one. */
function choose(all: Progress[], { userTexts, agent }: Conversation): Progress | undefined {
  const its = all.filter(({ scenario }) => (scenario.agent ?? agent) === agent);
  for (const text of userTexts) {
    const marked = its.find(
      ({ scenario }) => scenario.match !== undefined && text.includes(scenario.match),
    );
    if (marked) return marked;
  }
  return its.find(({ scenario }) => scenario.match === undefined);
}

/** Answers one request of the main conversation with the next steps of its scenario. */
async function play(
  progress: Progress,
  dialect: Dialect,
  conversation: Conversation,
  problems: string[],
): Promise<Response> {
  const { scenario } = progress;
  const { model } = scenario;
  const reply = (answer: Reply) =>
    send(
      dialect,
      answer,
      scenario.usage ?? defaultUsage,
      model === undefined ? conversation : { ...conversation, model },
      model === undefined ? {} : { "openai-model": model },
    );
  const giveUp = (problem: string) => {
    problems.push(scenario.match === undefined ? problem : `${scenario.match}: ${problem}`);
    return reply({ text: problem });
  };

  const result = conversation.result === null ? null : progress.partial + conversation.result;
  if (result !== null && conversation.unfinished) {
    progress.partial = result;
    return reply({ calls: [conversation.unfinished] });
  }
  progress.partial = "";

  const { poll } = progress;
  if (poll && result !== null && !poll.until.test(result)) {
    const command = poll.next.exec(result)?.[1];
    if (command !== undefined) return reply(dialect.shell(command, poll.timeoutMs, conversation));
    progress.poll = null;
    return giveUp(`poll matches neither "until" nor "next": ${result}`);
  }
  progress.poll = null;

  const before = scenario.steps[progress.served - 1];
  if (before && "lasts" in before && before.lasts) return fail(before);
  for (;;) {
    const step = scenario.steps[progress.served];
    if (!step) return giveUp("script exhausted");
    progress.served += 1;
    if ("text" in step) return reply(step);
    if ("tool" in step) return reply({ calls: [step.tool] });
    if ("tools" in step) return reply({ calls: step.tools });
    if ("shell" in step) return reply(dialect.shell(step.shell, step.timeout_ms, conversation));
    if ("poll" in step) {
      const { shell, until, next, timeout_ms } = step.poll;
      progress.poll = {
        until: new RegExp(until, "m"),
        next: new RegExp(next, "m"),
        timeoutMs: timeout_ms,
      };
      return reply(dialect.shell(shell, timeout_ms, conversation));
    }
    if (!("delay_ms" in step)) return fail(step);
    await Bun.sleep(step.delay_ms);
  }

  function fail(step: Failing): Response | Promise<Response> {
    if ("error" in step) return refuse(step.error);
    return "drop" in step ? breakOff(dialect, conversation) : new Promise(() => {});
  }
}

function refuse({ status, body, headers = {} }: ScriptedError): Response {
  const type = errorTypes[status] ?? "api_error";
  return Response.json(
    body ?? { type: "error", error: { type, code: type, message: `scripted ${status}` } },
    { status, headers },
  );
}

function send(
  dialect: Dialect,
  reply: Reply,
  usage: Usage,
  conversation: Conversation,
  headers: Record<string, string> = {},
): Response {
  const { events, whole } = dialect.write(reply, usage, conversation);
  if (!conversation.streams) return Response.json(whole);
  return new Response(events.map(frame).join(""), {
    headers: { "content-type": "text/event-stream", ...headers },
  });
}

/** Sends the first half of an answer, then resets the connection. */
function breakOff(dialect: Dialect, conversation: Conversation): Response {
  const { events } = dialect.write({ text: "I begin" }, defaultUsage, conversation);
  const body = new ReadableStream({
    async pull(controller) {
      controller.enqueue(
        events
          .slice(0, events.length / 2)
          .map(frame)
          .join(""),
      );
      await Bun.sleep(10); // else the error overtakes what was sent
      controller.error(); // with a reason, Bun would print it
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

const frame = (event: { type: string }) =>
  `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
const newId = (prefix: string) => `${prefix}_${crypto.randomUUID().replaceAll("-", "")}`;

const anthropic: Dialect = {
  read(body) {
    // Newer versions put "system" messages between the others; they answer nothing.
    const messages: any[] = (body?.messages ?? []).filter(
      (message: any) => message.role !== "system",
    );
    const tools: any[] = body?.tools ?? [];
    const results = blocks(messages.at(-1)?.content).filter(
      (block) => block.type === "tool_result",
    );
    return {
      agent: "claude",
      side: !tools.some(({ name }) => name === "Bash"),
      streams: body?.stream === true,
      userTexts: messages
        .filter(({ role }) => role === "user")
        .map((message) => textOf(blocks(message.content))),
      result:
        results.length > 0
          ? results.map((block) => textOf(blocks(block.content))).join("\n")
          : null,
      unfinished: null,
      tools,
      model: body?.model ?? "",
    };
  },
  shell: (command, timeout) => ({
    calls: [
      {
        name: "Bash",
        input: { command, description: "Scripted step", ...(timeout && { timeout }) },
      },
    ],
  }),
  write(reply, { input, output }, { model }) {
    const content =
      "calls" in reply
        ? reply.calls.map((call) => ({ type: "tool_use", id: newId("toolu"), ...call }))
        : [{ type: "text", text: reply.text }];
    const stop = {
      stop_reason: "calls" in reply ? "tool_use" : "end_turn",
      stop_sequence: null,
    };
    const message = { id: newId("msg"), type: "message", role: "assistant", model };
    const unfinished = { content: [], stop_reason: null, stop_sequence: null };
    const usage = {
      input_tokens: input,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: output,
    };
    const pieces = content.flatMap((block, index) => {
      const [empty, delta] =
        "input" in block
          ? [
              { ...block, input: {} },
              { type: "input_json_delta", partial_json: JSON.stringify(block.input) },
            ]
          : [
              { ...block, text: "" },
              { type: "text_delta", text: block.text },
            ];
      return [
        { type: "content_block_start", index, content_block: empty },
        { type: "content_block_delta", index, delta },
        { type: "content_block_stop", index },
      ];
    });
    const events = [
      {
        type: "message_start",
        message: { ...message, ...unfinished, usage: { ...usage, output_tokens: 1 } },
      },
      ...pieces,
      { type: "message_delta", delta: stop, usage: { output_tokens: output } },
      { type: "message_stop" },
    ];
    return { events, whole: { ...message, content, ...stop, usage } };
  },
};

const openai: Dialect = {
  read(body) {
    const items: any[] = (body?.input ?? []).filter(
      (item: any) => item.role !== "developer" && item.role !== "system",
    );
    // The newest models are told their tools in the conversation, grouped by namespace.
    const groups: any[] = [
      ...(body?.tools ?? []),
      ...(body?.input ?? []).flatMap((item: any) => item.tools ?? []),
    ];
    const tools = groups
      .flatMap((group) => group.tools ?? [group])
      .map(({ name, type }: any) => ({ name: name ?? type, type }));
    const last = items.at(-1);
    const output = last?.type?.endsWith("_call_output") ? textOf(blocks(last.output)) : null;
    const unfinished = output === null ? null : waitFor(output);
    return {
      agent: "codex",
      side: !tools.some(({ name }) => name in shellInputs),
      streams: body?.stream === true,
      userTexts: items
        .filter(({ role }) => role === "user")
        .map((message) => textOf(blocks(message.content))),
      // The shell's own header (chunk, wall time, session) is cut from output that goes on.
      result: unfinished ? output!.replace(/^[^]*?^Output:\n/m, "") : output,
      unfinished,
      tools,
      model: body?.model ?? "",
    };
  },
  shell(command, timeout, { tools }) {
    const name = Object.keys(shellInputs).find((candidate) =>
      tools.some((tool) => tool.name === candidate),
    )!;
    return { calls: [{ name, input: shellInputs[name]!(command, timeout) }] };
  },
  write(reply, { input, output }, { model, tools }) {
    const items =
      "calls" in reply
        ? reply.calls.map((call) => callItem(call, tools))
        : [messageItem(reply.text)];
    const response = { id: newId("resp"), object: "response", model };
    const usage = {
      input_tokens: input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input + output,
    };
    const whole = { ...response, status: "completed", output: items, usage };
    const events = [
      { type: "response.created", response: { ...response, status: "in_progress" } },
      ...items.flatMap((item, index) => [
        {
          type: "response.output_item.added",
          output_index: index,
          item: { ...item, status: "in_progress" },
        },
        { type: "response.output_item.done", output_index: index, item },
      ]),
      { type: "response.completed", response: whole },
    ];
    return { events, whole };
  },
};

const dialects: Record<string, Dialect> = { "/v1/messages": anthropic, "/v1/responses": openai };

/** The shell tools that codex has offered so far, the newest first, and what they want to be told. */
const shellInputs: Record<string, (command: string, timeoutMs?: number) => unknown> = {
  // JavaScript that calls the tools ("code mode").
  exec: (
    command,
  ) => `let part = await tools.exec_command(${JSON.stringify({ cmd: command, yield_time_ms: 30_000 })});
let output = part.output;
while (part.session_id !== undefined) {
  part = await tools.write_stdin({ session_id: part.session_id, yield_time_ms: 30000 });
  output += part.output;
}
text(output);`,
  exec_command: (command) => ({ cmd: command, yield_time_ms: 30_000 }),
  shell_command: (command, timeout) => ({ command, timeout_ms: timeout }),
  shell: (command, timeout) => ({ command: ["bash", "-lc", command], timeout_ms: timeout }),
  local_shell: (command, timeout) => ({
    type: "exec",
    command: ["bash", "-lc", command],
    env: {},
    timeout_ms: timeout,
  }),
};

/** The call that goes on waiting, where the output says that the command still runs. */
function waitFor(output: string): Call | null {
  const session = /^Process running with session ID (\d+)$/m.exec(output)?.[1];
  if (session)
    return { name: "write_stdin", input: { session_id: Number(session), yield_time_ms: 30_000 } };
  const cell = /^Script running with cell ID (\S+)$/m.exec(output)?.[1];
  return cell ? { name: "wait", input: { cell_id: cell, yield_time_ms: 30_000 } } : null;
}

const messageItem = (text: string) => ({
  type: "message",
  id: newId("msg"),
  status: "completed",
  role: "assistant",
  content: [{ type: "output_text", text, annotations: [] }],
});

function callItem({ name, input }: Call, tools: Conversation["tools"]) {
  const call = { call_id: newId("call"), status: "completed" };
  const type = tools.find((tool) => tool.name === name)?.type;
  if (type === "local_shell") return { type: "local_shell_call", ...call, action: input };
  const text = typeof input === "string" ? input : JSON.stringify(input);
  if (type === "custom") return { type: "custom_tool_call", ...call, name, input: text };
  return { type: "function_call", id: newId("fc"), ...call, name, arguments: text };
}

/** The content of a message or of a tool result as blocks: both protocols allow a bare string. */
const blocks = (content: any): any[] =>
  typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []);

const textOf = (list: any[]): string =>
  list
    .map((block) => block.text)
    .filter((text) => typeof text === "string")
    .join("\n");
