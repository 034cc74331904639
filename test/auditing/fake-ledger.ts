/** A small ledger in memory, built as the real one is, and open to every corruption. */
import { randomBytes, randomUUID } from "node:crypto";
import type {
  BallotRow,
  BlockPlace,
  BlockRow,
  Frontier,
  LeavesRow,
  PartitionRow,
  RecountSource,
  StreamRow,
} from "../../src/auditing/recount-source.ts";
import { type Contest, UNCHANGED } from "../../src/election/contest.ts";
import { encodeSelections } from "../../src/election/selections.ts";
import { countBallot, type Tally, tallyToJson } from "../../src/election/tally.ts";
import { blockHash, GENESIS_HASH } from "../../src/ledger/block.ts";
import { ballotLeaf } from "../../src/ledger/leaf.ts";
import { placesOf } from "../../src/ledger/places.ts";
import { uuidToBytes } from "../../src/ledger/uuid.ts";

/** A ballot as offered to a block: of which contest, its choice (0 is blank), and whether it was newly recorded. */
export type Offered = { contest: number; choice: number; accepted: boolean };

export const OPTIONS = 3;

export function fakeContest(ledgerId: number): Contest {
  return {
    ledgerId,
    id: `contest-${ledgerId}`,
    uuid: randomUUID(),
    electionUuid: randomUUID(),
    electionId: "election",
    title: "Contest",
    method: "single-choice",
    options: Array.from({ length: OPTIONS }, (_, i) => ({ number: i + 1, title: `Option ${i + 1}` })),
    allowBlank: true,
    resultsVisible: "live",
    allowedOrigins: [],
    buffering: null,
    opensAtMs: 1,
    closesAtMs: null,
    ...UNCHANGED,
  };
}

export class FakeLedger {
  readonly contests: Contest[];
  streams: StreamRow[] = [];
  blockRows: BlockRow[] = [];
  readonly sealed = new Set<number>();
  /** By the contest whose partition it is. */
  readonly partitions = new Map<number, BallotRow[]>();

  constructor(contests: number) {
    this.contests = Array.from({ length: contests }, (_, i) => fakeContest(i + 1));
    for (const { ledgerId } of this.contests) this.partitions.set(ledgerId, []);
  }

  get ballotRows(): BallotRow[] {
    return [...this.partitions.values()].flat();
  }

  /** Records a block as a lane does; streams are made as they are named. */
  record(streamId: number, offered: readonly Offered[]): BlockRow {
    let stream = this.streams.find((row) => row.streamId === streamId);
    if (stream === undefined) {
      stream = { streamId, nextSeq: 1, headHash: GENESIS_HASH, source: null };
      this.streams.push(stream);
    }
    const tally: Tally = new Map();
    const indexes: number[] = [];
    const leaves: Buffer[] = [];
    const seq = stream.nextSeq;
    offered.forEach(({ contest: number, choice, accepted }, index) => {
      if (!accepted) return;
      const contest = this.contests[number % this.contests.length]!;
      const row = { ...ballotOf(contest, choice), streamId, seq, index };
      this.partitions.get(contest.ledgerId)!.push(row);
      countBallot(tally, contest.uuid, choice === 0 ? [] : [choice]);
      leaves.push(leafOf(contest, row));
      indexes.push(index);
    });
    const block = {
      ...{ streamId, seq, batchId: randomUUID(), recordedAtMs: 1_760_000_000_000 + seq, overridden: false },
      places: placesOf(indexes, offered.length),
      ...{ leaves: Buffer.concat(leaves), prevHash: stream.headHash, tally, source: null },
    };
    const hash = blockHash(block);
    const row = { ...block, tally: tallyToJson(tally), hash };
    this.blockRows.push(row);
    stream.nextSeq++;
    stream.headHash = hash;
    return row;
  }

  /** Seals a contest and publishes the counts of its ballots. */
  finish(contest: Contest): void {
    const tally: Tally = new Map([[contest.uuid, new Map()]]);
    for (const { selections } of this.partitions.get(contest.ledgerId)!) {
      countBallot(tally, contest.uuid, selections.length === 0 ? [] : [selections.readUInt16BE(0)]);
    }
    Object.assign(contest, { sealedAtMs: 2, finalAtMs: 3, finalTally: tally.get(contest.uuid) });
    this.sealed.add(contest.ledgerId);
  }

  contestOf({ contestLedgerId }: BallotRow): Contest {
    return this.contests.find(({ ledgerId }) => ledgerId === contestLedgerId)!;
  }

  /** A forger's block: changed content under a hash that fits it, with the rest of the chain made to fit. */
  rehash(streamId: number): void {
    let prevHash = GENESIS_HASH;
    for (const block of this.blockRows.filter((row) => row.streamId === streamId)) {
      block.prevHash = prevHash;
      const tally = new Map(
        Object.entries(block.tally as Record<string, Record<string, number>>).map(([uuid, counts]) => [
          uuid,
          new Map(Object.entries(counts).map(([option, votes]) => [Number(option), votes])),
        ]),
      );
      block.hash = blockHash({ ...block, tally });
      prevHash = block.hash;
    }
    this.streams.find((row) => row.streamId === streamId)!.headHash = prevHash;
  }
}

export function ballotOf(contest: Contest, choice: number) {
  return {
    contestLedgerId: contest.ledgerId,
    voterKey: randomBytes(16),
    nonce: randomBytes(16),
    selections: encodeSelections(choice === 0 ? [] : [choice]),
  };
}

export function leafOf(contest: Contest, { selections, nonce }: Pick<BallotRow, "selections" | "nonce">) {
  return ballotLeaf(uuidToBytes(contest.uuid), selections, nonce);
}

/** Reads a {@link FakeLedger} in small pieces; `beforeBallots` lets a test record while the recount is under way. */
export class FakeSource implements RecountSource {
  /** What partitions say that they may hold; without it, as many ballots as they do. */
  ballotsMax: number | undefined;

  constructor(
    private readonly ledger: FakeLedger,
    private readonly beforeBallots: () => void = () => undefined,
  ) {}

  async frontier(): Promise<Frontier> {
    const partitions = [...this.ledger.partitions].map(([contestLedgerId, ballots]) => ({
      name: `ballots_${contestLedgerId}`,
      contestLedgerId,
      ballotsMax: this.ballotsMax ?? ballots.length,
      sealed: this.ledger.sealed.has(contestLedgerId),
    }));
    return { streams: await this.streams(), contests: structuredClone(this.ledger.contests), partitions };
  }

  async contests() {
    return structuredClone(this.ledger.contests);
  }

  /** Its streams are lanes'. */
  async barriers() {
    return [];
  }

  async *quarantined(): AsyncGenerator<number[]> {}

  async streams(): Promise<StreamRow[]> {
    return this.ledger.streams.map((stream) => ({ ...stream }));
  }

  async strayBlocks(): Promise<BlockPlace[]> {
    const nextSeqs = new Map(this.ledger.streams.map(({ streamId, nextSeq }) => [streamId, nextSeq]));
    return this.ledger.blockRows.filter(({ streamId, seq }) => seq >= (nextSeqs.get(streamId) ?? 0));
  }

  async *blocks(streamId: number, endSeq: number): AsyncGenerator<BlockRow[]> {
    yield* pieces(
      this.ledger.blockRows
        .filter((block) => block.streamId === streamId && block.seq < endSeq)
        .sort((a, b) => a.seq - b.seq),
    );
  }

  async leaves(blocks: readonly BlockPlace[]): Promise<LeavesRow[]> {
    return this.ledger.blockRows.filter((row) =>
      blocks.some(({ streamId, seq }) => row.streamId === streamId && row.seq === seq),
    );
  }

  async *ballots({ contestLedgerId }: PartitionRow): AsyncGenerator<BallotRow[]> {
    this.beforeBallots();
    yield* pieces(this.ledger.partitions.get(contestLedgerId ?? 0) ?? []);
  }
}

function* pieces<Row>(rows: readonly Row[]): Generator<Row[]> {
  for (let at = 0; at < rows.length; at += 3) yield rows.slice(at, at + 3);
}
