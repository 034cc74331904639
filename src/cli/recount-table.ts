/** A recount's report for people. */
import type { ServedComparison } from "../auditing/compare-served.ts";
import { FINDING_CODES, type Finding } from "../auditing/findings.ts";
import type { ContestRecount, RecountReport } from "../auditing/recount.ts";
import { thousands } from "./progress.ts";

/** What was recounted, and whose results it was compared with. */
export type RecountedFrom = {
  host: string;
  standby: boolean;
  /** Further ledgers. */
  ledgers: { name: string; host: string; standby: boolean }[];
  resultsUrl: string | null;
};

export function renderRecount(report: RecountReport, from: RecountedFrom): string {
  const where = [
    placeName(from),
    ...from.ledgers.map((ledger) => `ledger ${ledger.name} at ${placeName(ledger)}`),
  ].join(", ");
  const results = from.resultsUrl === null ? "" : `, compared with the results of ${from.resultsUrl}`;
  const { streams, blocks, leaves } = report;
  return [
    `Recount of ${where}${results}`,
    "",
    ...renderContests(report.contests),
    "",
    `checked: streams ${thousands(streams)}, blocks ${thousands(blocks)}, leaves ${thousands(leaves)}`,
    ...renderExceptions(report.exceptions),
    ...(report.findings.total === 0 ? [] : renderFindings(report)),
    ...(report.clean ? ["clean"] : []),
  ].join("\n");
}

function placeName({ host, standby }: { host: string; standby: boolean }): string {
  return `${host}${standby ? " (a standby)" : ""}`;
}

/** What became of records of partitions besides ballots; nothing where there are none. */
function renderExceptions(exceptions: RecountReport["exceptions"]): string[] {
  if (Object.values(exceptions).every((count) => count === 0)) return [];
  const { duplicate, not_open, behind_barrier, quarantined, barrier } = exceptions;
  return [
    `accepted and not recorded: duplicates ${thousands(duplicate)}, rejected ${thousands(not_open + behind_barrier)}, ` +
      `quarantined ${thousands(quarantined)} (and barriers ${thousands(barrier)})`,
  ];
}

function renderContests(contests: readonly ContestRecount[]): string[] {
  const rows = contests.map(({ id, final, counts, blocksTally, results }) => [
    `${id}${final ? " (final)" : ""}`,
    thousands(counts.ballots),
    thousands(blocksTally),
    results === null ? "not compared" : renderServed(results),
  ]);
  const table = [["contest", "ballots", "blocks' tally", "results"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => Bun.stringWidth(row[column]!))));
  return table.map(([id, ballots, tally, results]) =>
    [id!.padEnd(widths[0]!), ballots!.padStart(widths[1]!), tally!.padStart(widths[2]!), results].join("  "),
  );
}

function renderServed({ comparison, ballots }: ServedComparison): string {
  const figure = ballots === null ? "" : `${thousands(ballots)} `;
  switch (comparison) {
    case "equal":
      return `${figure}equal`;
    case "ahead":
      return `${figure}accepted: more were recorded meanwhile`;
    case "differs":
      return `${figure}DIFFERS`;
  }
}

function renderFindings({ findings }: RecountReport): string[] {
  const lines = [`${thousands(findings.total)} ${findings.total === 1 ? "finding" : "findings"}`];
  for (const [code, count] of findings.countByCode) {
    lines.push(`  ${thousands(count)} × ${code}: ${FINDING_CODES[code]}`);
  }
  lines.push("", ...findings.kept.map(renderFinding));
  const unlisted = findings.total - findings.kept.length;
  if (unlisted > 0) lines.push(`and ${thousands(unlisted)} more that are not listed`);
  return lines;
}

function renderFinding({ code, place, message }: Finding): string {
  const where = [
    place.ledger === undefined ? null : `ledger ${place.ledger}`,
    place.contest === undefined ? null : `contest ${place.contest}`,
    place.stream === undefined ? null : `stream ${place.stream}`,
    place.seq === undefined ? null : `block ${place.seq}`,
    place.index === undefined ? null : `index ${place.index}`,
  ].filter((part) => part !== null);
  return `${code}  ${where.join(", ")}: ${message}`;
}
