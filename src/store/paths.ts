/**
 * The only place that spells file names.
 *
 *     .dispatch/                     in the project's root
 *       .gitignore  staging/  told/
 *       tasks/<task-id>/
 *         plan.md  task.yaml  output.md  context.md
 *         worktree.json  setup.log
 *         notes/001.md
 *         ipc/001.question  001.answer  001.done  .done
 *         runs/001/prompt.md  command.json  log  pid  exit  stop  resume  check  check.log
 *         runs/000/stop  resume      of a task that has not started
 *       worktrees/dispatch-<task-id>/  rescued/<task-id>/<time>/
 *       journal.log  supervisor.lock  worktrees.lock
 *       spent.jsonl  paid.tsv
 *     ~/.dispatch/config.yaml        DISPATCH_HOME names another folder
 *     ~/.dispatch/places/  environments/  checks/  memory/  pauses/  admission.lock
 *     ~/.dispatch/skill.json         what `dispatch skill install` had to make
 */

import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

export const dispatchFolder = ".dispatch";

export interface ProjectPaths {
  root: string;
  folder: string;
  gitignore: string;
  /** Where folders are made whole before they are renamed into place. */
  staging: string;
  tasks: string;
  /** Git's isolated checkouts, one for each task that wants one. */
  worktrees: string;
  /** What git does not keep of worktrees that are gone. */
  rescued: string;
  /** What each host session has been told, where it lives, and who waits for it. */
  told: string;
  /** What was decided about its tasks and why, for people. */
  journal: string;
  /** What the runs of removed tasks spent; what host sessions paid. */
  spent: string;
  paid: string;
  /** Held by the project's supervisor. */
  supervisorLock: string;
  /** Held for a moment by whoever takes worktrees down. */
  worktreesLock: string;
}

export function projectPaths(root: string): ProjectPaths {
  const folder = `${root}/${dispatchFolder}`;
  return {
    root,
    folder,
    gitignore: `${folder}/.gitignore`,
    staging: `${folder}/staging`,
    tasks: `${folder}/tasks`,
    worktrees: `${folder}/worktrees`,
    rescued: `${folder}/rescued`,
    told: `${folder}/told`,
    journal: `${folder}/journal.log`,
    spent: `${folder}/spent.jsonl`,
    paid: `${folder}/paid.tsv`,
    supervisorLock: `${folder}/supervisor.lock`,
    worktreesLock: `${folder}/worktrees.lock`,
  };
}

/** Git names a worktree after its folder, among all of a repository: the prefix keeps it from others'. */
const worktreePrefix = "dispatch-";
export const worktreePath = (project: ProjectPaths, id: string) =>
  `${project.worktrees}/${worktreePrefix}${id}`;
/** The task whose worktree that folder is, or null for any other folder. */
export const worktreeTask = (folder: string) =>
  folder.startsWith(worktreePrefix) ? folder.slice(worktreePrefix.length) : null;
/** The worktree that a process rebases in, below `staging/`. */
export const rebaseName = (pid: number) => `rebase-${pid}`;
/** The process whose it is, or null for any other folder. */
export const rebaser = (folder: string) => {
  const pid = /^rebase-(\d+)$/.exec(folder)?.[1];
  return pid === undefined ? null : Number(pid);
};
/** The project's root for a folder that is a worktree of one of its tasks; any other folder as it is. */
export const rootAbove = (folder: string) =>
  /^(.+)\/\.dispatch\/worktrees\/dispatch-[a-z0-9-]+$/.exec(folder)?.[1] ?? folder;

/** @param name a session's: see store/told.ts */
export const ledgerPath = (project: ProjectPaths, name: string) => `${project.told}/${name}`;
export const hostPath = (project: ProjectPaths, name: string) => `${project.told}/${name}.host`;
/** The session that a file of that kind is about, or null for any other file. */
export const hostName = (file: string) => /^([0-9a-f]{16})\.host$/.exec(file)?.[1] ?? null;
/** @param who the process, or the session, that is waited for */
export const waiterPath = (project: ProjectPaths, who: string) => `${project.told}/${who}.waiter`;

export interface TaskPaths {
  id: string;
  folder: string;
  plan: string;
  asked: string;
  worktree: string;
  setupLog: string;
  output: string;
  context: string;
  notes: string;
  ipc: string;
  completionMark: string;
  runs: string;
}

export const taskPaths = (project: ProjectPaths, id: string): TaskPaths =>
  taskPathsIn(`${project.tasks}/${id}`, id);

export function taskPathsIn(folder: string, id: string): TaskPaths {
  const ipc = `${folder}/ipc`;
  return {
    id,
    folder,
    plan: `${folder}/plan.md`,
    asked: `${folder}/task.yaml`,
    worktree: `${folder}/worktree.json`,
    setupLog: `${folder}/setup.log`,
    output: `${folder}/output.md`,
    context: `${folder}/context.md`,
    notes: `${folder}/notes`,
    ipc,
    completionMark: `${ipc}/.done`,
    runs: `${folder}/runs`,
  };
}

/** Another task of the same project. */
export const besides = (task: TaskPaths, id: string): TaskPaths =>
  taskPathsIn(`${dirname(task.folder)}/${id}`, id);

export interface RunPaths {
  folder: string;
  prompt: string;
  record: string;
  log: string;
  pid: string;
  exit: string;
  stop: string;
  resume: string;
  /** What came of the check that followed the worker, and what it printed. */
  check: string;
  checkLog: string;
}

export function runPathsIn(folder: string): RunPaths {
  return {
    folder,
    prompt: `${folder}/prompt.md`,
    record: `${folder}/command.json`,
    log: `${folder}/${logName}`,
    pid: `${folder}/pid`,
    exit: `${folder}/exit`,
    stop: `${folder}/stop`,
    resume: `${folder}/resume`,
    check: `${folder}/check`,
    checkLog: `${folder}/check.log`,
  };
}

export const runPaths = (task: TaskPaths, number: number): RunPaths =>
  runPathsIn(join(task.runs, ordinal(number)));

/** The start of the name of a run's folder for temporary files; six random characters follow. */
export const tmpPrefix = (task: TaskPaths) => join(tmpdir(), `dispatch-${task.id.slice(0, 20)}-`);
/** Whether a path is one that `tmpPrefix` leads to. */
export const isTmpOf = (task: TaskPaths, path: string) =>
  path.startsWith(tmpPrefix(task)) && /^\w{6}$/.test(path.slice(tmpPrefix(task).length));

export const notesLock = (task: TaskPaths) => `${task.notes}/.lock`;

/** A run's log changes all the time and says nothing by itself. */
export const logName = "log";

/** 1 → "001": questions, notes and runs are counted so. */
export const ordinal = (count: number) => String(count).padStart(3, "0");

export const questionPath = (task: TaskPaths, number: string) => `${task.ipc}/${number}.question`;
export const answerPath = (task: TaskPaths, number: string) => `${task.ipc}/${number}.answer`;
export const ackPath = (task: TaskPaths, number: string) => `${task.ipc}/${number}.done`;

/** The number in a question's file name, or null for any other file. */
export const questionNumber = (name: string) => /^(\d{1,9})\.question$/.exec(name)?.[1] ?? null;

export const notePath = (task: TaskPaths, number: string) => `${task.notes}/${number}.md`;
/** The number in a note's file name, or null for any other file. */
export const noteNumber = (name: string) => /^(\d{3,9})\.md$/.exec(name)?.[1] ?? null;

const homeFolder = () => process.env["DISPATCH_HOME"] || join(homedir(), dispatchFolder);
export const configPathIn = (home: string) => `${home}/config.yaml`;
export const configPath = () => configPathIn(homeFolder());

/** What all of a user's projects share, beside the config. */
export function homePaths() {
  const folder = resolve(homeFolder());
  return {
    folder,
    /** A file for each worker that runs. */
    places: `${folder}/places`,
    /** Held for a moment by whoever starts or stops a worker. */
    admissionLock: `${folder}/admission.lock`,
    /** Environments that tasks were asked in; a file's name is `environmentName`. */
    environments: `${folder}/environments`,
    /** Checks that the user has asked for; a file's name is its content's hash. */
    checks: `${folder}/checks`,
    /** A file for each backend: what one of its workers takes. */
    memory: `${folder}/memory`,
    /** A file for each backend whose account has reached a limit. */
    pauses: `${folder}/pauses`,
  };
}
export const environmentName = /^[0-9a-f]{32}$/;

/** Where the skill goes, what goes with it in its hosts' folders, and the receipt for that. */
export function skillPaths() {
  const claude = resolve(process.env["CLAUDE_CONFIG_DIR"] || join(homedir(), ".claude"));
  const codex = resolve(process.env["CODEX_HOME"] || join(homedir(), ".codex"));
  return {
    claude,
    claudeSkill: `${claude}/${skillName}`,
    claudeSettings: `${claude}/settings.json`,
    /** Read by every other host that knows skills. */
    sharedSkill: join(homedir(), ".agents", skillName),
    codexRules: `${codex}/rules/dispatch.rules`,
    receipt: `${resolve(homeFolder())}/skill.json`,
  };
}
const skillName = "skills/dispatch/SKILL.md";
export const isSkill = (path: string) => path.endsWith(`/${skillName}`);
/** A skill's folder that is a whole plugin has it: no installer of ours puts it there. */
export const pluginManifest = (skillFolder: string) => `${skillFolder}/.claude-plugin/plugin.json`;
