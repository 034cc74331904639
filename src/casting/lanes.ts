/** The lanes of a gateway: a voter is always on the same one, so that a voter's ballots never race each other here. */
import type { Lane } from "../recording/lane.ts";
import type { Ballot, BallotKey } from "../recording/ledger.ts";
import type { CastRequest, Verdict } from "../recording/verdict.ts";

export class Lanes {
  constructor(private readonly lanes: readonly Lane[]) {}

  /** See {@link Lane.cast}. */
  cast(ballot: Ballot, request: CastRequest, deadlineMs: number): Promise<Verdict> {
    return this.laneOf(ballot).cast(ballot, request, deadlineMs);
  }

  /** Whether a ballot of that voter is on its way here, and may be recorded yet. */
  mayRecord(key: BallotKey): boolean {
    return this.laneOf(key).mayRecord(key);
  }

  get waitingBallots(): number {
    return this.lanes.reduce((sum, lane) => sum + lane.waitingBallots, 0);
  }

  /** Whether a ballot would be refused whoever's it is. */
  get isFull(): boolean {
    return this.lanes.every((lane) => lane.isFull);
  }

  /** Settles when every lane has been drained; rejects when one of them broke a promise, which is a bug. */
  async run(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.run()));
  }

  drain(): void {
    for (const lane of this.lanes) lane.drain();
  }

  private laneOf({ voterKey }: BallotKey): Lane {
    return this.lanes[Number.parseInt(voterKey.slice(0, 4), 16) % this.lanes.length]!;
  }
}
