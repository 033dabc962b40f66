/** What its own commands cost a host session, noted at the end of each. */

import { countAsPaid, tokensPaid } from "../render/write.ts";
import { hostSession } from "../unix/host.ts";

/**
 * Nothing for a person, nor for a worker, whose context is nobody's; nor where there is no
 * `.dispatch`. What cannot be noted keeps nothing from being done.
 */
export async function notePaid(argv: readonly string[]): Promise<void> {
  if (hostSession(process.env) === null || process.env["DISPATCH_TASK"]) return;
  // A hook's command is none of the session's words.
  if (argv[0] !== "hook") countAsPaid(["dispatch", ...argv].join(" "));
  const tokens = tokensPaid();
  if (tokens === 0) return;
  try {
    const { currentProject } = await import("./project.ts");
    const { addPaid } = await import("../store/paid.ts");
    addPaid(currentProject(), performance.timeOrigin, tokens);
  } catch {
    // A full disk, say.
  }
}
