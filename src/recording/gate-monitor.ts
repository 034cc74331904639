/** Watches the durability gate: asks every node again and again, and knows at any moment what is wrong. */
import { setTimeout as pause } from "node:timers/promises";
import { clusterChecks, type DurabilityCheck, describeFaults, type NodeFacts } from "./durability.ts";

/** Asks every node of the cluster itself. Never throws: who can't be reached is named. */
export type ReadClusterFacts = () => Promise<{ nodes: NodeFacts[]; unreachable: string[] }>;

export type GateMonitorOptions = {
  pollMs: number;
  /** Told when what is wrong has changed. */
  onChange: (faults: readonly DurabilityCheck[]) => void;
};

const NOT_ASKED: DurabilityCheck = {
  check: "durability gate",
  ok: false,
  found: "not checked yet",
  mend: "wait a moment",
};

export class GateMonitor {
  private current: readonly DurabilityCheck[] = [NOT_ASKED];

  constructor(
    private readonly readFacts: ReadClusterFacts,
    private readonly options: GateMonitorOptions,
  ) {}

  /** What forbids acknowledging now; empty when nothing does. At most `pollMs` and one round of questions old. */
  get faults(): readonly DurabilityCheck[] {
    return this.current;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.check();
      await pause(this.options.pollMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One round of questions. */
  async check(): Promise<void> {
    const { nodes, unreachable } = await this.readFacts();
    const faults = clusterChecks(nodes, unreachable).filter(({ ok }) => !ok);
    const changed = describeFaults(faults) !== describeFaults(this.current);
    this.current = faults;
    if (changed) this.options.onChange(faults);
  }
}
