/** What a plan is made from, and the lines that it is made of. */
import type { Figures } from "./figures.ts";
import { bytes, number, type Term } from "./terms.ts";

export type PlanRequest = {
  /** Ballots a second at the peak. */
  rps: number;
  voters: number;
  path: "direct" | "buffered" | "auto";
  /** How many times the peak everything must carry. */
  margin: number;
  /** Of one server. */
  cores: number;
  figures: Figures;
  /** How many connections so many processes, with so many lanes and recorders, take of one node at most. */
  connectionsMax: (processes: number, lanes: number, recorders: number) => number;
};

export type PlanLine = {
  /** Stable, for machines. */
  name: string;
  value: number;
  /** Value and unit, for people. */
  amount: string;
  what: string;
  formula: string;
};

/** What everything else follows from. */
export type Load = PlanRequest & { rate: Term; peak: Term; everybody: Term };

export function counted(name: string, { value, text }: Term, what: string): PlanLine {
  return { name, value, amount: number(value), what, formula: text };
}

export function stored(name: string, { value, text }: Term, what: string): PlanLine {
  return { name, value, amount: bytes(value), what, formula: text };
}

export function moved(name: string, { value, text }: Term, what: string): PlanLine {
  return { name, value, amount: bytes(value, "/s"), what, formula: text };
}
