/** What was spent → text: dense, since a host that asks pays for the answer, too. */

import {
  type By,
  type Group,
  groupsOf,
  type Spending,
  type Sum,
  sumOf,
  type Won,
} from "../core/spending.ts";
import { counted, shownName } from "../core/text.ts";
import { count, firstOf, tokensText } from "./human.ts";

const groupsShown = 10;

/** @param won what the hosts' part of it is to what they paid, or null where that cannot be told */
export function statsText(all: readonly Spending[], by: By, won: Won | null): string {
  if (all.length === 0) return "nothing was spent yet";
  const [only, ...others] = groupsOf(all, by);
  const sum = sumOf(all);
  const what = others.length === 0 ? shownName(only!.name) : counted(sum.tasks, "task");
  const lines = [`${what}, ${counted(sum.runs, "run")}: ${sumText(sum, " tokens")}`];
  const show = (group: Group) => `${shownName(group.name)}: ${sumText(group)}`;
  if (others.length > 0) lines.push(...firstOf([only!, ...others], groupsShown, show));
  if (won !== null) lines.push(wonText(won, sum));
  return lines.join("\n");
}

export function sumText({ tokens, unknownTokens, costUsd, unknownCosts }: Sum, unit = ""): string {
  if (tokens === null && costUsd === null) return "tokens and cost unknown";
  const spent =
    tokens === null ? "tokens unknown" : tokensText(tokens, unit) + except(unknownTokens);
  const cost = costUsd === null ? "cost unknown" : dollars(costUsd) + except(unknownCosts);
  return `${spent}, ${cost}`;
}

const except = (runs: number) => (runs === 0 ? "" : ` and unknown for ${counted(runs, "run")}`);

/** What is less than a cent is not nothing. */
function dollars(usd: number): string {
  if (usd === 0) return "$0";
  return usd < 0.005 ? "<$0.01" : `$${usd.toFixed(2)}`;
}

function wonText({ spent, paid, multiple, isMore }: Won, { tokens }: Sum): string {
  const isAll = tokens !== null && spent === tokens.input + tokens.output;
  const times = multiple < 10 ? multiple.toFixed(1) : multiple.toFixed(0);
  return `your sessions paid about ${count(paid)} tokens for ${isAll ? "it" : `${count(spent)} of it`}: ${isMore ? "at least " : ""}${times}x`;
}
