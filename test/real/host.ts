/**
 * The real `claude` as a person uses it: in a terminal (tmux), at its prompt, with a scratch HOME
 * and the scripted model server. Nothing here sleeps: whatever the terminal is sent wakes the
 * waiting for what it is to show.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LoggedRequest, Scenario, Step } from "./model-server.ts";
import { stage } from "./stage.ts";

interface Host {
  /** Types a line at the prompt and sends it. */
  say(text: string): Promise<void>;
  /** Resolves once the screen shows it. */
  shows(pattern: RegExp): Promise<void>;
  screen(): string;
  pid: number;
  /** As a closed laptop, or the kernel short of memory, would do it. */
  kill(): void;
  /** Takes the terminal away. */
  close(): void;
}

/** What brings the CLI straight to its prompt: no onboarding, no question about key, trust or mode. */
export function settle(home: string, projects: string[]): void {
  const known = Object.fromEntries(
    projects.map((project) => [project, { hasTrustDialogAccepted: true }]),
  );
  const state = {
    hasCompletedOnboarding: true,
    hasSeenAutoDefaultNotice: true,
    hasSeenAutoDefaultNudge: true,
    customApiKeyResponses: { approved: ["scripted"] },
    projects: known,
  };
  writeFileSync(join(home, ".claude.json"), JSON.stringify(state));
  mkdirSync(join(home, ".claude"), { recursive: true });
}

/** Starts a CLI in a terminal of its own and returns once it is at its prompt. */
export async function startHost(
  folder: string,
  project: string,
  env: Record<string, string>,
  ...argv: string[]
): Promise<Host> {
  const name = crypto.randomUUID().slice(0, 8);
  const socket = join(folder, `${name}.tmux`);
  const fifo = join(folder, `${name}.fifo`);
  const tmux = (...args: string[]) =>
    Bun.spawnSync(["tmux", "-S", socket, "-f", "/dev/null", ...args], { env, cwd: project });
  const screen = () => tmux("capture-pane", "-p", "-t", "main").stdout.toString();

  Bun.spawnSync(["mkfifo", fifo]);
  const assignments = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  const terminal = ["TERM=xterm-256color", "SHELL=/bin/sh"];
  const command = ["env", "-i", ...assignments, ...terminal, ...argv];
  tmux("new-session", "-d", "-x", "150", "-y", "50", "-c", project, "-s", "main", ...command);
  const pid = Number(tmux("list-panes", "-t", "main", "-F", "#{pane_pid}").stdout.toString());
  if (!(pid > 0)) throw new Error(`tmux did not start ${argv[0]}`);
  tmux("pipe-pane", "-t", "main", `cat >${fifo}`);

  // Every byte that the terminal is sent is a reason to look at it again.
  const watchers = new Set<() => void>();
  const reader = Bun.file(fifo).stream().getReader();
  void (async () => {
    while (!(await reader.read()).done) for (const look of watchers) look();
  })();
  const shows = (pattern: RegExp) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!pattern.test(screen())) return;
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      look();
    });

  await shows(/^\s*[❯›]\s/m);
  return {
    pid,
    screen,
    shows,
    async say(text) {
      tmux("send-keys", "-t", "main", "-l", text);
      const tail = text.slice(-20).replaceAll(/[^\w ]/g, ".");
      // Behind the last prompt: its words may stand above too, and Enter must not come before them.
      await shows(new RegExp(`[❯›][^❯›]*${tail}[^❯›]*$`));
      tmux("send-keys", "-t", "main", "Enter");
    },
    kill: () => process.kill(pid, "SIGKILL"),
    close: () => void tmux("kill-server"),
  };
}

/** A Codex that is as settled, and works without its daemon. */
function settleCodex(home: string, project: string, env: Record<string, string>, url: string) {
  const config = `model_provider = "local"
# Any other is asked about at its start.
model = "gpt-6.1-sol"
check_for_update_on_startup = false
[model_providers.local]
name = "local"
base_url = "${url}/v1"
wire_api = "responses"
env_key = "CODEX_API_KEY"
[analytics]
enabled = false
[feedback]
enabled = false
[projects."${project}"]
trust_level = "trusted"
`;
  writeFileSync(join(home, ".codex/config.toml"), config);
  // Its shells are login shells.
  writeFileSync(join(home, ".profile"), `export PATH=${env["PATH"]}\n`);
}

export const shell = (command: string): Step => ({ shell: command });
export const text = (words: string): Step => ({ text: words });

/** A worker of task `id`: does the steps, waits at its gate, ticks everything. */
export const worker = (id: string, ...steps: Step[]) => ({
  match: `.dispatch/tasks/${id}/plan.md`,
  steps: [
    ...steps,
    shell(`read -r go <gate-${id}; sed -i 's/- \\[ \\]/- [x]/' .dispatch/tasks/${id}/plan.md`),
    text(`Finished ${id}.`),
  ],
});
export const asks = (question: string): Step => ({
  poll: {
    shell: `dispatch ask "${question}" --option red --option blue`,
    until: "^(red|blue)$",
    next: "run: (.*)$",
  },
});

/** What a request adds to the conversation: all behind the model's last words. */
export function added({ body }: LoggedRequest): string {
  const messages: any[] = body.messages;
  const from = messages.findLastIndex(({ role }) => role === "assistant");
  return messages
    .slice(from + 1)
    .flatMap(({ content }) => content)
    .map((block) => (typeof block === "string" ? block : (block.text ?? textOf(block.content))))
    .join("\n");
}
const textOf = (content: any): string =>
  typeof content === "string" ? content : (content ?? []).map(({ text }: any) => text).join("\n");

/** The host's own requests: those of no worker's scenario. */
export const ofHost = (request: LoggedRequest) => !request.side && request.match === null;

/**
 * A stage with a host on it: the skill installed as a person does it, manual permissions, and for
 * each worker's scenario a gate (a FIFO) in the project. The host's own scenario has no `match`.
 */
export async function hostStage(...scenarios: Scenario[]) {
  const s = await stage(scenarios);
  settle(s.home, [s.project]);
  const set = (permissions: object) =>
    writeFileSync(join(s.home, ".claude/settings.json"), JSON.stringify({ permissions }));
  set({ defaultMode: "default" });
  const installed = await s.dispatch("skill", "install", "--yes");
  if (installed.exit !== 0) throw new Error(installed.err);
  for (const { match } of scenarios) {
    const id = match?.split("/")[2];
    if (id !== undefined) Bun.spawnSync(["mkfifo", join(s.project, `gate-${id}`)]);
  }
  return {
    ...s,
    withoutHooks: () => set({ defaultMode: "default", allow: ["Bash(dispatch:*)"] }),
    /** Opening a FIFO for writing waits until the worker reads it: in another process, this one has a server. */
    open: (id: string) =>
      Bun.spawn(["sh", "-c", 'echo go >"$1"', "sh", join(s.project, `gate-${id}`)]).exited,
    /** The host's request that adds this text. */
    hears: (words: string) =>
      s.server.arrival((request) => ofHost(request) && added(request).includes(words)),
    codex: () => {
      settleCodex(s.home, s.project, s.env, s.server.url);
      return startHost(s.folder, s.project, s.env, "codex", "--no-daemon");
    },
    host: (...argv: string[]) => startHost(s.folder, s.project, s.env, "claude", ...argv),
  };
}
