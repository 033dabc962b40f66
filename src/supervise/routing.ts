/** Routing with the disk and the CLIs at hand: config, discovery, and what is learnt written back. */

import type { Config } from "../core/config.ts";
import { notFound } from "../core/error.ts";
import { type Discovered, route, type Route } from "../core/route.ts";
import { addModel, editConfig } from "../store/config-file.ts";
import { backendNames } from "../backends/index.ts";
import { discover, installedBackends, modelLists } from "./discover.ts";

/**
 * The route of a request. The CLIs are asked for their models only when a name
 * is not in the config; unknown names end with exit 3, a suggestion and the list.
 */
export async function findRoute(
  request: { prompt: string; model: string | null },
  config: Config,
): Promise<Route> {
  const installed = installedBackends().map(({ name }) => name);
  const withLists = (discovered: Discovered | null) =>
    route(request, config, { installed, discovered });

  let routing = withLists(null);
  if (routing.kind === "undecided") routing = withLists(modelLists(await discover()));
  switch (routing.kind) {
    case "routed":
      return routing.route;
    case "no_default":
      throw notFound(
        "no_default",
        "no model was named and the config has no default",
        "dispatch config default MODEL",
      );
    case "unknown":
    case "undecided": {
      const { name } = routing;
      const { suggestion, known } =
        routing.kind === "unknown" ? routing : { suggestion: null, known: [] };
      const didYouMean = suggestion === null ? "" : `; did you mean ${suggestion}?`;
      throw notFound(
        "unknown_model",
        `unknown model ${JSON.stringify(name)}${didYouMean}`,
        suggestion === null
          ? `known: ${known.slice(0, 10).join(", ")}${known.length > 10 ? ", …" : ""}; all: dispatch models; new ones: dispatch models --refresh`
          : "all names: dispatch models",
      );
    }
  }
}

/** A model that was found outside the config is added to it, so that it is known from now on. */
export function rememberModel({ isNew, model, backend }: Route): void {
  if (isNew) editConfig(backendNames, (document) => addModel(document, model, backend));
}
