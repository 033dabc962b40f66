import { describe, expect, test } from "bun:test";
import { parentsFirst } from "../../src/core/order.ts";

/** `b after a c` */
const task = (words: string) => {
  const [id, after = ""] = words.split(" after ");
  return { id: id === "-" ? null : id!, after: after.split(" ").filter((name) => name !== "") };
};
const idsOf = (tasks: readonly { id: string | null }[]) => tasks.map(({ id }) => id ?? "-");

describe("parents come first, else all stays as it stands", () => {
  test.each<[what: string, tasks: string[], order: string]>([
    ["none", [], ""],
    ["one", ["a"], "a"],
    ["none comes after another", ["c", "a", "b"], "c a b"],
    ["already in order", ["a", "b after a", "c after b"], "a b c"],
    ["the other way round", ["c after b", "b after a", "a"], "a b c"],
    ["a child in the midst", ["x", "b after a", "y", "a", "z"], "x a b y z"],
    ["two parents, as they are named", ["c after b a", "a", "b"], "b a c"],
    ["a diamond", ["d after b c", "b after a", "c after a", "a"], "a b c d"],
    ["a diamond on its side", ["a", "d after b c", "c after a", "b after a"], "a b c d"],
    ["named twice", ["b after a a", "a"], "a b"],
    ["after what is not among them", ["b after elsewhere", "a"], "b a"],
    ["without an id", ["- after b", "-", "b after a", "a"], "a b - -"],
  ])("%s", (_, tasks, order) => {
    const given = tasks.map(task);
    const { ordered, circle } = parentsFirst(given);
    expect(circle).toBeNull();
    expect(idsOf(ordered!).join(" ")).toBe(order);
    // The very ones.
    expect(new Set(ordered)).toEqual(new Set(given));
  });

  test("hundreds, each after the one below it", () => {
    const names = Array.from({ length: 500 }, (_, index) => `t${index}`);
    const tasks = names.map((id, index) => ({ id, after: names.slice(index + 1, index + 2) }));
    expect(idsOf(parentsFirst(tasks).ordered!)).toEqual(names.toReversed());
  });

  test("more than calls can be nested", () => {
    const tasks = Array.from({ length: 50_000 }, (_, at) => ({
      id: `t${at}`,
      after: [`t${at + 1}`],
    }));
    expect(parentsFirst(tasks).ordered!.length).toBe(tasks.length);
  });

  test("hundreds, each after all before it", () => {
    const names = Array.from({ length: 200 }, (_, index) => `t${index}`);
    const tasks = names.map((id, index) => ({ id, after: names.slice(0, index) })).toReversed();
    expect(idsOf(parentsFirst(tasks).ordered!)).toEqual(names);
  });
});

test.each<[what: string, tasks: string[], circle: string]>([
  ["after itself", ["a after a"], "a a"],
  ["two", ["a after b", "b after a"], "a b a"],
  ["three", ["a after b", "b after c", "c after a"], "a b c a"],
  ["behind one that leads into it", ["x after a", "a after b", "b after a"], "a b a"],
  ["beside those that are well", ["x", "y after x", "a after x b", "b after y a"], "a b a"],
  ["beside a parent that is well", ["a after x b", "b after a", "x"], "a b a"],
  ["one that has no id leads into it", ["- after a", "a after a"], "a a"],
])("a circle, in which none could ever start: %s", (_, tasks, circle) => {
  expect(parentsFirst(tasks.map(task))).toEqual({ ordered: null, circle: circle.split(" ") });
});
