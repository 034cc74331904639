/** A plan: how many of what a vote takes at its peak, each number with its formula. */
import { planKafka } from "./plan-kafka.ts";
import { planLedgers } from "./plan-ledgers.ts";
import { counted, type Load, moved, type PlanLine, type PlanRequest, stored } from "./plan-line.ts";
import { bytes, largest, micros, number, over, type Term, term, times, wholes } from "./terms.ts";

export type Plan = { path: "direct" | "buffered"; why: string; lines: PlanLine[] };

/** More of them than this no topic of an election can have. */
export const PARTITIONS_MAX = 10_000;
/** So many a ledger and a recorder: one more or less of them is then little. */
const PARTITIONS_EACH = 8;
/** One may be gone, and the others go on. */
const PROCESSES_MIN = 2;
const OTHER_PROCESSES = 4;
/** What the limits of calls beside the voting path count for so long. */
const CALLER_WINDOW_SECONDS = 10;

/** Such a load can't be carried in the way that was asked for; the message says why. */
export class NoPlanError extends Error {}

/** Throws {@link NoPlanError}. */
export function planOf(request: PlanRequest): Plan {
  const rate = term(request.rps, "/s");
  const peak = times(rate, term(request.margin, "", "margin"));
  const load: Load = { ...request, rate, peak, everybody: term(request.voters, " voters") };
  const direct = term(request.figures.directPerSecond, "/s");
  const fits = peak.value <= direct.value;
  const compared = `${peak.text} = ${number(peak.value)}/s, and one primary records ${direct.text} directly`;
  if (request.path === "direct" && !fits) {
    throw new NoPlanError(`one primary is not enough for the direct path: ${compared}; say --path buffered`);
  }
  const path = request.path === "auto" ? (fits ? "direct" : "buffered") : request.path;
  return { path, why: compared, lines: path === "direct" ? planDirect(load) : planBuffered(load) };
}

function planDirect(load: Load): PlanLine[] {
  const gateways = gatewaysOf(load, load.figures.gatewayMicros.direct);
  const processes = gateways.value + OTHER_PROCESSES;
  return [
    counted("gateways", gateways, "gateways, each a process with a core of its own"),
    ...networkOf(load),
    ...othersOf(),
    ...planLedgers(load, {
      ...{ ledgers: term(1), primaryMicros: load.figures.primaryMicros.direct },
      ...{ processes, lanes: gateways.value, recorders: 0 },
    }),
  ];
}

function planBuffered(load: Load): PlanLine[] {
  const { figures, peak } = load;
  const gateways = gatewaysOf(load, figures.gatewayMicros.accepted);
  const recorders = wholes(times(peak, micros(figures.recorderMicros)), PROCESSES_MIN);
  const ledgers = wholes(over(peak, term(figures.ledgerPerSecond, "/s")));
  const partitions = partitionsOf(load, recorders, ledgers);
  return [
    counted("gateways", gateways, "gateways, each a process with a core of its own"),
    ...networkOf(load),
    counted("partitions", partitions, "partitions of the election's topic, fixed when it is made"),
    counted("recorders", recorders, "recorders, each a process with a core of its own"),
    ...othersOf(),
    ...planKafka(load),
    counted("ledgers", ledgers, "ledgers, each a primary and two standbys"),
    ...planLedgers(load, {
      ...{ ledgers, primaryMicros: figures.primaryMicros.drained },
      processes: gateways.value + recorders.value + OTHER_PROCESSES,
      ...{ lanes: 0, recorders: recorders.value },
    }),
    redisOf(load),
  ];
}

function gatewaysOf({ peak }: Load, each: number): Term {
  return wholes(times(peak, micros(each)), PROCESSES_MIN);
}

function partitionsOf({ peak, figures }: Load, recorders: Term, ledgers: Term): Term {
  const each = (count: Term, name: string): Term => {
    const words = { value: count.value, text: `${number(count.value)} ${name}` };
    return wholes(times(words, term(PARTITIONS_EACH, " each")));
  };
  const partitions = largest([
    each(recorders, "recorders"),
    each(ledgers, "ledgers"),
    wholes(over(peak, term(figures.partitionPerSecond, "/s of one partition"))),
  ]);
  if (partitions.value <= PARTITIONS_MAX) return partitions;
  throw new NoPlanError(
    `it would take ${number(partitions.value)} partitions, and an election has ${number(PARTITIONS_MAX)} at most: ` +
      "divide the voters between several elections",
  );
}

function networkOf({ rate, figures }: Load): PlanLine[] {
  const into = times(rate, term(figures.requestBytes, " bytes"));
  const out = times(rate, term(figures.answerBytes, " bytes"));
  return [
    moved("gatewaysIn", into, "into the gateways, all together, without what TLS adds"),
    moved("gatewaysOut", out, "out of the gateways to voters"),
  ];
}

function othersOf(): PlanLine[] {
  const one = { value: PROCESSES_MIN, text: "one may be gone" };
  return [
    counted("admin", one, "admin processes"),
    counted("results", one, "results processes, and more for many viewers (bench/results.ts)"),
  ];
}

function redisOf({ rate, figures }: Load): PlanLine {
  const callers = times(rate, term(CALLER_WINDOW_SECONDS, " s"), term(figures.callerBytes, " bytes"));
  const all = {
    value: figures.redisBytes + callers.value,
    text: `${bytes(figures.redisBytes)} + ${callers.text}`,
  };
  return stored("redisMemory", all, "of Redis' memory, if every voter asks after a receipt");
}
