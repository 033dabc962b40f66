import { expect, test } from "bun:test";
import { scene } from "./scene.ts";
import { appears, processesWith } from "./machine.ts";

test.each(["never_ends", "starts_tools", "ignores_term"])(
  "stop leaves nothing running of a worker that %s",
  async (model) => {
    const s = scene();
    await s.dispatch("run", "--model", model, "--id", "it", "x");
    await appears(`${s.env["GATES"]}/never`);
    const before = processesWith(`SCENE=${s.env["SCENE"]}`).length;
    expect(before).toBeGreaterThan(1);

    expect(await s.dispatch("stop", "it", "--grace", "400ms")).toEqual({
      exit: 0,
      out: "stopped it\n",
      err: "",
    });
    expect(processesWith(`SCENE=${s.env["SCENE"]}`)).toEqual([]);
    const { stdout } = Bun.spawnSync(["pgrep", "-f", "^sleep 1001$"]);
    expect(stdout.toString()).toBe("");
    expect((await s.task("it")).state).toBe("stopped");
    // Whoever stopped it is not told so.
    expect((await s.dispatch("wait")).out).toBe("");
    expect((await s.dispatch("stop", "it")).out).toBe(
      "it was not running; to give it up: dispatch clean it\n",
    );
  },
);

test("children that outlive a worker do not hide that it is done, and stop ends them", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "forks", "--id", "it", "x");
  expect((await s.dispatch("wait")).out).toContain("it done");
  await appears(`${s.env["GATES"]}/child`);
  expect(processesWith(`SCENE=${s.env["SCENE"]}`).length).toBeGreaterThan(0);
  await s.dispatch("stop", "it");
  expect(processesWith(`SCENE=${s.env["SCENE"]}`)).toEqual([]);
  expect((await s.task("it")).state).toBe("done");
});

test("a stopped task goes on where it was", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "never_ends", "--id", "it", "x");
  await s.dispatch("stop", "it");
  expect((await s.dispatch("resume", "it", "--model", "finishes")).exit).toBe(0);
  expect((await s.dispatch("wait")).out).toContain("it done");
});

test("clean removes what is done, refuses what runs, and says first what it would do", async () => {
  const s = scene();
  await s.dispatch("run", "--model", "finishes", "--id", "over", "x");
  await s.dispatch("run", "--model", "fails", "--id", "broken", "x");
  await s.dispatch("run", "--model", "never_ends", "--id", "live", "x");
  await s.dispatch("wait", "over", "broken", "--all");
  expect((await s.dispatch("clean", "--dry-run")).out).toBe("would remove over\n");
  expect(await s.dispatch("clean", "live")).toMatchObject({ exit: 4 });
  expect((await s.dispatch("clean")).out).toBe("removed over\n");
  expect((await s.dispatch("clean", "--all")).out).toBe("removed broken\n");
  expect((await s.dispatch("status", "--json")).out).toContain('"id":"live"');
  expect(s.file("over", "plan.md")).toBeNull();
  await s.dispatch("stop", "live");
});
