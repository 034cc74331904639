/** A contest's results as a table with bars, for people. */
import type { ContestAnswer, ResultsAnswer } from "../election/answers.ts";
import { thousands } from "./progress.ts";

const BAR_CELLS = 30;
const BLANK_TITLE = "(blank)";

/** Every option in the contest's order, the blank ballots after them where the contest takes them. */
export function renderResults(contest: ContestAnswer, results: ResultsAnswer): string {
  const heading = `${contest.title} (${contest.id}): ${stateWords(contest, results)}`;
  const late = results.delayed ? ", delayed: ballots that were recorded since may be missing" : "";
  const turnout = `turnout ${thousands(results.turnout)} as of ${results.asOf}${late}`;
  if (results.counts === undefined) {
    return `${heading}\n${turnout}\nThe counts are shown when the contest is final.`;
  }
  const votesByOption = new Map(results.counts.map(({ option, votes }) => [option, votes]));
  const rows = contest.options.map(({ number, title }) => ({ title, votes: votesByOption.get(number) ?? 0 }));
  if (contest.allowBlank) rows.push({ title: BLANK_TITLE, votes: results.blank ?? 0 });
  const total = rows.reduce((sum, { votes }) => sum + votes, 0);
  const most = Math.max(...rows.map(({ votes }) => votes), 1);
  const titleWidth = Math.max(...rows.map(({ title }) => Bun.stringWidth(title)));
  const votesWidth = Math.max(...rows.map(({ votes }) => thousands(votes).length));
  const lines = rows.map(({ title, votes }) => {
    const padded = title + " ".repeat(titleWidth - Bun.stringWidth(title));
    const percent = total > 0 ? ((votes / total) * 100).toFixed(1) : "0.0";
    const bar = "█".repeat(Math.round((votes / most) * BAR_CELLS));
    return `  ${padded}  ${thousands(votes).padStart(votesWidth)}  ${percent.padStart(5)}%  ${bar}`.trimEnd();
  });
  return [heading, turnout, ...lines].join("\n");
}

/** Paused and void are facts beside the state. */
function stateWords(contest: ContestAnswer, results: ResultsAnswer): string {
  const words: string[] = [results.final ? "final" : `${results.state}, provisional`];
  if (contest.paused) words.push("paused");
  if (contest.void !== null) words.push(`void: ${contest.void.reason}`);
  return words.join(", ");
}
