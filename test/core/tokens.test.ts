import { describe, expect, test } from "bun:test";
import { estimateTokens } from "../../src/core/tokens.ts";

describe("an estimate of tokens", () => {
  test("nothing costs nothing; of a long text the start stands for all of it", () => {
    expect(estimateTokens("")).toBe(0);
    expect(estimateTokens("dispatch status")).toBe(2);
    const long = "dispatch status ".repeat(100_000);
    expect(estimateTokens(long) / estimateTokens(long.slice(0, 1_600))).toBeCloseTo(1_000, -2);
  });

  test.each([["a"], [" "], ["\n"], ["A"], ["."], ["é"], ["用"], ["7"], ["\ud800"], [" a\n.7A"]])(
    "it comes back at once from many of %j",
    (text) => {
      const began = performance.now();
      const estimate = estimateTokens(text.repeat(1_000_000 / text.length));
      expect(performance.now() - began).toBeLessThan(500);
      expect(estimate).toBeGreaterThan(0);
      expect(estimate).toBeLessThanOrEqual(1_000_000);
    },
  );
});
