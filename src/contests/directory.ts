/** The directory: contests as the ledger had them at most a moment ago, for those who can't wait for the ledger. */
import { type Contest, contestStateAt } from "../election/contest.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ContestStore } from "./store.ts";

export type DirectoryOptions = {
  refreshMs: number;
  /** Older entries are not believed; those of buffered elections for longer, since votes are taken without the ledger. */
  lifetimeMs: number;
  bufferedLifetimeMs: number;
  contestsMax: number;
  clock: Clock;
  onError: (error: Error) => void;
};

/** Both instants are of the steady clock. */
type Entry = { contest: Contest; readAtMs: number; askedAtMs: number };

/** Ids that askers are waiting to hear of; nothing has been sent for them yet. */
type LookUp = { ids: Set<string>; answer: Promise<Map<string, Contest>> };

/** Distinct contests in one look-up. */
const LOOK_UP_IDS_MAX = 1_000;

/** What nobody has asked for in so many lifetimes is refreshed no more. */
const ASKED_LIFETIMES = 60;

/** More contests are asked for at once than one look-up takes. */
export class DirectoryOverloadedError extends Error {
  readonly code = "directory_overloaded";
}

export class ContestDirectory implements AsyncDisposable {
  /** By public id and by uuid; insertion order is age. */
  private readonly entries = new Map<string, Entry>();
  /** The look-up under way, settled when there is none; never rejects. */
  private current: Promise<unknown> = Promise.resolve();
  private next: LookUp | undefined;
  private refreshing = false;
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
    if (entry === undefined) return undefined;
    entry.askedAtMs = this.options.clock.steadyMs();
    const { lifetimeMs, bufferedLifetimeMs } = this.options;
    const believedMs = entry.contest.buffering === null ? lifetimeMs : bufferedLifetimeMs;
    return entry.askedAtMs - entry.readAtMs > believedMs ? undefined : entry.contest;
  }

  /** How many contests it knows something of. */
  get size(): number {
    return new Set(this.entries.values().map(({ contest }) => contest.uuid)).size;
  }

  /** What was known last, however old: for what does not change, or must be said while the ledger does not answer. */
  lastKnown(id: string): Contest | undefined {
    return this.entries.get(id)?.contest;
  }

  /**
   * Asks the ledger now. One look-up is under way at a time, and those who ask meanwhile share the next one: an answer
   * that was on its way already might be older than the question. Null when there is no such contest. Throws when it
   * can't know, {@link DirectoryOverloadedError} when too many are asked for.
   */
  async fresh(id: string): Promise<Contest | null> {
    this.next ??= this.nextLookUp();
    const { ids, answer } = this.next;
    if (ids.size >= LOOK_UP_IDS_MAX && !ids.has(id)) {
      throw new DirectoryOverloadedError(`more than ${LOOK_UP_IDS_MAX} contests are asked for at once`);
    }
    ids.add(id);
    return (await answer).get(id) ?? null;
  }

  /** What others read, at that instant of the steady clock. It is refreshed once it has been asked for. */
  learn(contests: readonly Contest[], readAtMs: number): void {
    this.keep(contests, readAtMs, Number.NEGATIVE_INFINITY);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.timer);
  }

  /** Gathers what is asked for until the look-up under way has ended, then reads it at once. */
  private nextLookUp(): LookUp {
    const ids = new Set<string>();
    const answer = this.current.then(() => {
      this.next = undefined;
      return this.read([...ids]);
    });
    this.current = answer.catch(() => undefined);
    return { ids, answer };
  }

  private async read(ids: string[]): Promise<Map<string, Contest>> {
    const readAtMs = this.options.clock.steadyMs();
    return this.keep(await this.store.findContests(ids), readAtMs, readAtMs);
  }

  private keep(contests: readonly Contest[], readAtMs: number, firstAskedAtMs: number): Map<string, Contest> {
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
      const known = this.entries.get(id);
      // A look-up and a refresh may be under way at once: what was asked for later stays, whichever is answered last.
      if (known !== undefined && known.readAtMs > readAtMs) continue;
      const askedAtMs = known?.askedAtMs ?? firstAskedAtMs;
      this.entries.delete(id);
      this.entries.set(id, { contest, readAtMs, askedAtMs });
    }
    for (const id of this.entries.keys()) {
      if (this.entries.size <= this.options.contestsMax * 2) break;
      this.entries.delete(id);
    }
    return byId;
  }

  /** Final contests do not change any more, but for being declared void, which a look-up shows. */
  private async refresh(): Promise<void> {
    if (this.refreshing) return;
    const { clock, lifetimeMs } = this.options;
    const [nowMs, steadyMs] = [clock.now(), clock.steadyMs()];
    const ids = new Set<string>();
    for (const { contest, readAtMs, askedAtMs } of this.entries.values()) {
      const isForgotten = steadyMs - askedAtMs > ASKED_LIFETIMES * lifetimeMs;
      const isSettled = contestStateAt(contest, nowMs) === "final" && steadyMs - readAtMs < lifetimeMs / 2;
      if (!isForgotten && !isSettled) ids.add(contest.id);
    }
    if (ids.size === 0) return;
    this.refreshing = true;
    try {
      await this.read([...ids]);
    } catch (error) {
      this.options.onError(error as Error);
    } finally {
      this.refreshing = false;
    }
  }
}
