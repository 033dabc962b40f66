/** What can be named instead of a model that will not do, and keeping such a choice. */

import type { Config } from "../core/config.ts";
import type { State } from "../core/state.ts";
import type { Facts } from "../core/task.ts";
import { backendNames } from "../backends/index.ts";
import { editConfig, loadConfig, mapAt } from "../store/config-file.ts";
import { readPause } from "../store/places.ts";
import { installedBackends } from "./discover.ts";

const mostNamed = 3;

/**
 * Models of the config that can run now, where the task failed for want of one: of other
 * backends where all of its own will not do.
 */
export function otherModels({ run }: Facts, state: State): string[] {
  const config = state.kind === "failed" ? loadConfig(backendNames)?.config : undefined;
  if (state.kind !== "failed" || config === undefined || run?.record == null) return [];
  const { backend, model, streak } = run.record;
  const isOnlyModel = state.cause === "model_unavailable";
  const installed = installedBackends().map(({ name }) => name);
  const canRun = (name: string) =>
    (installed.includes(name) || config.backends[name]?.command != null) &&
    readPause(name, Date.now()) === null;
  const others = Object.entries(config.models).filter(
    ([name, each]) =>
      name !== model &&
      !streak.tried.includes(name) &&
      (isOnlyModel || each.backend !== backend) &&
      canRun(each.backend),
  );
  // One of each backend first.
  const seen = new Set<string>();
  const isFirst = ([, each]: (typeof others)[number]) =>
    !seen.has(each.backend) && Boolean(seen.add(each.backend));
  const firsts = others.filter(isFirst);
  const rest = others.filter((each) => !firsts.includes(each));
  return [...firsts, ...rest].slice(0, mostNamed).map(([name]) => name);
}

/**
 * Makes `model` what is used from now on where the task's own would not do: the
 * alias's model, the default, or else the first that its model falls back to.
 *
 * @returns what was changed, for people
 */
export function saveChoice({ asked, run }: Facts, model: string, config: Config): string {
  const said = asked?.alias ?? run?.record?.said ?? asked?.model ?? "";
  let saved = "";
  editConfig(backendNames, (document) => {
    if (Object.hasOwn(config.aliases, said)) {
      document.setIn(["aliases", said, "model"], model);
      saved = `saved: ${said} is ${model} from now on`;
    } else if (config.default?.toLowerCase() === said.toLowerCase()) {
      document.set("default", model);
      saved = `saved: the default is ${model} from now on`;
    } else {
      const { backend, fallback = [] } = config.models[said] ?? {};
      const chain = document.createNode([model, ...fallback.filter((name) => name !== model)]);
      chain.flow = true;
      if (backend !== undefined) mapAt(document, "models");
      document.setIn(["models", said, "fallback"], chain);
      saved = `saved: where ${said} will not do, ${model} goes on`;
    }
  });
  return saved;
}
