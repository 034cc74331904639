/**
 * Shared reads: whoever asks while a read is under way shares the next one. Without a timer: under load the reads
 * grow and not their number, and an idle system answers at once.
 */

/** More askers wait than may. */
export class ReadsOverloadedError extends Error {
  readonly code = "reads_overloaded";
}

export type SharedReadsOptions = {
  /** Past so many waiting askers a further one is refused at once. */
  askersMax: number;
  /** How many keys one read takes, unless a single asker brings more. */
  keysMax: number;
};

type Asker<Key, Row> = {
  keys: readonly Key[];
  resolve: (found: Row[]) => void;
  reject: (error: Error) => void;
};

/**
 * One read at a time. What durability its answers have is the read's own matter; a read that fails fails all who
 * share it, and nothing is retried. Concurrent.
 */
export class SharedReads<Key, Row extends Key> {
  private askers: Asker<Key, Row>[] = [];
  private busy = false;

  constructor(
    /** The rows of those keys that have one, in no particular order. */
    private readonly read: (keys: readonly Key[]) => Promise<Row[]>,
    /** Equal for a key and its row, and for no others. */
    private readonly nameOf: (key: Key) => string,
    private readonly options: SharedReadsOptions,
  ) {}

  /** Throws {@link ReadsOverloadedError}, or what the read throws. */
  ask(keys: readonly Key[]): Promise<Row[]> {
    if (this.askers.length >= this.options.askersMax) {
      const message = `more than ${this.options.askersMax} look-ups are waiting`;
      return Promise.reject(new ReadsOverloadedError(message));
    }
    return new Promise((resolve, reject) => {
      this.askers.push({ keys, resolve, reject });
      if (!this.busy) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.busy = true;
    while (this.askers.length > 0) {
      const askers = this.take();
      try {
        const found = await this.read(askers.flatMap(({ keys }) => keys));
        const rows = new Map(found.map((row) => [this.nameOf(row), row]));
        for (const { keys, resolve } of askers) {
          resolve(keys.flatMap((key) => rows.get(this.nameOf(key)) ?? []));
        }
      } catch (error) {
        for (const { reject } of askers) reject(error as Error);
      }
    }
    this.busy = false;
  }

  /** As many askers as fit into one read, at least one. */
  private take(): Asker<Key, Row>[] {
    let keys = 0;
    let count = 0;
    for (const asker of this.askers) {
      keys += asker.keys.length;
      if (count > 0 && keys > this.options.keysMax) break;
      count++;
    }
    return this.askers.splice(0, count);
  }
}
