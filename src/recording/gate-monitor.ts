/** Watches the durability gate: asks every node again and again, and knows at any moment what is wrong. */
import type { Clock } from "../runtime/clock.ts";
import { clusterChecks, type DurabilityCheck, type NodeFacts } from "./durability.ts";

/** Asks every node of the cluster itself, in bounded time. Never throws: who can't be reached is named. */
export type ReadClusterFacts = () => Promise<{ nodes: NodeFacts[]; unreachable: string[] }>;

/** Whether a standby confirms a commit made now. In bounded time; never throws. */
export type ConfirmCommit = () => Promise<DurabilityCheck>;

export type GateMonitorOptions = {
  /** From the beginning of one round of questions to that of the next, unless a round takes longer. */
  pollMs: number;
  /** Answers older than this keep no gate open: a monitor that hangs shuts it. */
  ageMsMax: number;
  clock: Clock;
  /** Told when other checks fail than a moment ago. */
  onChange: (faults: readonly DurabilityCheck[]) => void;
};

const NOT_ASKED: readonly DurabilityCheck[] = [
  { check: "durability gate", ok: false, found: "not checked yet", mend: "wait a moment" },
];
const TOO_OLD: readonly DurabilityCheck[] = [
  {
    check: "durability gate",
    ok: false,
    found: "not checked for too long",
    mend: "see whether this process has the CPU time that it needs, or restart it",
  },
];

export class GateMonitor {
  private judged = NOT_ASKED;
  /** When the round began whose answers these are, by the steady clock. */
  private askedAtMs: number;
  /** The checks that failed when somebody was last told. */
  private told = namesOf(NOT_ASKED);

  constructor(
    private readonly readFacts: ReadClusterFacts,
    private readonly confirmCommit: ConfirmCommit,
    private readonly options: GateMonitorOptions,
  ) {
    this.askedAtMs = options.clock.steadyMs();
  }

  /** What forbids acknowledging now; empty when nothing does. Costs nothing: may be asked for every ballot. */
  get faults(): readonly DurabilityCheck[] {
    // What was found wrong is wrong until it is found right: nodes that do not answer make rounds long, and are why.
    return this.judged.length === 0 && this.ageMs > this.options.ageMsMax ? TOO_OLD : this.judged;
  }

  /** How old the answers are that {@link faults} goes by. */
  get ageMs(): number {
    return this.options.clock.steadyMs() - this.askedAtMs;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, pollMs } = this.options;
    const teller = setInterval(() => this.tell(), pollMs);
    try {
      while (!signal.aborted) {
        const startedMs = clock.steadyMs();
        await this.check(signal);
        await clock.pause(Math.max(0, pollMs - (clock.steadyMs() - startedMs)), signal);
      }
    } finally {
      clearInterval(teller);
    }
  }

  /** One round of questions; after the signal its answers, of a cluster that may be stopping, count for nothing. */
  async check(signal?: AbortSignal): Promise<void> {
    const startedMs = this.options.clock.steadyMs();
    const [{ nodes, unreachable }, confirmed] = await Promise.all([this.readFacts(), this.confirmCommit()]);
    if (signal?.aborted) return;
    this.judged = [...clusterChecks(nodes, unreachable), confirmed].filter(({ ok }) => !ok);
    this.askedAtMs = startedMs;
    this.tell();
  }

  private tell(): void {
    const { faults } = this;
    const names = namesOf(faults);
    if (names === this.told) return;
    this.told = names;
    this.options.onChange(faults);
  }
}

function namesOf(faults: readonly DurabilityCheck[]): string {
  return faults.map(({ check }) => check).join("; ");
}
