/** Whether what viewers are served is what the ledger holds. */
import { setTimeout as pause } from "node:timers/promises";
import type { Contest } from "../election/contest.ts";
import { countsOf } from "../election/counts.ts";
import type { ContestTally } from "../election/tally.ts";
import type { Findings } from "./findings.ts";

/** What GET /v1/contests/{id}/results answers; without counts while the contest hides them. */
export type ServedResults = {
  final: boolean;
  turnout: number;
  ballots?: number | undefined;
  blank?: number | undefined;
  counts?: { option: number; votes: number }[] | undefined;
};

/** Asks for a contest's results now; null when there is no such contest. Throws when there is no answer. */
export type ResultsReader = (contestId: string) => Promise<ServedResults | null>;

/**
 * - `equal`: every figure. `ahead`: the rest are higher, for ballots have been recorded meanwhile.
 * - `differs`: with a finding each.
 */
export type ServedComparison = { comparison: "equal" | "ahead" | "differs"; ballots: number | null };

type Expected = { contest: Contest; tally: ContestTally | undefined };
type Figure = { name: string; expected: number; served: number };

/** Live results follow the ledger within half a second; more is allowed for, all contests together. */
const CATCH_UP_MS = 3_000;
const POLL_MS = 100;

/**
 * `hasMoved` is asked after the results were read: if nothing was recorded up to then, they must be equal. A final
 * contest's must be in any case.
 */
export async function compareServed(
  expected: readonly Expected[],
  read: ResultsReader,
  hasMoved: () => Promise<boolean>,
  findings: Findings,
): Promise<Map<string, ServedComparison>> {
  const deadlineMs = performance.now() + CATCH_UP_MS;
  const answers: { expected: Expected; served: ServedResults | null }[] = [];
  for (const one of expected) answers.push({ expected: one, served: await caughtUp(one, read, deadlineMs) });
  const moved = await hasMoved();
  return new Map(
    answers.map((answer) => [
      answer.expected.contest.uuid,
      judge(answer.expected, answer.served, moved, findings),
    ]),
  );
}

/** Reads until no figure is behind, and a final contest's are served as final; or the deadline. */
async function caughtUp(expected: Expected, read: ResultsReader, deadlineMs: number) {
  const isFinal = expected.contest.finalAtMs !== null;
  for (;;) {
    const served = await read(expected.contest.id);
    const behind =
      served !== null &&
      ((isFinal && !served.final) ||
        figures(expected, served).some((figure) => figure.served < figure.expected));
    if (!behind || performance.now() >= deadlineMs) return served;
    await pause(POLL_MS);
  }
}

function judge(
  expected: Expected,
  served: ServedResults | null,
  moved: boolean,
  findings: Findings,
): ServedComparison {
  const { contest } = expected;
  const faults: string[] = [];
  if (served === null) return differs(contest, ["it is not known there"], null, findings);
  const isFinal = contest.finalAtMs !== null;
  if (isFinal && !served.final) faults.push("it is final, and not served as final");
  if (isFinal && served.counts === undefined) faults.push("it is final, and served without counts");
  const different = figures(expected, served).filter((figure) => figure.served !== figure.expected);
  for (const figure of different) {
    if (moved && !isFinal && figure.served > figure.expected) continue;
    faults.push(`${figure.name}: served ${figure.served}, counted ${figure.expected}`);
  }
  if (faults.length > 0) return differs(contest, faults, served.turnout, findings);
  return { comparison: different.length === 0 ? "equal" : "ahead", ballots: served.turnout };
}

function differs(contest: Contest, faults: string[], ballots: number | null, findings: Findings) {
  for (const fault of faults) findings.add("results_mismatch", { contest: contest.id }, fault);
  return { comparison: "differs" as const, ballots };
}

/** Every figure served, beside what was counted. An option that is not served counts as none. */
function figures({ contest, tally }: Expected, served: ServedResults): Figure[] {
  const expected = countsOf(contest, tally);
  const found: Figure[] = [{ name: "turnout", expected: expected.ballots, served: served.turnout }];
  if (served.counts === undefined) return found;
  found.push({ name: "ballots", expected: expected.ballots, served: served.ballots ?? 0 });
  found.push({ name: "blank", expected: expected.blank, served: served.blank ?? 0 });
  const counted = new Map(expected.counts.map(({ option, votes }) => [option, votes]));
  const shown = new Map(served.counts.map(({ option, votes }) => [option, votes]));
  for (const option of new Set([...counted.keys(), ...shown.keys()])) {
    const name = `option ${option}`;
    found.push({ name, expected: counted.get(option) ?? 0, served: shown.get(option) ?? 0 });
  }
  return found;
}
