/** Writes docs/schema/*.json, the JSON Schemas of what `--json` prints: `bun scripts/schemas.ts`. */

import { toJsonSchema } from "@valibot/to-json-schema";
import { errorJson, eventJson, statsJson, statusJson } from "../src/core/json.ts";

const plain = (schema: Parameters<typeof toJsonSchema>[0]) =>
  JSON.parse(JSON.stringify(toJsonSchema(schema)));

export const schemas = {
  status: plain(statusJson),
  event: plain(eventJson),
  stats: plain(statsJson),
  error: plain(errorJson),
};

if (import.meta.main) {
  for (const [name, schema] of Object.entries(schemas)) {
    await Bun.write(
      `${import.meta.dir}/../docs/schema/${name}.json`,
      `${JSON.stringify(schema, null, 2)}\n`,
    );
  }
}
