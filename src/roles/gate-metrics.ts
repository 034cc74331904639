/** What operators see of the durability gates: each ledger has its own. */
import type { GateMonitor } from "../recording/gate-monitor.ts";
import { labelledGaugeOf, type Metrics } from "../runtime/metrics.ts";

export class GateMetrics {
  private readonly gates = new Map<string, Pick<GateMonitor, "faults" | "ageMs">>();

  constructor(metrics: Metrics) {
    labelledGaugeOf(
      metrics,
      "urna_durability_gate_faults",
      "What forbids acknowledging; 0 when nothing does",
      ["ledger"],
      () => this.read(({ faults }) => faults.length),
    );
    labelledGaugeOf(
      metrics,
      "urna_durability_gate_fault",
      "1 for each check that forbids acknowledging",
      ["ledger", "check"],
      () =>
        [...this.gates].flatMap(([ledger, { faults }]) =>
          faults.map(({ check }) => ({ labels: { ledger, check }, value: 1 })),
        ),
    );
    labelledGaugeOf(
      metrics,
      "urna_durability_gate_age_seconds",
      "Age of the answers that the gate goes by",
      ["ledger"],
      () => this.read(({ ageMs }) => ageMs / 1000),
    );
  }

  add(ledger: string, gate: Pick<GateMonitor, "faults" | "ageMs">): void {
    this.gates.set(ledger, gate);
  }

  private read(value: (gate: Pick<GateMonitor, "faults" | "ageMs">) => number) {
    return [...this.gates].map(([ledger, gate]) => ({ labels: { ledger }, value: value(gate) }));
  }
}
