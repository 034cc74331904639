/** An appender in virtual time: each call has a fate of its own, and what it appended is kept. */
import type { Appender, Appending, AppendOutcome, Topic } from "../../src/buffering/log.ts";
import type { VirtualClock } from "../support/virtual-clock.ts";

export type AppendFate = { outcome: AppendOutcome["outcome"]; afterMs: number };

export class SimulatedAppender implements Appender {
  readonly appended: Appending[] = [];
  /** How many records each call brought. */
  readonly calls: number[] = [];
  /** Of the calls to come; after the last one all succeed at once. */
  fates: AppendFate[] = [];

  constructor(
    private readonly clock: VirtualClock,
    /** By partition. */
    private readonly leaders: readonly number[] = [0],
  ) {}

  leaderOf(_: Topic, partition: number): number {
    return this.leaders[partition % this.leaders.length]!;
  }

  async append(_: Topic, records: readonly Appending[]): Promise<AppendOutcome[]> {
    this.calls.push(records.length);
    const fate = this.fates.shift() ?? { outcome: "appended", afterMs: 1 };
    await this.clock.pause(fate.afterMs);
    return records.map((record): AppendOutcome => {
      if (fate.outcome !== "appended") return { outcome: fate.outcome, error: new Error(fate.outcome) };
      return { outcome: "appended", offset: this.appended.push(record) - 1 };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
