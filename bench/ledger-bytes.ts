/** What a ballot takes of a ledger: bytes on its disk, bytes of WAL, processor time of each side; drained as recorders do. */
import { randomBytes } from "node:crypto";
import { PartitionDrain } from "../src/buffering/partition-drain.ts";
import { encodeRecord } from "../src/buffering/record.ts";
import { partitionOf } from "../src/election/buffering.ts";
import type { Contest } from "../src/election/contest.ts";
import type { Election } from "../src/election/election.ts";
import { PostgresBallotLedger } from "../src/postgres/ballot-ledger.ts";
import { PostgresDrainLedger } from "../src/postgres/drain-ledger.ts";
import type { SessionPool } from "../src/postgres/session-pool.ts";
import { systemClock } from "../src/runtime/clock.ts";
import { MemoryLog } from "../test/buffering/memory-log.ts";
import { Arguments } from "./arguments.ts";
import { EmbeddedLedger } from "./embedded-ledger.ts";
import { processorSeconds } from "./processor-time.ts";

const USAGE = `bun bench/ledger-bytes.ts [--ballots 1000000] [--rounds 4] [--partitions 8] [--records-max 4000] [--json]

  --ballots      in all rounds together
  --rounds       the first one right after a checkpoint
  --partitions   drained at once
  --records-max  in a block`;

const asked = Arguments.read(USAGE, {
  ...{ ballots: "1000000", rounds: "4", partitions: "8", "records-max": "4000" },
});
const PARTITIONS = asked.number("partitions");
const RECORDS_MAX = asked.number("records-max");

type Round = {
  ballots: number;
  seconds: number;
  walBytes: number;
  recorderSeconds: number;
  primarySeconds: number;
  standbySeconds: number;
  afterCheckpoint: boolean;
};

type Ledger = { pool: SessionPool; ledger: PostgresDrainLedger; election: Election; contest: Contest };

await measure();

async function measure(): Promise<void> {
  await using embedded = await EmbeddedLedger.open("ledger-bytes", PARTITIONS);
  const ledger = await openLedger(embedded);
  const logs = Array.from({ length: PARTITIONS }, () => new MemoryLog());
  const rounds: Round[] = [];
  const count = asked.number("rounds");
  for (let i = 0; i < count; i++) {
    addBallots(logs, ledger.contest, Math.round(asked.number("ballots") / count));
    // Only then are the pages that the last round touches written to the WAL whole.
    const afterCheckpoint = i === count - 1;
    if (i === 0 || afterCheckpoint) await embedded.checkpoint();
    rounds.push({ ...(await measureRound(logs, ledger, embedded.nodes)), afterCheckpoint });
    console.error(JSON.stringify(rounds.at(-1)));
  }
  const sizes = await sizesOf(ledger.pool);
  const ballots = rounds.reduce((sum, round) => sum + round.ballots, 0);
  console.log(asked.json ? JSON.stringify({ ballots, rounds, sizes }) : render(ballots, rounds, sizes));
}

async function openLedger(embedded: EmbeddedLedger): Promise<Ledger> {
  const { pool } = embedded;
  const { election, contest } = await embedded.contest({
    ...{ partitions: PARTITIONS, ledgers: [0], topicId: null },
  });
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  const home = new PostgresBallotLedger(0, pool, 10_000);
  await home.addElection(election, partitions);
  await home.addContest(contest);
  const options = { writer: "bench", timeoutMs: 60_000, gateFaults: () => [], overrideGate: false };
  return { pool, ledger: new PostgresDrainLedger(pool, options), election, contest };
}

function addBallots(logs: readonly MemoryLog[], { uuid: contestUuid }: Contest, ballots: number): void {
  for (let i = 0; i < ballots; i++) {
    const voterKey = randomBytes(16).toString("hex");
    const nonce = randomBytes(16).toString("base64url");
    const log = logs[partitionOf(voterKey, { partitions: PARTITIONS })]!;
    const ballot = { contestUuid, voterKey, nonce, selections: [(i % 3) + 1], acceptedAtMs: Date.now() };
    log.add(encodeRecord({ kind: "ballot", ...ballot }));
  }
}

async function measureRound(
  logs: readonly MemoryLog[],
  { pool, ledger, election, contest }: Ledger,
  { primary, standby }: { primary: { pid: number | undefined }; standby: { pid: number | undefined } },
): Promise<Omit<Round, "afterCheckpoint">> {
  const processes = [process.pid, primary.pid!, standby.pid!];
  const before = { at: performance.now(), lsn: await walAt(pool), cpu: processes.map(processorSeconds) };
  const drained = await Promise.all(
    logs.map((log, partition) => drainAll(log, partition, { pool, ledger, election, contest })),
  );
  const seconds = (performance.now() - before.at) / 1000;
  const walBytes = Number((await walAt(pool)) - before.lsn);
  const [all, primarySeconds, standbySeconds] = processes.map(
    (pid, i) => processorSeconds(pid) - before.cpu[i]!,
  );
  // The nodes are this process's children.
  const recorderSeconds = all! - primarySeconds! - standbySeconds!;
  const ballots = drained.reduce((sum, count) => sum + count, 0);
  return {
    ballots,
    seconds,
    walBytes,
    recorderSeconds,
    primarySeconds: primarySeconds!,
    standbySeconds: standbySeconds!,
  };
}

/** How many there were. */
async function drainAll(log: MemoryLog, partition: number, parts: Ledger): Promise<number> {
  const { ledger, election, contest } = parts;
  const end = new AbortController();
  // Of those that were drained before, the last one is still there.
  const records = log.records.length - (log.earliest > 0 ? 1 : 0);
  const drain = new PartitionDrain(
    log,
    ledger,
    { get: () => contest, fresh: async () => contest },
    {
      key: { electionUuid: election.uuid, partition },
      topic: { name: "topic", id: log.id },
      ...{ recordsMax: RECORDS_MAX, bytesMax: 4_000_000, waitMs: 20, gatherMs: 0, clock: systemClock },
      ...{ retryPauseMs: 50, retryPauseMsMax: 1_000 },
      onBlock: () => undefined,
      onRetry: (error) => console.error(error),
      onDrained: (nextOffset) => {
        if (nextOffset === log.next) end.abort();
      },
    },
  );
  await drain.run(end.signal);
  // What was drained is not needed any more, but for the last one, which is looked at when it goes on.
  log.records.splice(0, log.records.length - 1);
  log.earliest = log.next - 1;
  return records;
}

async function walAt(pool: SessionPool): Promise<bigint> {
  const text = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text AS at";
  const [row] = await pool.use((session) => session.query<{ at: string }>({ text }));
  return BigInt(row!.at);
}

type Sizes = { rows: number; index: number; blocks: number };

/** Of the one contest that there is. */
async function sizesOf(pool: SessionPool): Promise<Sizes> {
  const text = `
    SELECT sum(pg_table_size(relid))::float8 AS rows, sum(pg_indexes_size(relid))::float8 AS index,
           pg_total_relation_size('blocks')::float8 AS blocks
    FROM pg_partition_tree('ballots')`;
  const [row] = await pool.use((session) => session.query<Sizes>({ text }));
  return row!;
}

function render(ballots: number, rounds: readonly Round[], { rows, index, blocks }: Sizes): string {
  const each = (bytes: number) => (bytes / ballots).toFixed(1);
  const disk = `${each(rows + index + blocks)} bytes a ballot on disk: rows ${each(rows)}, their index ${each(index)}, blocks ${each(blocks)}`;
  const lines = rounds.map((round, i) => {
    const micros = (seconds: number) => `${((seconds / round.ballots) * 1e6).toFixed(1)} µs`;
    const words = [
      `round ${i + 1}${round.afterCheckpoint ? ", after a checkpoint" : ""}: ${round.ballots.toLocaleString("en-US")} ballots`,
      `${Math.round(round.ballots / round.seconds).toLocaleString("en-US")}/s`,
      `${(round.walBytes / round.ballots).toFixed(1)} bytes of WAL each`,
      `processor time each: recorder ${micros(round.recorderSeconds)}, primary ${micros(round.primarySeconds)}, standby ${micros(round.standbySeconds)}`,
    ];
    return words.join(", ");
  });
  return [disk, ...lines].join("\n");
}
