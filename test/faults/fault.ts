/** A fault: what is done to a running cluster while people vote, and what must hold all the same. */
import { setTimeout as pause } from "node:timers/promises";
import type { Cluster, ClusterOptions } from "./cluster/cluster.ts";
import type { Failover } from "./cluster/supervisor.ts";
import type { TestContest } from "./contest.ts";
import { Crowd } from "./judge/crowd.ts";
import type { Silence } from "./judge/history.ts";
import type { Journal } from "./judge/journal.ts";
import type { Polls, Voters } from "./judge/voters.ts";
import type { Random } from "./random.ts";

export type Fault = {
  /** The property that it holds, as in its file's name. */
  name: string;
  /**
   * Breaks things while the voters cast, seconds long. Whatever it leaves broken is mended after it. Throws when
   * something else than the judge's rules is violated: a promotion that should have been refused, say.
   */
  run(stage: Stage): Promise<void>;
  /** A negative control: it breaks a rule on purpose, and the judge must find ballots lost. */
  losesOnPurpose?: boolean;
  /** Why it can't be run here, in words, or null when it can. */
  impossible?: () => string | null;
  /** On a cluster whose elections are buffered. */
  buffered?: boolean;
  /** A cluster of its own; without it the fault is run on the one that all others of its path share. */
  cluster?: ClusterOptions;
};

/** The measure of one replaced primary; `performance.now()` of each step. */
export type Replacement = Failover & {
  diedAtMs: number;
  /** When the old primary was let answer again: set by the fault that does so. */
  backAtMs: number;
};

type Scope = Pick<Silence, "gateways" | "concerns">;

/** What a fault plays on. */
export class Stage {
  readonly silences: Silence[] = [];
  readonly replacements: Replacement[] = [];
  /** By a fault that closed the contest: nobody can vote after it. */
  isClosed = false;

  constructor(
    readonly cluster: Cluster,
    readonly random: Random,
    readonly contest: TestContest,
    readonly voters: Voters,
    private readonly polls: Polls,
    private readonly journal: Journal,
  ) {}

  /** Many more voters, in a hurry. */
  crowd(): Crowd {
    return new Crowd({ ...this.polls, journal: this.journal, random: this.random.fork() });
  }

  /** Notes in the journal what is done. */
  event(what: string): void {
    this.journal.event(what);
  }

  /**
   * Nothing that anybody begins to ask for while `work` runs may be acknowledged while it runs, because of `what`.
   * Exact, and no matter of time: begin it when the cut is made, end it before it is mended.
   */
  async silence<T>(what: string, work: () => Promise<T>, scope: Scope = {}): Promise<T> {
    return this.silenceOf("acknowledged", what, work, scope);
  }

  /** The same of what may not be accepted. */
  async silenceOf<T>(of: Silence["of"], what: string, work: () => Promise<T>, scope: Scope = {}): Promise<T> {
    const fromMs = performance.now();
    this.event(`from now on nothing may be ${of}: ${what}`);
    try {
      return await work();
    } finally {
      const untilMs = performance.now();
      this.silences.push({ what, of, fromMs, untilMs, ...scope });
      this.event(`until now nothing may be ${of}: ${what}`);
    }
  }

  /** What is broken stays so for that long. */
  async lasts(ms: number): Promise<void> {
    await pause(ms);
  }

  /** The supervisor replaces the primary, of the home ledger or of that one, which died at `diedAtMs`. */
  async replacePrimary(diedAtMs: number, { supervisor } = this.cluster.home): Promise<Replacement> {
    const failover = await supervisor.failover();
    this.event(`${failover.to} is primary instead of ${failover.from}`);
    const replacement = { ...failover, diedAtMs, backAtMs: Number.POSITIVE_INFINITY };
    this.replacements.push(replacement);
    return replacement;
  }
}
