/** What of Kafka a buffered vote takes: brokers, and of each one processors, disk and network. */
import { counted, type Load, moved, type PlanLine, stored } from "./plan-line.ts";
import { largest, micros, over, plus, type Term, term, times, wholes } from "./terms.ts";

/** Every record is on three. */
const COPIES = 3;

export function planKafka({ rate, peak, everybody, cores, figures }: Load): PlanLine[] {
  const processors = times(peak, micros(figures.brokerMicros));
  const brokers = brokersOf(processors, cores);
  // While one is gone the others do its work.
  const each = wholes(over(processors, term(brokers.value - 1, " brokers, one being gone")));
  const record = term(figures.recordBytes, " bytes");
  const copies = term(COPIES, " copies");
  const all = term(brokers.value, " brokers");
  return [
    counted("brokers", brokers, "Kafka brokers, each in a zone of its own if there are three"),
    counted("brokerCores", each, "cores of each broker"),
    stored(
      "brokerDisk",
      over(times(everybody, record, copies), all),
      "of each broker's disk, one contest a voter",
    ),
    moved("brokerIn", over(times(rate, record, copies), all), "into each broker: from gateways, and copies"),
    moved(
      "brokerOut",
      over(times(rate, record, copies), all),
      "out of each broker: copies, and to recorders",
    ),
  ];
}

function brokersOf(processors: Term, cores: number): Term {
  const bySize = wholes(over(processors, term(cores, " cores of a server")));
  const spare = plus(bySize, { value: 1, text: "1 that may be gone" });
  return largest([{ value: COPIES, text: "each record is on three" }, spare]);
}
