/**
 * Builds `dist/dispatch`, one file, and asks it for its version: a binary whose
 * bytecode is broken is built without a word and only fails when it is run. With
 * --chaos it is `dist/dispatch-chaos`, which can be told to end at a step (see
 * src/store/step.ts); of that nothing is left in the other.
 *
 * The two --no-compile-autoload flags keep it from loading `.env`, and from
 * executing the `bunfig.toml` preload, of whatever folder it is run in.
 */

import { mkdirSync, rmSync } from "node:fs";
import { version } from "../package.json" with { type: "json" };

const isChaos = process.argv.includes("--chaos");
const outfile = isChaos ? "dist/dispatch-chaos" : "dist/dispatch";
const flags = [
  "--compile",
  "--format=esm",
  "--minify",
  "--bytecode",
  "--splitting",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  `--define=process.env.CHAOS="${isChaos ? "yes" : "no"}"`,
];

process.chdir(`${import.meta.dir}/..`);
mkdirSync("dist", { recursive: true });
// A binary that is running cannot be written to, but it can be unlinked.
rmSync(outfile, { force: true });
const build = Bun.spawnSync(
  [process.execPath, "build", ...flags, `--outfile=${outfile}`, "src/main.ts"],
  {
    stdio: ["ignore", "ignore", "inherit"],
  },
);
if (build.exitCode !== 0) process.exit(1);

const answer = Bun.spawnSync([outfile, "--version"]).stdout.toString().trim();
if (answer !== version) {
  console.error(`${outfile} --version printed ${JSON.stringify(answer)}, expected ${version}`);
  process.exit(1);
}
console.log(`${outfile} ${version}, ${(Bun.file(outfile).size / 1e6).toFixed(0)} MB`);
