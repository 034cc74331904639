/** The simulated ledger that lanes are tried on answers as PostgreSQL does: the same calls to both, the same answers. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import type { Contest } from "../../src/election/contest.ts";
import type { PostgresContestStore } from "../../src/postgres/contest-store.ts";
import type { SessionPool } from "../../src/postgres/session-pool.ts";
import type { PostgresStreamWriter } from "../../src/postgres/stream-writer.ts";
import type { Batch, RecordOutcome, StreamHead } from "../../src/recording/ledger.ts";
import { SimulatedLedger } from "../recording/simulated-ledger.ts";
import { ballotOf, batchOf, createContest, openStore, streamWriter } from "../support/record.ts";
import { freshDatabase } from "../support/shared-cluster.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const opened = new AsyncDisposableStack();
let store: PostgresContestStore;
let pool: SessionPool;
let writers: PostgresStreamWriter[];
beforeAll(async () => {
  const database = await freshDatabase();
  ({ store, pool } = await openStore(opened, database));
  writers = [0, 1].map(() => opened.use(streamWriter(database)));
  for (const writer of writers) await writer.connect();
});
afterAll(() => opened.disposeAsync());

const one = fc.nat({ max: 1 });
const CALL = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      call: fc.constant("record" as const),
      writer: one,
      /** Whose stream it believes to be its own. */
      stream: one,
      seqAhead: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.constantFrom(-1, 1)),
      epochAhead: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.constant(1)),
      ballots: fc.array(
        fc.record({ voter: fc.nat({ max: 5 }), contest: one, selection: fc.integer({ min: 1, max: 3 }) }),
        { minLength: 1, maxLength: 6, size: "max" },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ call: fc.constant("again" as const), writer: one }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant("fence" as const), stream: one }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant("seal" as const), contest: one }) },
);
type Call = typeof CALL extends fc.Arbitrary<infer T> ? T : never;

/** Both ledgers from the same beginning: two streams, two contests. */
class Pair {
  private readonly model = new SimulatedLedger(new VirtualClock());
  private last: { writer: number; head: StreamHead; batch: Batch } | undefined;

  private constructor(
    private readonly contests: Contest[],
    /** PostgreSQL's numbers of the model's streams 1 and 2. */
    private readonly streamIds: number[],
    /** Of PostgreSQL's last blocks, which the model has none of. */
    private readonly hashes: Buffer[],
  ) {
    for (const _ of streamIds) this.model.openStream(0);
  }

  static async open(): Promise<Pair> {
    const contests = [await createContest(store), await createContest(store)];
    const heads = [await writers[0]!.openStream(), await writers[1]!.openStream()];
    const streamIds = heads.map(({ streamId }) => streamId);
    return new Pair(
      contests,
      streamIds,
      heads.map(({ hash }) => hash),
    );
  }

  async make(call: Call): Promise<void> {
    switch (call.call) {
      case "record": {
        const head = { ...this.model.head(call.stream + 1), hash: this.hashes[call.stream]! };
        head.nextSeq = Math.max(1, head.nextSeq + call.seqAhead);
        head.epoch += call.epochAhead;
        const batch = batchOf(
          call.ballots.map(({ voter, contest, selection }) =>
            ballotOf(this.contests[contest]!, String(voter), [selection]),
          ),
        );
        this.last = { writer: call.writer, head, batch };
        return this.record(this.last);
      }
      case "again":
        return this.last && this.record({ ...this.last, writer: call.writer });
      case "fence":
        this.model.fence(call.stream + 1, 0);
        await pool.use((session) =>
          session.query({ text: "UPDATE streams SET epoch = epoch + 1 WHERE stream_id = $1" }, [
            this.streamIds[call.stream],
          ]),
        );
        return;
      case "seal":
        this.model.seal(this.contests[call.contest]!.ledgerId, 0);
        await store.seal(this.contests[call.contest]!, Date.now());
    }
  }

  private async record({ writer, head, batch }: NonNullable<typeof this.last>): Promise<void> {
    const stream = head.streamId - 1;
    const streamId = this.streamIds[stream]!;
    const real = await writers[writer]!.record({ ...head, streamId }, batch);
    if (real.outcome === "recorded") this.hashes[stream] = real.head.hash;
    // Whether those who have a ballot are looked up first is the writer's choice, and shows only where a seal is met.
    const looksUp = real.outcome !== "sealed" || real.contestLedgerId !== this.model.sealMet(batch, false);
    expect(this.shown(real)).toEqual(this.shown(this.model.record(head, batch, 0, looksUp)));
  }

  /** With the model's numbers of streams, and without what only one of them has: a hash, an error's words. */
  private shown(outcome: RecordOutcome) {
    if (outcome.outcome === "sealed") return outcome;
    if (outcome.outcome !== "recorded") return { outcome: outcome.outcome };
    const modelled = (streamId: number) => this.streamIds.indexOf(streamId) + 1 || streamId;
    const ballots = outcome.ballots.map((row) => ({ ...row, streamId: modelled(row.streamId) }));
    const { epoch, nextSeq, streamId } = outcome.head;
    return { outcome: "recorded", ballots, head: { epoch, nextSeq, streamId: modelled(streamId) } };
  }
}

test("whatever is recorded, repeated, fenced and sealed: PostgreSQL and the model answer the same", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(CALL, { minLength: 1, maxLength: 16, size: "max" }), async (calls) => {
      const pair = await Pair.open();
      for (const call of calls) await pair.make(call);
    }),
    { numRuns: 25 },
  );
});
