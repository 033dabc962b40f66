import { defineCommand } from "citty";
import { notFound } from "../core/error.ts";
import { didYouMean } from "../core/text.ts";
import { json } from "../cli/arguments.ts";
import { print, printJson } from "../render/write.ts";
import batch from "../guide/batch.md" with { type: "text" };
import config from "../guide/config.md" with { type: "text" };
import failures from "../guide/failures.md" with { type: "text" };
import files from "../guide/files.md" with { type: "text" };
import hosts from "../guide/hosts.md" with { type: "text" };
import plans from "../guide/plans.md" with { type: "text" };
import questions from "../guide/questions.md" with { type: "text" };
import worktrees from "../guide/worktrees.md" with { type: "text" };
import workers from "../guide/workers.md" with { type: "text" };

const topics: Record<string, string> = {
  plans,
  batch,
  questions,
  failures,
  worktrees,
  config,
  hosts,
  workers,
  files,
};

const args = {
  topic: {
    type: "positional",
    required: false,
    description: `one of: ${Object.keys(topics).join(", ")}`,
  },
  json,
} as const;

export default defineCommand({
  meta: { name: "guide", description: "how things work, a page a topic" },
  args,
  run({ args: given }) {
    const names = Object.keys(topics);
    const { topic } = given;
    if (topic === undefined) {
      return given.json
        ? printJson({ schema: 1, topics: names })
        : print(`topics: ${names.join(", ")}\ndispatch guide TOPIC`);
    }
    if (!Object.hasOwn(topics, topic)) {
      throw notFound(
        "unknown_topic",
        `no topic ${topic}${didYouMean(topic, names)}`,
        `topics: ${names.join(", ")}`,
      );
    }
    const text = topics[topic]!;
    if (given.json) printJson({ schema: 1, topic, text });
    else print(text);
  },
});
