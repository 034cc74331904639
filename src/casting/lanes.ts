/** The lanes of a gateway: a voter is always on the same one, so that a voter's ballots never race each other here. */
import type { Lane } from "../recording/lane.ts";
import type { Ballot } from "../recording/ledger.ts";
import type { CastRequest, Verdict } from "../recording/verdict.ts";

export class Lanes {
  constructor(private readonly lanes: readonly Lane[]) {}

  cast(ballot: Ballot, request: CastRequest): Promise<Verdict> {
    const lane = this.lanes[Number.parseInt(ballot.voterKey.slice(0, 4), 16) % this.lanes.length]!;
    return lane.cast(ballot, request);
  }

  get waitingBallots(): number {
    return this.lanes.reduce((sum, lane) => sum + lane.waitingBallots, 0);
  }

  /** Settles when every lane has been drained; rejects when one of them broke a promise, which is a bug. */
  async run(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.run()));
  }

  drain(): void {
    for (const lane of this.lanes) lane.drain();
  }
}
