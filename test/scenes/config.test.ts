/** The config's commands: edits keep a person's comments and order, and break nothing. */

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scene } from "./scene.ts";

const mine = `# my models
default: opus # the good one

models:
  # Anthropic
  opus: { backend: claude }
  # Google
  gemini-3.1-pro: { backend: cursor }   # fast

aliases:
  reviewer: { model: opus, prompt: "You review." } # strict
`;

function withMine() {
  const s = scene();
  s.config(mine);
  const path = join(s.env["DISPATCH_HOME"]!, "config.yaml");
  return { ...s, path, read: () => readFileSync(path, "utf8") };
}

test("models and aliases come and go, each beside its kin, comments and order kept", async () => {
  const s = withMine();
  expect((await s.dispatch("config", "add-model", "sonnet", "--backend", "claude")).out).toBe(
    "model sonnet: served by claude\n",
  );
  expect(
    (await s.dispatch("config", "add-alias", "quick", "--model", "sonnet", "--prompt", "Be quick."))
      .out,
  ).toBe("alias quick: sonnet\n");
  expect((await s.dispatch("config", "default", "quick")).out).toBe("default: quick\n");
  expect((await s.dispatch("config", "default")).out).toBe("quick\n");
  const edited = s.read();
  expect(edited).toContain("# my models\ndefault: quick # the good one\n");
  expect(edited).toContain(
    "  opus: { backend: claude }\n  sonnet: { backend: claude }\n  # Google\n",
  );
  expect(edited).toContain("# fast\n");
  expect(edited).toContain("# strict\n");
  expect(await s.dispatch("config", "remove-model", "sonnet")).toMatchObject({
    exit: 4,
    err: "error: sonnet is used by quick\nhint: change that first\n",
  });

  await s.dispatch("config", "default", "opus");
  expect((await s.dispatch("config", "remove-alias", "quick")).out).toBe("removed alias quick\n");
  expect((await s.dispatch("config", "remove-model", "sonnet")).out).toBe("removed model sonnet\n");
  expect(s.read()).not.toContain("sonnet");
  expect(await s.dispatch("config", "check")).toMatchObject({
    exit: 0,
    out: `${s.path} can be used\n`,
  });
});

test.each([
  [
    "a table with nothing in it but comments",
    "models: # mine\n  # none yet\n",
    "models:\n  # mine\n  # none yet\n  opus: { backend: claude }\n",
  ],
  [
    "a model that is there, with its own",
    "models:\n  opus:\n    # for now\n    backend: cursor # slow\n",
    "models:\n  opus:\n    # for now\n    backend: claude # slow\n",
  ],
  [
    "a table that stands elsewhere",
    "mine: &mine\n  haiku: { backend: claude }\nmodels: *mine\n",
    "mine: &mine\n  haiku: { backend: claude }\n  opus: { backend: claude }\nmodels: *mine\n",
  ],
])("a model is added to %s, and nothing is lost", async (_, before, after) => {
  const s = withMine();
  writeFileSync(s.path, before);
  await s.dispatch("config", "add-model", "opus", "--backend", "claude");
  expect(s.read()).toBe(after);
});

test("show, path and models", async () => {
  const s = withMine();
  expect((await s.dispatch("config", "show")).out).toBe(mine);
  expect((await s.dispatch("config")).out).toBe(mine);
  expect((await s.dispatch("config", "path")).out).toBe(`${s.path}\n`);
  expect((await s.dispatch("models")).out).toBe(
    "claude (not installed): opus (default)\ncursor (not installed): gemini-3.1-pro\naliases: reviewer → opus\n",
  );
  s.program("codex", `echo '{"models":[{"slug":"gpt-9","visibility":"list"}]}'`);
  const refreshed = await s.dispatch("models", "--refresh", "--json");
  expect(JSON.parse(refreshed.out).models).toContainEqual({
    name: "gpt-9",
    backend: "codex",
    installed: true,
  });
  expect(s.read()).toContain("gpt-9: { backend: codex }");
});

test("an edit that would break the config changes nothing", async () => {
  const s = withMine();
  writeFileSync(s.path, mine.replace("model: opus", "model: nothing"));
  const before = s.read();
  expect(await s.dispatch("config", "add-model", "x", "--backend", "claude")).toMatchObject({
    exit: 1,
  });
  expect(s.read()).toBe(before);
});

test("an alias puts its prompt first", async () => {
  const s = scene();
  s.config(
    "default: loud\nbackends: { shows_prompt: { command: shows_prompt } }\nmodels: { shows: { backend: shows_prompt } }\naliases: { loud: { model: shows, prompt: SHOUT. } }\n",
  );
  await s.dispatch("run", "--id", "it", "x");
  await s.dispatch("wait");
  expect(s.file("it", "output.md")).toStartWith("SHOUT.\n\nYour plan is");
});
