/** Whether a ballot costs as much when a contest has a hundred million: beside a contest of a million, in turns. */
import { thousands } from "../src/cli/progress.ts";
import type { Contest } from "../src/election/contest.ts";
import { Arguments } from "./arguments.ts";
import { EmbeddedLedger } from "./embedded-ledger.ts";
import { type Spread, spreadOf, spreadWords } from "./in-turns.ts";
import { ballotsOf, type Lane, openLane, rateOf, record } from "./lanes.ts";
import { print, type Report } from "./report.ts";

const USAGE = `bun bench/growth.ts [--millions 1,10,50,100] [--ballots 200000] [--rounds 10] [--batch 2000] [--lanes 2] [--compression off] [--max-wal 18GB] [--buffers 7GB] [--json]

  --millions     of ballots that the contest has when it is measured
  --ballots      in one sample
  --rounds       samples of each, the first one right after a checkpoint
  --batch        ballots in a batch
  --lanes        batches in flight at once
  --compression  PostgreSQL's wal_compression
  --max-wal      its max_wal_size: a checkpoint comes each time that a little more than half of it was written
  --buffers      its shared_buffers, of each node

A hundred million take half an hour and 75 GB of disk.`;

const asked = Arguments.read(USAGE, {
  ...{ millions: "1,10,50,100", ballots: "200000", rounds: "10" },
  ...{ batch: "2000", lanes: "2", compression: "off", "max-wal": "18GB", buffers: "7GB" },
});
const MILLION = 1_000_000;
const FILLED_AT_ONCE = 100_000;
/** So often, while the contest grows, the small one is measured beside it. */
const COMPARED_EVERY = 2 * MILLION;
/** Of the speed at a million. */
const GOAL = 0.8;
/** As a primary of production has them: the voters' index fits, and checkpoints come, but seldom. */
const SETTINGS = {
  ...{
    shared_buffers: asked.text("buffers"),
    max_wal_size: asked.text("max-wal"),
    checkpoint_timeout: "30min",
  },
  wal_compression: asked.text("compression"),
};

type Level = {
  ballots: number;
  perSecond: Spread;
  /**
   * Of the speed in the small contest: while it grew to what it is, whole checkpoint cycles if it takes them; in the first sample
   * after a checkpoint, in all samples together, and in the last one.
   */
  growing: number | null;
  first: number;
  all: number;
  last: number;
  disk: number;
  /** While it grew, and in the samples. */
  wal: number;
  walInSamples: number;
};

await using opened = new AsyncDisposableStack();
const ledger = opened.use(await EmbeddedLedger.open("bench-growth", 4, SETTINGS));
const lanes: Lane[] = [];
for (let i = 0; i < asked.number("lanes"); i++) lanes.push(await openLane(ledger, opened));
const { contest: large } = await ledger.contest(null);
const smalls: Contest[] = [];
const levels: Level[] = [];
for (const millions of asked.numbers("millions")) levels.push(await measure(millions * MILLION));
print(reports(levels), asked.json);

async function measure(ballots: number): Promise<Level> {
  const before = { ballots: await countOf(large), lsn: await walAt() };
  if (ballots <= before.ballots)
    throw new Error(`the contest has ${before.ballots} ballots already: name more millions`);
  const { growing, walOfSmall } = await grow(ballots - before.ballots);
  const wal = ((await walAt()) - before.lsn - walOfSmall) / (ballots - before.ballots);
  const { contest: small } = await ledger.contest(null);
  smalls.push(small);
  await fill(small, MILLION);
  const disk = await diskBytesOf(large);
  await ledger.checkpoint();
  const sampledFrom = await walAt();
  const seconds: { small: number; large: number }[] = [];
  for (let round = 0; round < asked.number("rounds"); round++) {
    // Whoever goes first meets the pages of blocks and streams that nobody has touched since the checkpoint.
    const isSmallFirst = round % 2 === 0;
    const first = await secondsFor(isSmallFirst ? small : large);
    const second = await secondsFor(isSmallFirst ? large : small);
    seconds.push(isSmallFirst ? { small: first, large: second } : { small: second, large: first });
  }
  const sum = (of: "small" | "large") => seconds.reduce((total, each) => total + each[of], 0);
  const level = {
    ...{ ballots, disk, wal, growing },
    walInSamples: ((await walAt()) - sampledFrom) / (2 * asked.number("ballots") * seconds.length),
    perSecond: spreadOf(seconds.map((each) => asked.number("ballots") / each.large)),
    first: seconds[0]!.small / seconds[0]!.large,
    all: sum("small") / sum("large"),
    last: seconds.at(-1)!.small / seconds.at(-1)!.large,
  };
  console.error(JSON.stringify(level));
  return level;
}

async function secondsFor(contest: Contest, count = asked.number("ballots")): Promise<number> {
  const { perSecond } = await writeAll(contest, count);
  return count / perSecond;
}

function writeAll(contest: Contest, count: number) {
  const given = { batch: asked.number("batch"), lanes: lanes.length };
  return rateOf(ballotsOf(contest, count), given, (lane, ballots) => record(lanes[lane]!, ballots));
}

/** The ratio of {@link Level.growing}, null where there is no small contest yet, and how much WAL was the small one's. */
async function grow(count: number): Promise<{ growing: number | null; walOfSmall: number }> {
  const small = smalls.at(-1);
  const seconds = { small: 0, large: 0 };
  let walOfSmall = 0;
  const startedMs = performance.now();
  for (let done = 0; done < count; ) {
    const part = Math.min(count - done, COMPARED_EVERY) - FILLED_AT_ONCE;
    await fill(large, part);
    if (small !== undefined) {
      const from = await walAt();
      seconds.small += await secondsFor(small, FILLED_AT_ONCE);
      walOfSmall += (await walAt()) - from;
    }
    seconds.large += await secondsFor(large, FILLED_AT_ONCE);
    done += part + FILLED_AT_ONCE;
    const perSecond = Math.round((done * 1000) / (performance.now() - startedMs));
    const ratio = (seconds.small / seconds.large).toFixed(2);
    console.error(`${thousands(done)} of ${thousands(count)}, ${thousands(perSecond)}/s, ${ratio}`);
  }
  return { growing: small === undefined ? null : seconds.small / seconds.large, walOfSmall };
}

async function fill(contest: Contest, count: number): Promise<void> {
  for (let left = count; left > 0; left -= FILLED_AT_ONCE) {
    await writeAll(contest, Math.min(left, FILLED_AT_ONCE));
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
  let all = 0;
  for (const each of [contest, ...smalls]) all += await countOf(each);
  return rows / (await countOf(contest)) + blocks / all;
}

function reports(all: readonly Level[]): Report[] {
  const millions = ({ ballots }: Level) => `${thousands(ballots / MILLION)} million`;
  const rows = all.map((level) => [
    ...[millions(level), spreadWords(level.perSecond)],
    ...[level.growing, level.first, level.all, level.last].map((ratio) =>
      ratio === null ? "" : `${ratio.toFixed(2)}×`,
    ),
    ...[level.disk, level.wal, level.walInSamples].map((bytes) => bytes.toFixed(0)),
  ]);
  const [samples, each] = [asked.number("rounds"), asked.number("ballots")];
  return [
    {
      title: "The ledger as it grows",
      how:
        `Batches of ${thousands(asked.number("batch"))} in ${lanes.length} lanes; ${samples} samples of ${thousands(each)} ballots into ` +
        "this contest and into one of a million, which grows by as many, in turns. They begin with a checkpoint, after which each page " +
        `that is touched goes to the WAL whole; in that sample the small contest comes first (wal_compression=${asked.text("compression")}, shared_buffers=${asked.text("buffers")}). Disk: row, index and blocks. WAL: of all ballots since ` +
        `the line before, a checkpoint each time that a little more than half of ${asked.text("max-wal")} was written; while it grew, the small contest ` +
        "was measured beside it every two million.",
      columns: [
        ...[
          "ballots there",
          "ballots/s",
          "of one million's, while it grew",
          "after a checkpoint",
          "in all samples",
          "in the last one",
        ],
        ...["bytes of disk each", "bytes of WAL each", "in the samples of both"],
      ],
      rows,
      chart: {
        ...{ unit: "of the speed in a contest of a million, while it grew", digits: 2, goal: GOAL },
        bars: all.flatMap((level) =>
          level.growing === null ? [] : { name: millions(level), value: spreadOf([level.growing]) },
        ),
      },
    },
  ];
}
