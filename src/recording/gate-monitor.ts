/** Watches the durability gate: asks every node again and again, and knows at any moment what is wrong. */
import { setTimeout as pause } from "node:timers/promises";
import { clusterChecks, type DurabilityCheck, type NodeFacts } from "./durability.ts";

/** Asks every node of the cluster itself, in bounded time. Never throws: who can't be reached is named. */
export type ReadClusterFacts = () => Promise<{ nodes: NodeFacts[]; unreachable: string[] }>;

/** Whether a standby confirms a commit made now. In bounded time; never throws. */
export type ConfirmCommit = () => Promise<DurabilityCheck>;

export type GateMonitorOptions = {
  /** From the beginning of one round of questions to that of the next, unless a round takes longer. */
  pollMs: number;
  /** Answers older than this count for nothing: a monitor that hangs shuts the gate. */
  ageMsMax: number;
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
  /** When the round began whose answers these are, on the monotonic clock. */
  private askedAtMs = performance.now();
  /** The checks that failed when somebody was last told. */
  private told = namesOf(NOT_ASKED);

  constructor(
    private readonly readFacts: ReadClusterFacts,
    private readonly confirmCommit: ConfirmCommit,
    private readonly options: GateMonitorOptions,
  ) {}

  /** What forbids acknowledging now; empty when nothing does. Costs nothing: may be asked for every ballot. */
  get faults(): readonly DurabilityCheck[] {
    return this.ageMs > this.options.ageMsMax ? TOO_OLD : this.judged;
  }

  /** How old the answers are that {@link faults} goes by. */
  get ageMs(): number {
    return performance.now() - this.askedAtMs;
  }

  async run(signal: AbortSignal): Promise<void> {
    const teller = setInterval(() => this.tell(), this.options.pollMs);
    try {
      while (!signal.aborted) {
        const startedMs = performance.now();
        await this.check();
        const restMs = this.options.pollMs - (performance.now() - startedMs);
        await pause(Math.max(0, restMs), undefined, { signal }).catch(() => undefined);
      }
    } finally {
      clearInterval(teller);
    }
  }

  /** One round of questions. */
  async check(): Promise<void> {
    const startedMs = performance.now();
    const [{ nodes, unreachable }, confirmed] = await Promise.all([this.readFacts(), this.confirmCommit()]);
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
