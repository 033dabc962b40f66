import { defineCommand } from "citty";
import { json } from "../cli/arguments.ts";
import { chooseDefault, setupText } from "../cli/configured.ts";
import { print, printJson } from "../render/write.ts";
import { setUp } from "../supervise/setup.ts";

const args = { json } as const;

export default defineCommand({
  meta: {
    name: "setup",
    description: "find the installed agent CLIs and their models; your edits stay",
  },
  args,
  async run({ args: given }) {
    const result = await setUp(chooseDefault);
    if (!given.json) return print(setupText(result));
    printJson({
      schema: 1,
      config: result.loaded.path,
      default: result.loaded.config.default,
      backends: result.found.map(({ backend }) => backend),
      added: result.added,
    });
  },
});
