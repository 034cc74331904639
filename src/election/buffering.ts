/** How an election's ballots are buffered on their way to the ledgers. Fixed when the election is made. */

export type Buffering = {
  /** Of its topic: which one a ballot is in follows from its voter alone. */
  partitions: number;
  /** Numbers of ledgers: partition p is drained into the one at p mod their count. */
  ledgers: readonly number[];
  /** Kafka's own id of the topic, a uuid; null until the topic has been made, and nothing is accepted before. */
  topicId: string | null;
};

/** The ledger in which elections and contests are run, and ballots recorded that are not buffered. */
export const HOME_LEDGER = 0;

export function topicOf(electionUuid: string): string {
  return `urna-${electionUuid}`;
}

/** Of a voter key's 32 hexadecimal digits, an HMAC's, every 32 bits are as good as drawn. */
export function partitionOf(voterKey: string, { partitions }: Pick<Buffering, "partitions">): number {
  return Number.parseInt(voterKey.slice(0, 8), 16) % partitions;
}

/** The number of the ledger that a partition is drained into. */
export function ledgerOfPartition(partition: number, { ledgers }: Pick<Buffering, "ledgers">): number {
  return ledgers[partition % ledgers.length]!;
}

/** The number of the ledger that this voter's ballots are recorded in; null stands for ballots that are not buffered. */
export function ledgerOfVoter(voterKey: string, buffering: Buffering | null): number {
  return buffering === null ? HOME_LEDGER : ledgerOfPartition(partitionOf(voterKey, buffering), buffering);
}

/** The numbers of the ledgers that such ballots are recorded in, each once. */
export function ledgersOf(buffering: Buffering | null): number[] {
  return buffering === null ? [HOME_LEDGER] : [...new Set(buffering.ledgers)];
}

/** Stream numbers begin here in the ledger of that number. */
export function firstStreamOf(ledger: number): number {
  return ledger * 2 ** 24 + 1;
}

/** The inverse of {@link firstStreamOf}, for any of its streams. */
export function ledgerOfStream(streamId: number): number {
  return streamId >> 24;
}
