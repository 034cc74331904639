/** What a replay came to: a summary for people or machines, and the exit status. */
import { thousands } from "./progress.ts";
import type { ReplayCounts } from "./replay-run.ts";

export const INTERRUPTED_EXIT_CODE = 130;

export type FinishedReplay = {
  options: { json?: boolean; allowMalformed?: boolean; giveUpAfter: number };
  contest: string;
  answered: number;
  /** Until the last ballot had its answer. */
  seconds: number;
  /** From then on until it was known what has become of every accepted one; null where none was followed. */
  followSeconds: number | null;
  stop: AbortSignal;
};

/** Prints the summary and sets the exit status. */
export function concludeReplay(counts: ReplayCounts, run: FinishedReplay): void {
  const { options, contest, answered, seconds, followSeconds, stop } = run;
  const ballotsPerSecond = Math.round(answered / seconds);
  if (options.json) {
    const rounded = (value: number | null) => value && Number(value.toFixed(3));
    const times = { seconds: rounded(seconds), followSeconds: rounded(followSeconds), ballotsPerSecond };
    console.log(JSON.stringify({ contest, ...counts, ...times }));
  } else {
    console.log(summaryLines(counts).join("\n"));
    console.log(
      `${thousands(answered)} ballots in ${seconds.toFixed(1)} s: ${thousands(ballotsPerSecond)}/s`,
    );
    if (followSeconds !== null)
      console.log(`what was accepted was followed for ${followSeconds.toFixed(1)} s more`);
    console.log(`contest ${contest}: see "urna election results ${contest}"`);
  }
  const unfinished = stop.aborted || counts.unresolved > 0 || counts.unsettled > 0;
  if (unfinished) {
    const why = stop.aborted ? "stopped" : `nothing was told of any ballot for ${options.giveUpAfter} s`;
    console.error(`urna: ${why}; running the replay again resumes it`);
  }
  const malformed = options.allowMalformed ? 0 : counts.malformed;
  const { unexpectedlyRefused, unexpectedlyRejected, unknownReceipts, differing } = counts;
  const faults = malformed + unexpectedlyRefused + unexpectedlyRejected + unknownReceipts + differing;
  if (unfinished || faults > 0) process.exitCode = 1;
  if (stop.aborted) process.exitCode = INTERRUPTED_EXIT_CODE;
}

type Row = [words: string, ballots: number];

/** What there is none of is left out, except of the ballots recorded, or accepted. */
function summaryLines(counts: ReplayCounts): string[] {
  const direct: Row[] = [
    ["recorded now", counts.recordedNow],
    ["recorded before", counts.recordedBefore],
  ];
  const buffered: Row[] = [
    ["accepted now", counts.acceptedNow],
    ["  of these recorded", counts.recorded],
  ];
  const others: Row[] = [
    ["  duplicate", counts.duplicate],
    ["  rejected", counts.rejected],
    ["  unknown receipts", counts.unknownReceipts],
    ["  not known yet", counts.unsettled],
    ["already voted", counts.alreadyVoted],
    ...Object.entries(counts.refused).map(([code, ballots]): Row => [`refused: ${code}`, ballots]),
    ["malformed rows", counts.malformed],
    ["without a final answer", counts.unresolved],
    ["differing from the journal", counts.differing],
  ];
  const [always, rest] = counts.acceptedNow > 0 ? [buffered, [...others, ...direct]] : [direct, others];
  return [...always, ...rest.filter(([, ballots]) => ballots > 0)].map(
    ([words, ballots]) => `${words.padEnd(26)} ${thousands(ballots).padStart(12)}`,
  );
}
