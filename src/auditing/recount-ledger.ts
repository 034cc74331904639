/** One ledger of a recount: its frontier, its blocks and ballots, and what is wrong with it by itself. */
import { ledgerOfPartition, ledgerOfStream } from "../election/buffering.ts";
import type { Contest } from "../election/contest.ts";
import { BLANK } from "../election/tally.ts";
import { BlockIndex } from "./block-index.ts";
import { BallotsCheck } from "./check-ballots.ts";
import { BlocksCheck } from "./check-blocks.ts";
import type { BallotsPart } from "./check-contest.ts";
import { RecordsCheck } from "./check-records.ts";
import type { FindingSink } from "./findings.ts";
import type { Frontier, RecountSource, StreamRow } from "./recount-source.ts";

/** A ledger to be counted, by its number and name among the deployment's. */
export type CountedLedger = { number: number; name: string; source: RecountSource };

export class LedgerRecount {
  readonly blocks: BlocksCheck;
  readonly ballots: BallotsCheck;
  readonly records: RecordsCheck;
  private readonly index = new BlockIndex();

  constructor(
    readonly ledger: CountedLedger,
    private readonly frontier: Frontier,
    /** As the home ledger has them, those that this ledger has. */
    private readonly contests: readonly Contest[],
    private readonly inScope: (contest: Contest) => boolean,
    private readonly findings: FindingSink,
  ) {
    const { index } = this;
    const { source, number } = ledger;
    this.records = new RecordsCheck(index, findings);
    this.blocks = new BlocksCheck(index, this.records, findings, contests, inScope);
    this.ballots = new BallotsCheck({
      ...{ source, number, index, findings, contests },
      streams: frontier.streams,
      barriers: this.records.barriers,
    });
  }

  get streams(): readonly StreamRow[] {
    return this.frontier.streams;
  }

  get blocksTotal(): number {
    return this.streams.reduce((sum, { nextSeq }) => sum + nextSeq - 1, 0);
  }

  async checkBlocks(onBlocks: (count: number) => void): Promise<void> {
    const { source } = this.ledger;
    this.checkStreams();
    for (const stream of this.streams) await this.blocks.checkStream(source, stream, onBlocks);
    for (const { streamId, seq } of await source.strayBlocks()) {
      this.findings.add("stray_block", { stream: streamId, seq }, "no stream goes that far");
    }
  }

  /** Of the contests in scope, and what is bound to no contest that is known. */
  parts(): BallotsPart[] {
    const elsewhere = new Set<number | null>(
      this.contests.filter((contest) => !this.inScope(contest)).map(({ ledgerId }) => ledgerId),
    );
    return this.frontier.partitions
      .filter(({ contestLedgerId }) => !elsewhere.has(contestLedgerId))
      .map((partition) => ({ check: this.ballots, partition }));
  }

  /** After the ballots: what of the blocks has no ballot, and what of the ballots has no block. */
  async finish(): Promise<void> {
    const streams = await this.nextSeqs();
    for (const { streamId, seq, index: at } of this.ballots.latest.values()) {
      if (seq < (streams.get(streamId) ?? 0)) continue;
      const place = { stream: streamId, seq, index: at };
      this.findings.add("ballot_without_block", place, "no stream goes that far");
    }
    this.reportPlaces();
  }

  /** Whether anything has been recorded since. */
  async hasMoved(): Promise<boolean> {
    const before = new Map(this.streams.map(({ streamId, nextSeq }) => [streamId, nextSeq]));
    const now = await this.nextSeqs();
    return [...now].some(([streamId, nextSeq]) => nextSeq > (before.get(streamId) ?? 1));
  }

  /** That a sealed contest takes no ballot any more, and that its partitions here had passed its barrier. */
  checkSeal({ id, ledgerId, electionUuid, buffering }: Contest): void {
    const isSealed = this.frontier.partitions.some(
      ({ contestLedgerId, sealed }) => contestLedgerId === ledgerId && sealed,
    );
    if (!isSealed) {
      const message = "its partition of the ballots has no sealed constraint";
      this.findings.add("seal_missing", { contest: id }, message);
    }
    if (buffering === null) return;
    const passed = this.records.barriers.get(ledgerId);
    for (const { streamId, source } of this.streams) {
      if (source?.electionUuid !== electionUuid || passed?.has(streamId)) continue;
      const message = `partition ${source.partition} has none`;
      this.findings.add("barrier_missing", { contest: id, stream: streamId }, message);
    }
  }

  /** Every partition of the contests' elections that belongs here has its stream, and no other has. */
  private checkStreams(): void {
    const { number } = this.ledger;
    const elections = new Map(
      this.contests.flatMap(({ electionUuid, buffering }) =>
        buffering === null ? [] : [[electionUuid, buffering] as const],
      ),
    );
    const found = new Set<string>();
    for (const { streamId, source } of this.streams) {
      const buffering = source === null ? undefined : elections.get(source.electionUuid);
      if (source !== null) found.add(`${source.electionUuid}/${source.partition}`);
      const belongs =
        source === null || !buffering || ledgerOfPartition(source.partition, buffering) === number;
      if (belongs && ledgerOfStream(streamId) === number) continue;
      const message = source === null ? "by its number" : `it is of partition ${source.partition}`;
      this.findings.add("stream_misplaced", { stream: streamId }, message);
    }
    for (const [electionUuid, buffering] of elections) {
      // Streams are made before the topic is, and nothing is accepted before.
      if (buffering.topicId === null) continue;
      for (let partition = 0; partition < buffering.partitions; partition++) {
        if (ledgerOfPartition(partition, buffering) !== number) continue;
        if (found.has(`${electionUuid}/${partition}`)) continue;
        this.findings.add("stream_missing", {}, `partition ${partition} of election ${electionUuid}`);
      }
    }
  }

  private reportPlaces(): void {
    for (const { streamId, seq, index: at } of this.index.unseen()) {
      const place = { stream: streamId, seq, index: at };
      this.findings.add("place_without_ballot", place, "no ballot names this place");
    }
    const ids = new Map(this.contests.filter(this.inScope).map(({ ledgerId, id }) => [ledgerId, id]));
    for (const { streamId, seq, contestLedgerId, option, excess } of this.index.tallyDifferences()) {
      const contest = ids.get(contestLedgerId);
      const what = option === BLANK ? "blank" : `option ${option}`;
      this.findings.add(
        "block_tally_mismatch",
        contest === undefined ? { stream: streamId, seq } : { contest, stream: streamId, seq },
        `${what}: its tally counts ${Math.abs(excess)} ${excess > 0 ? "more" : "fewer"} than its ballots`,
      );
    }
  }

  private async nextSeqs(): Promise<Map<number, number>> {
    return new Map((await this.ledger.source.streams()).map(({ streamId, nextSeq }) => [streamId, nextSeq]));
  }
}
