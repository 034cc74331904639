/** Whether a ballot costs as much when a contest has a hundred million: beside a contest of a million, in turns. */
import { thousands } from "../src/cli/progress.ts";
import type { Contest } from "../src/election/contest.ts";
import { Arguments } from "./arguments.ts";
import { EmbeddedLedger } from "./embedded-ledger.ts";
import { inTurns, type Spread, spreadWords } from "./in-turns.ts";
import { ballotsOf, type Lane, openLane, rateOf, record } from "./lanes.ts";
import { print, type Report } from "./report.ts";

const USAGE = `bun bench/growth.ts [--millions 1,10,50,100] [--ballots 40000] [--rounds 5] [--batch 2000] [--lanes 2] [--json]

  --millions  of ballots that the contest has when it is measured
  --ballots   in one sample
  --rounds    samples of each
  --batch     ballots in a batch
  --lanes     batches in flight at once

A hundred million take half an hour and 60 GB of disk.`;

const asked = Arguments.read(USAGE, {
  ...{ millions: "1,10,50,100", ballots: "40000", rounds: "5" },
  ...{ batch: "2000", lanes: "2" },
});
const MILLION = 1_000_000;
const FILLED_AT_ONCE = 100_000;
/** Of the speed at a million. */
const GOAL = 0.8;
/** As a primary of production has them: what is measured is not a cache of a laptop's size, and checkpoints come. */
const SETTINGS = { shared_buffers: "4GB", max_wal_size: "8GB", checkpoint_timeout: "5min" };

type Level = { ballots: number; small: Spread; large: Spread; ratio: Spread; disk: number; wal: number };

await using opened = new AsyncDisposableStack();
const ledger = opened.use(await EmbeddedLedger.open("bench-growth", 4, SETTINGS));
const lanes: Lane[] = [];
for (let i = 0; i < asked.number("lanes"); i++) lanes.push(await openLane(ledger, opened));
const { contest: small } = await ledger.contest(null);
const { contest: large } = await ledger.contest(null);
await fill(small, MILLION);
const levels: Level[] = [];
for (const millions of asked.numbers("millions")) levels.push(await measure(millions * MILLION));
print(reports(levels), asked.json);

async function measure(ballots: number): Promise<Level> {
  const before = { ballots: await countOf(large), lsn: await walAt() };
  await fill(large, ballots - before.ballots);
  const wal = ((await walAt()) - before.lsn) / (ballots - before.ballots);
  const disk = await diskBytesOf(large);
  await ledger.checkpoint();
  const sampled = (contest: Contest) => () => writeAll(contest, asked.number("ballots"));
  const [one, other] = await inTurns(
    [
      { name: "small", measure: sampled(small) },
      { name: "large", measure: sampled(large) },
    ],
    asked.number("rounds"),
  );
  const level = {
    ...{ ballots, small: one!.figures.perSecond, large: other!.figures.perSecond },
    ...{ ratio: other!.of.small!, disk, wal },
  };
  console.error(JSON.stringify(level));
  return level;
}

function writeAll(contest: Contest, count: number) {
  const given = { batch: asked.number("batch"), lanes: lanes.length };
  return rateOf(ballotsOf(contest, count), given, (lane, ballots) => record(lanes[lane]!, ballots));
}

async function fill(contest: Contest, count: number): Promise<void> {
  const startedMs = performance.now();
  for (let left = count; left > 0; left -= FILLED_AT_ONCE) {
    await writeAll(contest, Math.min(left, FILLED_AT_ONCE));
    const done = count - left + FILLED_AT_ONCE;
    if (done % MILLION !== 0) continue;
    const perSecond = Math.round((done * 1000) / (performance.now() - startedMs));
    console.error(`${thousands(done)} of ${thousands(count)}, ${thousands(perSecond)}/s`);
  }
}

async function numberOf(text: string): Promise<number> {
  const [row] = await ledger.pool.use((session) => session.query<{ value: number }>({ text }));
  return row!.value;
}

/** By its blocks, in a moment: it is counted to the vote elsewhere. */
function countOf({ uuid }: Contest): Promise<number> {
  return numberOf(
    `SELECT coalesce(sum(votes::int8), 0)::float8 AS value FROM blocks, jsonb_each_text(tally -> '${uuid}') AS counts (option, votes)`,
  );
}

function walAt(): Promise<number> {
  return numberOf("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS value");
}

/** A ballot's: its row, its place in the index, and its share of the blocks. */
async function diskBytesOf(contest: Contest): Promise<number> {
  const rows = await numberOf(
    `SELECT pg_total_relation_size('ballots_${contest.ledgerId}')::float8 AS value`,
  );
  const blocks = await numberOf("SELECT pg_total_relation_size('blocks')::float8 AS value");
  const [own, all] = [await countOf(contest), (await countOf(small)) + (await countOf(large))];
  return rows / own + blocks / all;
}

function reports(all: readonly Level[]): Report[] {
  const millions = ({ ballots }: Level) => `${thousands(ballots / MILLION)} million`;
  const rows = all.map((level) => [
    ...[millions(level), spreadWords(level.large), `${spreadWords(level.ratio, 2)}×`],
    ...[level.disk.toFixed(0), level.wal.toFixed(0)],
  ]);
  return [
    {
      title: "The ledger as it grows",
      how:
        `Batches of ${thousands(asked.number("batch"))} in ${lanes.length} lanes, ${asked.number("rounds")} rounds of ` +
        `${thousands(asked.number("ballots"))} ballots into this contest and into one of a million, in turns. Disk: row, index and ` +
        "blocks. WAL: of all ballots since the line before, checkpoints every 5 minutes or 8 GB, whole pages after each.",
      columns: ["ballots there", "ballots/s", "of one million's", "bytes of disk each", "bytes of WAL each"],
      rows,
      chart: {
        ...{ unit: "of the speed in a contest of a million", digits: 2, goal: GOAL },
        bars: all.map((level) => ({ name: millions(level), value: level.ratio })),
      },
    },
  ];
}
