/** The suite's report for people: a line a fault. */
import {
  BEYOND_FAILOVER_MS_MAX,
  type FaultReport,
  isGood,
  lostIn,
  type SuiteReport,
  verdictOn,
} from "./suite.ts";

export type Figures = {
  fault: string;
  control: boolean;
  skipped: string | null;
  verdict: ReturnType<typeof verdictOn>;
  seeds: number;
  ballots: number;
  accepted: number;
  acknowledged: number;
  unknown: number;
  refused: number;
  lost: number;
  doubled: number;
  otherFindings: number;
  errors: string[];
  /** The longest of all seeds, milliseconds. */
  withoutServiceMs: number;
  withoutAcceptanceMs: number | null;
  /** Of primaries' deaths: the longest, milliseconds; null where none died. */
  failoverMs: number | null;
  beyondFailoverMs: number | null;
};

export function figuresOf(report: FaultReport): Figures {
  const { fault, impossible, seeds } = report;
  const played = seeds.flatMap((seed) => (seed.played === null ? [] : [seed.played]));
  const sum = (of: (one: (typeof played)[number]) => number) =>
    played.reduce((total, one) => total + of(one), 0);
  const longest = (times: number[]) => (times.length === 0 ? null : Math.round(Math.max(...times)));
  const replacements = played.flatMap((one) => one.replacements);
  const lost = sum(lostIn);
  const doubled = sum(({ judgement }) => judgement.findings.filter(({ kind }) => kind === "doubled").length);
  return {
    fault: fault.name,
    control: fault.losesOnPurpose ?? false,
    skipped: impossible,
    verdict: verdictOn(report),
    seeds: seeds.length,
    ballots: sum(({ judgement }) => judgement.ballots),
    accepted: sum(({ judgement }) => judgement.accepted),
    acknowledged: sum(({ judgement }) => judgement.acknowledged),
    unknown: sum(({ judgement }) => judgement.unknown),
    refused: sum(({ judgement }) => judgement.refused),
    lost,
    doubled,
    otherFindings: sum(({ judgement }) => judgement.findings.length) - lost - doubled,
    errors: seeds.flatMap(({ seed, error }) => (error === null ? [] : [`seed ${seed}: ${error}`])),
    withoutServiceMs: longest(played.map((one) => one.withoutServiceMs)) ?? 0,
    withoutAcceptanceMs: longest(
      played.flatMap((one) => (one.withoutAcceptanceMs === null ? [] : [one.withoutAcceptanceMs])),
    ),
    failoverMs: longest(replacements.map(({ failoverMs }) => failoverMs)),
    beyondFailoverMs: longest(replacements.map(({ beyondMs }) => beyondMs)),
  };
}

const COLUMNS: [string, (figures: Figures) => string][] = [
  ["fault", ({ fault }) => fault],
  ["seeds", ({ seeds }) => String(seeds)],
  ["ballots", ({ ballots }) => String(ballots)],
  ["accepted", ({ accepted }) => String(accepted)],
  ["acknowledged", ({ acknowledged }) => String(acknowledged)],
  ["unknown", ({ unknown }) => String(unknown)],
  ["refused", ({ refused }) => String(refused)],
  ["lost", ({ lost, control }) => `${lost}${control ? "*" : ""}`],
  ["doubled", ({ doubled, control }) => `${doubled}${control ? "*" : ""}`],
  ["other", ({ otherFindings, control }) => `${otherFindings}${control ? "*" : ""}`],
  ["no acceptance ms", ({ withoutAcceptanceMs }) => String(withoutAcceptanceMs ?? "–")],
  ["no recording ms", ({ withoutServiceMs }) => String(withoutServiceMs)],
  ["failover ms", ({ failoverMs }) => String(failoverMs ?? "–")],
  ["beyond ms", ({ beyondFailoverMs }) => String(beyondFailoverMs ?? "–")],
  ["", ({ verdict, skipped }) => (skipped === null ? verdict : "SKIPPED")],
];

export function renderSuite({ faults, closing, journals }: SuiteReport, clean: boolean): string {
  const figures = faults.map(figuresOf);
  const rows = [
    COLUMNS.map(([title]) => title),
    ...figures.map((each) => COLUMNS.map(([, show]) => show(each))),
  ];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const table = rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "),
  );
  return [
    ...table,
    "",
    "Times are the longest of all seeds. beyond: without service after a primary's death, less the failover itself;",
    `LATE where it is over ${BEYOND_FAILOVER_MS_MAX} ms. * a control: it breaks a rule on purpose, and the judge must see the loss.`,
    ...figures.flatMap(({ fault, skipped }) => (skipped === null ? [] : [`SKIPPED ${fault}: ${skipped}`])),
    ...figures.flatMap(({ fault, errors }) => errors.map((error) => `${fault}, ${error}`)),
    ...faults.flatMap(findingsOf),
    ...closing.map((found) => `at the close: ${found}`),
    ...(clean ? [] : [`the voters' journals: ${journals}`]),
  ].join("\n");
}

const FINDINGS_SHOWN_MAX = 5;

function findingsOf({ fault, seeds }: FaultReport): string[] {
  return seeds
    .filter((seed) => !isGood(fault, seed))
    .flatMap(({ seed, played }) =>
      (played?.judgement.findings ?? [])
        .slice(0, FINDINGS_SHOWN_MAX)
        .map(({ kind, voter, message }) => `${fault.name}, seed ${seed}: ${kind} ${voter ?? ""} ${message}`),
    );
}
