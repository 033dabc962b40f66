import { defineCommand } from "citty";
import { json } from "../cli/arguments.ts";
import { configured } from "../cli/configured.ts";
import { currentProject } from "../cli/project.ts";
import { keepSupervised } from "../cli/supervising.ts";
import { derive, hasEnded, isLive, isMoving, type State } from "../core/state.ts";
import { statusText } from "../render/human.ts";
import { print, printJson } from "../render/write.ts";
import { observeAll } from "../supervise/observe.ts";
import { hostSession } from "../unix/host.ts";

const args = { json } as const;

const needsPerson = (state: State) =>
  state.kind === "waiting" ||
  state.kind === "blocked" ||
  (state.kind === "held" && state.untilMs === null);

const isQueued = (state: State) => isMoving(state) && !isLive(state);

/** `dispatch` alone: the config is loaded, and these tasks need you. */
export default defineCommand({
  meta: { name: "", description: "the config, and the tasks that need you" },
  args,
  async run({ args: given }) {
    const config = await configured();
    const project = currentProject();
    const all = observeAll(project);
    keepSupervised(project, all);
    const needy = all.filter((facts) => needsPerson(derive(facts)));
    const queued = all.filter((facts) => isQueued(derive(facts))).length;
    const running = all.filter((facts) => isLive(derive(facts))).length;
    if (given.json) {
      return printJson({
        schema: 1,
        default: config.default,
        tasks: all.length,
        running,
        queued,
        need_you: needy.map(({ id }) => id),
      });
    }
    const ended = all.filter((facts) => hasEnded(derive(facts))).length;
    const counts =
      all.length === 0
        ? "no tasks"
        : `${running} running, ${queued === 0 ? "" : `${queued} queued, `}${ended} ended`;
    print(
      `Config loaded; default: ${config.default ?? "none"}${config.confirmDefault ? "" : " (no need to confirm)"}; ${counts}.`,
    );
    if (needy.length > 0) print(statusText(needy, new Map(), () => [], false, Date.now()));
    // A host has its skill.
    if (hostSession(process.env) === null)
      print('next: dispatch run "…", dispatch status (all commands: dispatch --help)');
  },
});
