/** What of PostgreSQL a vote takes: of each ledger's nodes processors, disk, WAL, network and connections. */
import { counted, type Load, moved, type PlanLine, stored } from "./plan-line.ts";
import { bytes, micros, over, type Term, term, times, wholes } from "./terms.ts";

/** Two of them, of which either confirms a commit: one may be gone. */
const STANDBYS = 2;
/** So long at the peak no checkpoint must be forced by its WAL, for after each one pages go to the WAL whole. */
const CHECKPOINT_SECONDS = 300;

export type LedgersWanted = {
  ledgers: Term;
  primaryMicros: number;
  /** With so many lanes in all, and so many recorders among them. */
  processes: number;
  lanes: number;
  recorders: number;
};

export function planLedgers(load: Load, wanted: LedgersWanted): PlanLine[] {
  const { ledgers, primaryMicros, processes, lanes, recorders } = wanted;
  const { rate, peak, everybody, figures, connectionsMax } = load;
  const among = (all: Term) => over(all, term(ledgers.value, ledgers.value === 1 ? " ledger" : " ledgers"));
  const wal = among(times(rate, term(figures.walBytes, " bytes of WAL")));
  const inAll = among(times(everybody, term(figures.ballotBytes, " bytes")));
  const maxWal = times({ value: wal.value, text: bytes(wal.value, "/s") }, term(CHECKPOINT_SECONDS, " s"));
  const disk = { value: inAll.value + 2 * maxWal.value, text: `${inAll.text} + 2 × max_wal_size` };
  const connections = connectionsMax(processes, lanes, recorders);
  const which = lanes > 0 ? `with ${lanes} lanes` : `${recorders} of them recorders`;
  const connected = `${processes} processes, ${which}`;
  return [
    counted("primaryCores", wholes(among(times(peak, micros(primaryMicros)))), "cores of each primary"),
    counted(
      "standbyCores",
      wholes(among(times(peak, micros(figures.standbyMicros)))),
      "cores of each standby, if it is never promoted",
    ),
    moved("wal", wal, "of WAL on each node, to its disk: it must take that and flush it"),
    moved("standbyNetwork", times(wal, term(STANDBYS, " standbys")), "out of each primary to its standbys"),
    stored(
      "walInAll",
      among(times(everybody, term(figures.walBytes, " bytes"))),
      "of WAL on each ledger in all: what an archive of it takes",
    ),
    stored("maxWalSize", maxWal, "max_wal_size: no checkpoint is forced for 5 minutes"),
    stored("ledgerDisk", disk, "of each node's disk, one contest a voter"),
    {
      name: "connections",
      value: connections,
      amount: String(connections),
      what: "max_connections of each node, less what is reserved",
      formula: `of ${connected}, at most`,
    },
  ];
}
