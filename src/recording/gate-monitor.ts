/** Watches the durability gate: asks every node again and again, and knows at any moment what is wrong. */
import type { Clock } from "../runtime/clock.ts";
import { clusterChecks, type DurabilityCheck, type NodeFacts } from "./durability.ts";
import { Inquiry } from "./inquiry.ts";

export type NodeQuestion = {
  host: string;
  /** In bounded time; throws where it can't be reached, and why. */
  ask: () => Promise<NodeFacts>;
};

/** Whether a standby confirms a commit made now. In bounded time; never throws. */
export type ConfirmCommit = () => Promise<DurabilityCheck>;

export type GateMonitorOptions = {
  /** From one question to the next, unless it takes longer to answer. */
  pollMs: number;
  /** The same while the gate is shut, or somebody who answered before leaves a question unanswered for so long. */
  hurriedPollMs: number;
  /** Answers older than this keep no gate open: a monitor that hangs shuts it. */
  ageMsMax: number;
  clock: Clock;
  /** Told when other checks fail than a moment ago. */
  onChange: (faults: readonly DurabilityCheck[]) => void;
  /** Told when another host than before is the one that says that it is the primary. */
  onPrimary: (host: string) => void;
};

const GATE = "durability gate";
const WAIT = "wait a moment";
const NOT_ASKED: readonly DurabilityCheck[] = [
  { check: GATE, ok: false, found: "not checked yet", mend: WAIT },
];
const PROMOTED: readonly DurabilityCheck[] = [
  { check: GATE, ok: false, found: "not checked again yet since a standby was promoted", mend: WAIT },
];
const TOO_OLD: readonly DurabilityCheck[] = [
  {
    check: GATE,
    ok: false,
    found: "not checked for too long",
    mend: "see whether this process has the CPU time that it needs, or restart it",
  },
];

/**
 * Each host is asked by itself, and so is for a commit: nobody's silence keeps another's answer from being heard. It
 * judges by the answers that stand; a host's stands until its next one, or until it could not be reached.
 *
 * A promotion ends that. When a primary answers whose timeline is newer than any before, what was said before is
 * forgotten: above all the last word of the old primary, who may be silent for good. Whoever promoted has seen to it that
 * the old one can acknowledge nothing. Should it answer all the same, there are two primaries, and the gate is shut.
 */
export class GateMonitor {
  private readonly nodes: readonly { host: string; inquiry: Inquiry<NodeFacts | Error> }[];
  private readonly commit: Inquiry<DurabilityCheck>;
  private judged = NOT_ASKED;
  /** When the question was put whose answer is the oldest that was judged by; none is older before the first. */
  private oldestAskedAtMs = Number.POSITIVE_INFINITY;
  /** The newest that a primary has named, 0 before the first; and since when it is known, where another was before. */
  private timeline = 0;
  private promotedAtMs = Number.NEGATIVE_INFINITY;
  private primary: string | undefined;
  /** The checks that failed when somebody was last told. */
  private told = namesOf(NOT_ASKED);

  constructor(
    questions: readonly NodeQuestion[],
    confirmCommit: ConfirmCommit,
    private readonly options: GateMonitorOptions,
  ) {
    const { clock } = options;
    this.nodes = questions.map(({ host, ask }) => {
      return { host, inquiry: new Inquiry(() => ask().catch((error: Error) => error), clock) };
    });
    this.commit = new Inquiry(confirmCommit, clock);
  }

  /** What forbids acknowledging now; empty when nothing does. Costs nothing: may be asked for every ballot. */
  get faults(): readonly DurabilityCheck[] {
    // What was found wrong is wrong until it is found right: who does not answer is long to ask, and is why.
    return this.judged.length === 0 && this.ageMs > this.options.ageMsMax ? TOO_OLD : this.judged;
  }

  /** How old the oldest answer is that {@link faults} goes by. */
  get ageMs(): number {
    return Math.max(0, this.options.clock.steadyMs() - this.oldestAskedAtMs);
  }

  /** Goes on asking; {@link check} has asked everybody before. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const inquiry of this.due()) void inquiry.put().then(() => this.judge(signal));
      await this.options.clock.pause(this.options.hurriedPollMs, signal);
      this.judge(signal);
    }
  }

  /** Asks everybody, and waits for all; after the signal answers, of a cluster that may be stopping, count for nothing. */
  async check(signal?: AbortSignal): Promise<void> {
    await Promise.all(this.inquiries.map((inquiry) => inquiry.put()));
    this.judge(signal);
  }

  private get inquiries(): readonly Inquiry<unknown>[] {
    return [...this.nodes.map(({ inquiry }) => inquiry), this.commit];
  }

  /** Whom to ask now. Whatever is under way was asked when this was last looked at, or before. */
  private due(): readonly Inquiry<unknown>[] {
    const isSilent = (each: Inquiry<unknown>) => isAnswered(each) && each.isUnderWay;
    const isHurried = this.judged.length > 0 || this.inquiries.some(isSilent);
    const askedBeforeMs = this.options.clock.steadyMs() - (isHurried ? 0 : this.options.pollMs);
    return this.inquiries.filter(({ isUnderWay, askedAtMs }) => !isUnderWay && askedAtMs <= askedBeforeMs);
  }

  private judge(signal?: AbortSignal): void {
    if (signal?.aborted) return;
    this.forgetBeforePromotion();
    const nodes = this.nodes.flatMap(({ inquiry }) => factsOf(inquiry) ?? []);
    this.attachTo(nodes.filter(({ isPrimary }) => isPrimary));
    this.judged = this.awaitsAnswers ? PROMOTED : this.faultsOf(nodes);
    this.oldestAskedAtMs = Math.min(...this.inquiries.filter(isAnswered).map(({ askedAtMs }) => askedAtMs));
    this.tell();
  }

  private forgetBeforePromotion(): void {
    const newest = this.nodes.reduce((max, { inquiry }) => Math.max(max, timelineOf(inquiry)), 0);
    if (newest <= this.timeline) return;
    // The first one that is heard of is no news.
    if (this.timeline > 0) {
      this.promotedAtMs = this.options.clock.steadyMs();
      for (const { inquiry } of this.nodes) if (timelineOf(inquiry) < newest) inquiry.forget();
    }
    this.timeline = newest;
  }

  /** A commit since; and of each host as long as an answer takes from who is there: the old primary may be alive. */
  private get awaitsAnswers(): boolean {
    const { hurriedPollMs } = this.options;
    return (
      this.commit.askedAtMs <= this.promotedAtMs ||
      this.nodes.some(({ inquiry: { answer, silentMs } }) => answer === undefined && silentMs < hurriedPollMs)
    );
  }

  private faultsOf(nodes: readonly NodeFacts[]): readonly DurabilityCheck[] {
    const unreachable = this.nodes.flatMap(({ host, inquiry: { answer } }) => {
      if (answer === undefined) return [`${host}: no answer yet`];
      return answer instanceof Error ? [`${host}: ${answer.message}`] : [];
    });
    return [...clusterChecks(nodes, unreachable, this.timeline), this.commit.answer!].filter(({ ok }) => !ok);
  }

  private attachTo(primaries: readonly NodeFacts[]): void {
    // While there were two, sessions may have been opened to either: whichever is left is one to attach to anew.
    if (primaries.length > 1) this.primary = undefined;
    const [primary] = primaries;
    if (primaries.length !== 1 || primary!.timeline! < this.timeline || primary!.host === this.primary)
      return;
    this.primary = primary!.host;
    this.options.onPrimary(this.primary);
  }

  private tell(): void {
    const { faults } = this;
    const names = namesOf(faults);
    if (names === this.told) return;
    this.told = names;
    this.options.onChange(faults);
  }
}

/** A host that could not be reached has said nothing. */
function isAnswered({ answer }: Inquiry<unknown>): boolean {
  return answer !== undefined && !(answer instanceof Error);
}

function factsOf({ answer }: Inquiry<NodeFacts | Error>): NodeFacts | undefined {
  return answer instanceof Error ? undefined : answer;
}

/** 0 for who is no primary. */
function timelineOf(inquiry: Inquiry<NodeFacts | Error>): number {
  return factsOf(inquiry)?.timeline ?? 0;
}

function namesOf(faults: readonly DurabilityCheck[]): string {
  return faults.map(({ check }) => check).join("; ");
}
