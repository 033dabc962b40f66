/** Which models can be named instead, for tasks that failed for want of one. */

import type { Cause } from "../core/stream.ts";
import { derive } from "../core/state.ts";
import type { Facts } from "../core/task.ts";

const wantsAnother: readonly Cause[] = [
  "auth",
  "billing",
  "cli_missing",
  "model_unavailable",
  "session_limit",
  "rate_limit",
  "overloaded",
];

export type Others = (facts: Facts) => readonly string[];

/** Reads the config only where one of them wants it: most looks do not. */
export async function othersFor(all: readonly Facts[]): Promise<Others> {
  const isWanting = (facts: Facts) => {
    const state = derive(facts);
    return state.kind === "failed" && wantsAnother.includes(state.cause);
  };
  if (!all.some(isWanting)) return () => [];
  const { otherModels } = await import("../supervise/choice.ts");
  return (facts) => {
    try {
      return isWanting(facts) ? otherModels(facts, derive(facts)) : [];
    } catch {
      // A config that cannot be read is told of by whoever needs it.
      return [];
    }
  };
}
