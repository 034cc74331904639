/**
 * Contests ahead of their voters: a gateway's directory knows every contest of a buffered election before anybody asks
 * for it, so that their ballots are taken while the home ledger fails over, also by a gateway that had no voter before.
 *
 * Gateways may share their readings of the ledger: one reads, and the others learn it. What is shared is believed if one of
 * them signed it, and for no longer than if this gateway had read it from the ledger then: it may be old, gone or made up.
 */
import type { TokenKey } from "../admission/secrets.ts";
import type { Contest } from "../election/contest.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ContestDirectory } from "./directory.ts";
import { parseSharedContests, sharedContestsText } from "./shared-contests.ts";
import type { ContestStore } from "./store.ts";

/**
 * One text that processes share. It may be gone, old, or anybody's at any time: nothing of it is durable, and a write may be
 * lost without a word. Both calls take a moment at most, and neither throws.
 */
export interface SharedText {
  read(): Promise<string | null>;
  write(text: string): void;
}

export type ContestsAheadParts = {
  store: Pick<ContestStore, "contestsAhead">;
  directory: Pick<ContestDirectory, "learn">;
  /** Null where every gateway asks the ledger. */
  shared: SharedText | null;
  tokenKeys: readonly TokenKey[];
  /** By this machine's clock others judge what it shares, and it what they do. */
  isClockRight: () => boolean;
  /** Whether the ledger's durability gate is open: what a primary says that was replaced must not reach others. */
  isGateOpen: () => boolean;
};

export type ContestsAheadOptions = {
  /** How often it is asked; what another gateway read since then is not read again. */
  pollMs: number;
  /** For so long the directory believes what it knows. */
  believedMs: number;
  /** What the clocks of two gateways may differ by, while each is right. */
  clocksDifferMsMax: number;
  clock: Clock;
  onError: (error: Error) => void;
};

/** Further ones are known when they are asked for. Two hundred take 1.5 ms to read from what is shared (measured). */
const CONTESTS_MAX = 200;

export class ContestsAhead {
  constructor(
    private readonly parts: ContestsAheadParts,
    private readonly options: ContestsAheadOptions,
  ) {}

  /** Until the signal. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, pollMs, onError } = this.options;
    while (!signal.aborted) {
      await this.poll().catch(onError);
      await clock.pause(pollMs, signal);
    }
  }

  /** Rejects when the ledger was needed and did not answer. */
  async poll(): Promise<void> {
    if (await this.learnShared()) return;
    const { store, directory } = this.parts;
    const { clock } = this.options;
    const [readAtMs, steadyMs] = [clock.now(), clock.steadyMs()];
    const contests = await store.contestsAhead(CONTESTS_MAX);
    directory.learn(contests, steadyMs);
    this.share(contests, readAtMs);
  }

  /** Whether that is as good as reading the ledger. */
  private async learnShared(): Promise<boolean> {
    const { shared, tokenKeys, directory, isClockRight } = this.parts;
    const { clock, pollMs, believedMs, clocksDifferMsMax } = this.options;
    const text = (await shared?.read()) ?? null;
    const found = text === null ? null : parseSharedContests(text, tokenKeys);
    if (found === null || !isClockRight()) return false;
    // In this order: what freezes the process between them makes it older, and not younger.
    const steadyMs = clock.steadyMs();
    const apparentAgeMs = clock.now() - found.readAtMs;
    if (apparentAgeMs < -clocksDifferMsMax || apparentAgeMs > believedMs) return false;
    // It may be older than it looks, by what the clocks differ by.
    directory.learn(found.contests, steadyMs - apparentAgeMs - clocksDifferMsMax);
    return apparentAgeMs < pollMs;
  }

  private share(contests: readonly Contest[], readAtMs: number): void {
    const { shared, tokenKeys, isClockRight, isGateOpen } = this.parts;
    if (shared === null || !isClockRight() || !isGateOpen()) return;
    shared.write(sharedContestsText({ contests, readAtMs }, tokenKeys));
  }
}
