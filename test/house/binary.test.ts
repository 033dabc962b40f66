/** What must not be in the binary. */

import { expect, test } from "bun:test";
import { join } from "node:path";

test("nothing in it listens to the chaos suite", async () => {
  const bytes = Buffer.from(await Bun.file(join(import.meta.dir, "../../dist/dispatch")).bytes());
  for (const text of ["DISPATCH_STEP", "CHAOS"]) expect(bytes.includes(text), text).toBe(false);
});
