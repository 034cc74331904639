/** The directory: contests as the ledger had them at most a moment ago, for those who can't wait for the ledger. */
import { type Contest, contestStateAt } from "../election/contest.ts";
import type { ContestStore } from "./store.ts";

export type DirectoryOptions = {
  refreshMs: number;
  /** Older entries are not believed. */
  lifetimeMs: number;
  contestsMax: number;
  now: () => number;
  onError: (error: Error) => void;
};

type Entry = { contest: Contest; readAtMs: number };

export class ContestDirectory implements AsyncDisposable {
  /** By public id and by uuid; insertion order is age. */
  private readonly entries = new Map<string, Entry>();
  private readonly asked = new Map<string, Promise<Contest | null>>();
  private next: { ids: Set<string>; answer: Promise<Map<string, Contest>> } | undefined;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly store: Pick<ContestStore, "findContests">,
    private readonly options: DirectoryOptions,
  ) {
    this.timer = setInterval(() => void this.refresh(), options.refreshMs);
  }

  /** What is known and young enough to be believed. */
  get(id: string): Contest | undefined {
    const entry = this.entries.get(id);
    if (entry === undefined || this.options.now() - entry.readAtMs > this.options.lifetimeMs)
      return undefined;
    return entry.contest;
  }

  /** Asks the ledger now; many askers share a look-up. Null when there is no such contest. Throws when it can't know. */
  fresh(id: string): Promise<Contest | null> {
    const asked = this.asked.get(id);
    if (asked !== undefined) return asked;
    const answer = this.lookUp(id).finally(() => this.asked.delete(id));
    this.asked.set(id, answer);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.timer);
  }

  private async lookUp(id: string): Promise<Contest | null> {
    this.next ??= this.nextLookUp();
    this.next.ids.add(id);
    const found = await this.next.answer;
    return found.get(id) ?? null;
  }

  /** Gathers what is asked for until the event loop turns, then reads it at once. */
  private nextLookUp() {
    const ids = new Set<string>();
    const answer = new Promise<Map<string, Contest>>((resolve, reject) => {
      setImmediate(() => {
        this.next = undefined;
        this.read([...ids]).then(resolve, reject);
      });
    });
    return { ids, answer };
  }

  private async read(ids: string[]): Promise<Map<string, Contest>> {
    const readAtMs = this.options.now();
    const contests = await this.store.findContests(ids);
    const byId = new Map(
      contests.flatMap(
        (contest) =>
          [
            [contest.id, contest],
            [contest.uuid, contest],
          ] as const,
      ),
    );
    for (const [id, contest] of byId) {
      this.entries.delete(id);
      this.entries.set(id, { contest, readAtMs });
    }
    for (const id of this.entries.keys()) {
      if (this.entries.size <= this.options.contestsMax * 2) break;
      this.entries.delete(id);
    }
    return byId;
  }

  /** Final contests do not change any more, but for being declared void, which a look-up shows. */
  private async refresh(): Promise<void> {
    const nowMs = this.options.now();
    const ids = new Set<string>();
    for (const { contest, readAtMs } of this.entries.values()) {
      const settled =
        contestStateAt(contest, nowMs) === "final" && nowMs - readAtMs < this.options.lifetimeMs / 2;
      if (!settled) ids.add(contest.id);
    }
    if (ids.size === 0) return;
    try {
      await this.read([...ids]);
    } catch (error) {
      this.options.onError(error as Error);
    }
  }
}
