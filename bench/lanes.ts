/** A gateway's lanes without a gateway: ballots out of memory, one batch in flight each. */
import { randomBytes } from "node:crypto";
import type { Contest } from "../src/election/contest.ts";
import { receiptLeaf } from "../src/ledger/leaf.ts";
import { PostgresStreamWriter } from "../src/postgres/stream-writer.ts";
import { gather } from "../src/recording/batch.ts";
import type { Ballot, StreamHead } from "../src/recording/ledger.ts";
import { BENCH_SESSION, type EmbeddedLedger } from "./embedded-ledger.ts";
import type { Sample } from "./in-turns.ts";

export type Lane = { writer: PostgresStreamWriter; head: StreamHead };

export async function openLane(ledger: EmbeddedLedger, opened: AsyncDisposableStack): Promise<Lane> {
  const writer = opened.use(
    new PostgresStreamWriter({
      ...{ ...BENCH_SESSION, connectionString: ledger.connectionString, writer: "bench" },
      ...{ attemptTimeoutMs: 60_000, gateFaults: () => [], overrideGate: false },
    }),
  );
  await writer.connect();
  return { writer, head: await writer.openStream() };
}

/** Throws unless all of them are recorded. */
export async function record(lane: Lane, ballots: readonly Ballot[]): Promise<void> {
  const outcome = await lane.writer.record(lane.head, gather(ballots, Date.now()).batch);
  if (outcome.outcome !== "recorded") throw new Error(`a batch was ${outcome.outcome}`);
  lane.head = outcome.head;
}

/** Ballots a second, each lane with one batch in flight. */
export async function rateOf(
  ballots: readonly Ballot[],
  { batch, lanes }: { batch: number; lanes: number },
  write: (lane: number, ballots: readonly Ballot[]) => Promise<void>,
): Promise<Sample> {
  let next = 0;
  const run = async (lane: number) => {
    while (next < ballots.length) {
      const from = next;
      next += batch;
      await write(lane, ballots.slice(from, from + batch));
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane)));
  return { perSecond: (ballots.length * 1000) / (performance.now() - startedMs) };
}

/** Of voters who never voted. */
export function ballotsOf(contest: Contest, count: number): Ballot[] {
  return Array.from({ length: count }, (_, i) => {
    const voterKey = randomBytes(16).toString("hex");
    const nonce = randomBytes(16).toString("base64url");
    const selections = [(i % 3) + 1];
    const { ledgerId: contestLedgerId, uuid: contestUuid } = contest;
    const leaf = receiptLeaf(contestUuid, selections, nonce);
    return { contestLedgerId, contestUuid, voterKey, nonce, selections, leaf };
  });
}
