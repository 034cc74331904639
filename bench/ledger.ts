/** The ledger beside binary COPY of the same rows, in turn: unique, in blocks, chained, on a synchronous standby. */
import { thousands } from "../src/cli/progress.ts";
import type { Contest } from "../src/election/contest.ts";
import type { Ballot } from "../src/recording/ledger.ts";
import { Arguments } from "./arguments.ts";
import { CopyWriter } from "./copy-writer.ts";
import { EmbeddedLedger } from "./embedded-ledger.ts";
import { type Compared, inTurns, type Spread, spreadWords } from "./in-turns.ts";
import { ballotsOf, type Lane, openLane, rateOf, record } from "./lanes.ts";
import { print, type Report } from "./report.ts";

const USAGE = `bun bench/ledger.ts [--batches 100,500,2000,5000] [--lanes 1,2,3,4] [--repeats 0,0.1,5] [--ballots 40000] [--rounds 5] [--json]

  --batches   ballots in a batch
  --lanes     batches in flight at once
  --repeats   of a hundred ballots, so many were recorded before (COPY gets none: it would fail)
  --ballots   in one sample
  --rounds    samples of each`;

const asked = Arguments.read(USAGE, {
  ...{ batches: "100,500,2000,5000", lanes: "1,2,3,4", repeats: "0,0.1,5" },
  ...{ ballots: "40000", rounds: "5" },
});
const BALLOTS = asked.number("ballots");
const ROUNDS = asked.number("rounds");
const SESSIONS = 4;
/** Of COPY, with batches of 2,000 in two lanes. */
const GOAL = 0.85;

type Case = { batch: number; lanes: number; repeats: number };
type Measured = Case & { copy: Spread; urna: Spread; ratio: Spread };

await using ledger = await EmbeddedLedger.open("bench-ledger", SESSIONS);
const measured: Measured[] = [];
for (const repeats of asked.numbers("repeats")) {
  for (const batch of asked.numbers("batches")) {
    for (const lanes of asked.numbers("lanes")) {
      const [copy, urna] = await measure({ batch, lanes, repeats });
      measured.push({
        ...{ batch, lanes, repeats },
        copy: copy!.figures.perSecond,
        urna: urna!.figures.perSecond,
        ratio: urna!.of.copy!,
      });
      console.error([`${repeats} %`, ...cellsOf(measured.at(-1)!)].join("  "));
    }
  }
}
print(asked.numbers("repeats").map(reportOf), asked.json);

async function measure(given: Case): Promise<Compared[]> {
  await using opened = new AsyncDisposableStack();
  const { contest } = await ledger.contest(null);
  const table = `copied_${contest.ledgerId}`;
  await ledger.pool.use((session) =>
    session.query({ text: `CREATE TABLE ${table} (LIKE ballots_${contest.ledgerId} INCLUDING ALL)` }),
  );
  const copiers: CopyWriter[] = [];
  const lanes: Lane[] = [];
  for (let i = 0; i < given.lanes; i++) {
    copiers.push(opened.use(await CopyWriter.open(ledger.connectionString, table, i)));
    lanes.push(await openLane(ledger, opened));
  }
  await ledger.checkpoint();
  const recorded = ballotsOf(contest, 1_000);
  await record(lanes[0]!, recorded);
  return await inTurns(
    [
      {
        name: "copy",
        measure: () =>
          rateOf(ballotsOf(contest, BALLOTS), given, (lane, ballots) => copiers[lane]!.write(ballots)),
      },
      {
        name: "urna",
        measure: () => {
          const offered = withRepeats(contest, recorded, given.repeats);
          return rateOf(offered, given, (lane, ballots) => record(lanes[lane]!, ballots));
        },
      },
    ],
    ROUNDS,
  );
}

/** Of every hundred so many were recorded before, evenly among the others. */
function withRepeats(contest: Contest, recorded: readonly Ballot[], percent: number): Ballot[] {
  const ballots = ballotsOf(contest, BALLOTS);
  if (percent === 0) return ballots;
  const every = 100 / percent;
  for (let i = 0, nth = 0; i < ballots.length; i += every, nth++) {
    ballots[Math.floor(i)] = recorded[nth % recorded.length]!;
  }
  return ballots;
}

function cellsOf({ batch, lanes, copy, urna, ratio }: Measured): string[] {
  return [thousands(batch), String(lanes), spreadWords(copy), spreadWords(urna), spreadWords(ratio, 2)];
}

function reportOf(repeats: number): Report {
  const own = measured.filter((each) => each.repeats === repeats);
  return {
    title: `The ledger beside COPY, ${repeats} % of ballots recorded before`,
    how:
      `Samples of ${thousands(BALLOTS)} ballots, ${ROUNDS} rounds. Urna: unique, in blocks, chained, its stream advanced; COPY: ` +
      "binary, the same rows into a table like it, with its unique index, none of them there before. Both on a synchronous standby.",
    columns: ["ballots a batch", "lanes", "COPY rows/s", "Urna ballots/s", "of COPY"],
    rows: own.map(cellsOf),
    chart: {
      ...{ unit: "ballots a second, of COPY’s rows", digits: 2, goal: GOAL },
      bars: own.map(({ batch, lanes, ratio }) => ({
        name: `${thousands(batch)} a batch, ${lanes} ${lanes === 1 ? "lane" : "lanes"}`,
        value: ratio,
      })),
    },
  };
}
