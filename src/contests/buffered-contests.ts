/** What running elections does besides when they are buffered: topics, copies in the ledgers that record, barriers. */
import type { Appender, TopicMaker } from "../buffering/log.ts";
import { encodeRecord } from "../buffering/record.ts";
import { type Buffering, HOME_LEDGER, ledgerOfPartition, topicOf } from "../election/buffering.ts";
import type { Contest } from "../election/contest.ts";
import type { Election } from "../election/election.ts";
import { addVotes, type ContestTally, type Tally } from "../election/tally.ts";
import type { Clock } from "../runtime/clock.ts";
import { Problem } from "../runtime/problem.ts";
import type { BallotLedger } from "./ballot-ledger.ts";
import type { ContestStore } from "./store.ts";

/** What an organiser asks for; what is left out is as the deployment has it. */
export type BufferingRequest = { partitions?: number | undefined; ledgers?: string[] | undefined };

export type BufferedContestsOptions = {
  /** Of every ledger by its name; the home ledger's first. */
  ledgers: ReadonlyMap<string, BallotLedger>;
  partitionsByDefault: number;
  appendTimeoutMs: number;
  /** So long after the close gateways may still promise ballots: no barrier is written before. */
  drainMsMin: number;
  /** A barrier that has not been met for so long is written again. */
  barrierAgainMs: number;
  /** How often it is looked for contests that a ledger was not told of. */
  copiesPollMs: number;
  onUncopied: (error: Error) => void;
  /** What is wrong with this machine's clock, by which barriers are written; null when nothing is. */
  clockFault: () => string | null;
  clock: Clock;
};

export class BufferedContests {
  /** By contest uuid and partition: when, by the steady clock, its barrier was last written. */
  private readonly barriersWritten = new Map<string, number>();

  constructor(
    private readonly store: Pick<ContestStore, "setTopic" | "bufferedContests">,
    private readonly topics: TopicMaker,
    private readonly log: Pick<Appender, "append">,
    private readonly options: BufferedContestsOptions,
  ) {}

  /** Throws Problem invalid_request for a ledger that there is not. */
  plan({ partitions, ledgers }: BufferingRequest): Buffering {
    const names = ledgers ?? this.ledgersByDefault();
    const numbers = names.map((name) => {
      const ledger = this.options.ledgers.get(name);
      if (ledger !== undefined) return ledger.number;
      const known = [...this.options.ledgers.keys()].join(", ");
      throw new Problem(
        "invalid_request",
        `buffering.ledgers: there is no ledger ${name}; there are ${known}`,
      );
    });
    return { partitions: partitions ?? this.options.partitionsByDefault, ledgers: numbers, topicId: null };
  }

  /** In the order of its ledgers. */
  namesOf({ ledgers }: Buffering): string[] {
    const names = new Map([...this.options.ledgers].map(([name, { number }]) => [number, name]));
    return ledgers.map((number) => names.get(number) ?? String(number));
  }

  /**
   * Makes whatever is missing until the election takes ballots. May be done again, by several at once. Throws Problem
   * not_available while one that is needed does not answer, or where the topic would not be safe.
   */
  async addElection(election: Election): Promise<Election> {
    const buffering = election.buffering!;
    for (const ledger of this.ledgersOf(buffering)) {
      const partitions = Array.from({ length: buffering.partitions }, (_, partition) => partition);
      const own = partitions.filter((partition) => ledgerOfPartition(partition, buffering) === ledger.number);
      await ledger.addElection(election, own);
    }
    if (buffering.topicId !== null) return election;
    return this.store.setTopic(election, await this.makeTopic(election.uuid, buffering));
  }

  /** Makes every ledger of its election take the contest's ballots. */
  async addContest(contest: Contest): Promise<void> {
    await Promise.all(this.ledgersOf(contest.buffering!).map((ledger) => ledger.addContest(contest)));
  }

  /**
   * Makes up for contests that a ledger was not told of, since it did not answer when they were made: there would be no place
   * for their ballots, and no partition of that ledger could go on behind one.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, copiesPollMs, onUncopied } = this.options;
    const copied = new Set<string>();
    while (!signal.aborted) {
      try {
        const contests = await this.store.bufferedContests();
        for (const contest of contests.filter(({ uuid }) => !copied.has(uuid))) {
          await this.addContest(contest);
          copied.add(contest.uuid);
        }
      } catch (error) {
        onUncopied(error as Error);
      }
      await clock.pause(copiesPollMs, signal);
    }
  }

  /**
   * Whether every partition has been drained up to the contest's barrier; writes barriers that are missing. Only for a
   * contest whose close and drain are over, and whose close was known in time.
   */
  async passBarriers(contest: Contest): Promise<boolean> {
    const buffering = contest.buffering!;
    const { clock, clockFault, drainMsMin } = this.options;
    const fault = clockFault();
    if (fault !== null) throw new Problem("not_available", fault);
    if (clock.now() < contest.closesAtMs! + drainMsMin) return false;
    const passed = await Promise.all(
      this.ledgersOf(buffering).map((ledger) => ledger.partitionsPassed(contest)),
    );
    const met = new Set(passed.flatMap((partitions) => [...partitions]));
    const missing = Array.from({ length: buffering.partitions }, (_, partition) => partition).filter(
      (partition) => !met.has(partition),
    );
    for (const partition of met) this.barriersWritten.delete(`${contest.uuid} ${partition}`);
    await this.writeBarriers(contest, missing);
    return missing.length === 0;
  }

  /** What is wrong with Kafka, or with a topic of that name, is told to the organiser, with what mends it. */
  private async makeTopic(electionUuid: string, { partitions }: Buffering): Promise<string> {
    try {
      return await this.topics.makeTopic(topicOf(electionUuid), partitions);
    } catch (error) {
      throw new Problem("not_available", (error as Error).message, { cause: error });
    }
  }

  /** In every ledger of its election but the home ledger's own row, which the store seals. */
  async seal(contest: Contest): Promise<void> {
    await Promise.all(this.ledgersOf(contest.buffering!).map((ledger) => ledger.seal(contest)));
  }

  /** The sums over all ledgers of its election. */
  async tallies(contest: Contest): Promise<{ ballots: ContestTally; blocks: ContestTally }> {
    const all = await Promise.all(
      this.ledgersOf(contest.buffering!).map((ledger) => ledger.tallies(contest)),
    );
    return { ballots: sum(all.map(({ ballots }) => ballots)), blocks: sum(all.map(({ blocks }) => blocks)) };
  }

  private async writeBarriers(contest: Contest, partitions: readonly number[]): Promise<void> {
    const { clock, barrierAgainMs, appendTimeoutMs } = this.options;
    const nowMs = clock.steadyMs();
    const keyOf = (partition: number) => `${contest.uuid} ${partition}`;
    const due = partitions.filter((partition) => {
      const writtenAtMs = this.barriersWritten.get(keyOf(partition));
      return writtenAtMs === undefined || nowMs - writtenAtMs >= barrierAgainMs;
    });
    if (due.length === 0) return;
    const topic = { name: topicOf(contest.electionUuid), id: contest.buffering!.topicId! };
    const value = encodeRecord({
      kind: "barrier",
      contestUuid: contest.uuid,
      closesAtMs: contest.closesAtMs!,
    });
    const outcomes = await this.log.append(
      topic,
      due.map((partition) => ({ partition, value })),
      appendTimeoutMs,
    );
    // Of one whose outcome is unknown another one is written next time: the first that is met counts.
    outcomes.forEach(({ outcome }, i) => {
      if (outcome === "appended") this.barriersWritten.set(keyOf(due[i]!), nowMs);
    });
    const failed = outcomes.find((outcome) => outcome.outcome !== "appended");
    if (failed !== undefined && "error" in failed) throw failed.error;
  }

  /** Those that were added for recording, where there are any. */
  private ledgersByDefault(): string[] {
    const [home, ...further] = this.options.ledgers.keys();
    return further.length > 0 ? further : [home!];
  }

  private ledgersOf({ ledgers }: Buffering): BallotLedger[] {
    const byNumber = new Map([...this.options.ledgers.values()].map((ledger) => [ledger.number, ledger]));
    return [...new Set(ledgers)].map((number) => {
      const ledger = byNumber.get(number);
      if (ledger !== undefined) return ledger;
      const which = number === HOME_LEDGER ? "the home ledger" : `ledger ${number}`;
      throw new Problem("not_available", `${which} is needed for this election, and not configured here`);
    });
  }
}

function sum(tallies: readonly ContestTally[]): ContestTally {
  const total: Tally = new Map([["", new Map()]]);
  for (const tally of tallies) for (const [option, votes] of tally) addVotes(total, "", option, votes);
  return total.get("")!;
}
