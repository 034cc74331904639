/**
 * The judge: acknowledged ⊆ final ⊆ acknowledged ∪ accepted ∪ unknown; of whoever had a ballot accepted exactly one is
 * final; at most one ballot a voter; tally = ballots = blocks; every receipt found. Pure, and with nothing of Urna's own.
 */
import type { AcceptedReceipt, Receipt } from "../../../src/election/receipt.ts";
import { type Attempt, attemptsOf, type CastBallot, type Silence, type Voter, votersOf } from "./history.ts";
import type { Entry } from "./journal.ts";

/** A row of the ledger as it is in the end, with the place that its block gives it. */
export type FinalBallot = {
  voter: string;
  selections: number[];
  nonce: string;
  stream: number;
  seq: number;
  index: number;
};

/** Votes by option; option 0 for blank ballots. */
export type Votes = ReadonlyMap<number, number>;

export type FinalLedger = {
  ballots: readonly FinalBallot[];
  /** What all blocks say that they recorded. */
  blocks: Votes;
  /** What is shown to everybody as the result. */
  tally: Votes;
  /** What `urna recount` found to differ, in its words. */
  recount: readonly string[];
  /** Of a final contest whose ballots were buffered: partitions without its barrier. */
  openPartitions?: readonly number[];
};

/** An acknowledged receipt, asked for again in the end. */
export type ReceiptCheck = {
  voter: string;
  receipt: Receipt;
  /** What GET of the voter's own ballot answers; null when it has none. */
  found: Receipt | null;
  /** What verifying the receipt answers. */
  verified: string;
};

/** An accepted receipt, verified in the end: what became of its ballot, and where it is recorded. */
export type FateCheck = { voter: string; receipt: AcceptedReceipt; fate: string; recorded: Receipt | null };

export type FindingKind =
  /** Acknowledged, and not in the ledger; or accepted, and the ledger has no ballot of the voter's. */
  | "lost"
  /** Acknowledged, and in the ledger as something else, or somewhere else. */
  | "changed"
  /** Two ballots of one voter, in the ledger or in what was acknowledged. */
  | "doubled"
  /** In the ledger, and nobody sent it, or whoever did was told that it is not recorded. */
  | "phantom"
  /** Told that another ballot is recorded, and it is this one or none; or that none is, when one was acknowledged. */
  | "told_falsely"
  /** Accepted, and neither recorded nor a duplicate in the end. */
  | "broken_promise"
  /** Acknowledged, or accepted, while nothing could have made it durable. */
  | "told_in_silence"
  | "receipt_not_found"
  | "counts_differ";

export type Finding = { kind: FindingKind; voter: string | null; message: string };

export type Judgement = {
  /** Different ballots that were sent. */
  ballots: number;
  acknowledged: number;
  /** Whatever was told of them later. */
  accepted: number;
  unknown: number;
  refused: number;
  /** Rows in the ledger. */
  final: number;
  findings: Finding[];
};

export type Evidence = {
  entries: readonly Entry[];
  ledger: FinalLedger;
  checks: readonly ReceiptCheck[];
  fates: readonly FateCheck[];
  silences: readonly Silence[];
};

export function judge({ entries, ledger, checks, fates, silences }: Evidence): Judgement {
  const attempts = attemptsOf(entries);
  const voters = votersOf(attempts);
  const rows = Map.groupBy(ledger.ballots, ({ voter }) => voter);
  const known = new Set(voters.map(({ voter }) => voter));
  const strangers = ledger.ballots.filter(({ voter }) => !known.has(voter));
  const ballots = voters.flatMap((voter) => voter.ballots);
  const rowsOf = (voter: string) => rows.get(voter) ?? [];
  const count = (standing: CastBallot["standing"]) =>
    ballots.filter((ballot) => ballot.standing === standing).length;
  return {
    ballots: ballots.length,
    acknowledged: count("acknowledged"),
    accepted: ballots.filter(({ accepted }) => accepted.length > 0).length,
    unknown: count("unknown"),
    refused: count("refused"),
    final: ledger.ballots.length,
    findings: [
      ...voters.flatMap((voter) => judgeVoter(voter, rowsOf(voter.voter))),
      ...strangers.map((row) => finding("phantom", row.voter, `${describe(row)} is of nobody who cast one`)),
      ...silences.flatMap((silence) => judgeSilence(silence, attempts)),
      ...judgeChecks(ballots, checks),
      ...voters.flatMap((voter) => judgeFates(voter, rowsOf(voter.voter), fates)),
      ...judgeCounts(ledger),
    ],
  };
}

function judgeVoter({ voter, ballots, attempts }: Voter, rows: readonly FinalBallot[]): Finding[] {
  const findings: Finding[] = [];
  const found = (kind: FindingKind, message: string) => findings.push(finding(kind, voter, message));
  if (rows.length > 1) found("doubled", `the ledger has ${rows.map(describe).join(" and ")}`);
  const acknowledged = ballots.filter(({ standing }) => standing === "acknowledged");
  if (acknowledged.length > 1)
    found("doubled", `${acknowledged.map(describe).join(" and ")} were acknowledged`);
  for (const ballot of acknowledged) findings.push(...judgeAcknowledged(ballot, rows));
  const accepted = ballots.filter((ballot) => ballot.standing === "accepted");
  if (accepted.length > 0 && rows.length === 0)
    found("lost", `${accepted.map(describe).join(" and ")} accepted, and none is recorded`);
  for (const row of rows) {
    const origin = ballots.find((ballot) => ballot.standing !== "refused" && isOf(ballot, row));
    if (origin === undefined)
      found("phantom", `${describe(row)} is recorded, and every such request was refused`);
  }
  for (const attempt of attempts.filter(({ told }) => told === "already_voted")) {
    const other = rows.some((row) => !isOf(attempt, row));
    if (!other) found("told_falsely", `already_voted to ${describe(attempt)}, and no other is recorded`);
  }
  for (const attempt of attempts.filter(({ told }) => told === "rejected"))
    found("broken_promise", `${describe(attempt)} was accepted, and then said to be rejected`);
  const firstMs = Math.min(
    ...attempts.map((each) => (each.told === "acknowledged" ? each.answeredAtMs! : Infinity)),
  );
  if (attempts.some(({ told, atMs }) => told === "absent" && atMs > firstMs)) {
    found("told_falsely", "that no ballot is recorded, after one was acknowledged");
  }
  return findings;
}

function judgeAcknowledged(ballot: CastBallot, rows: readonly FinalBallot[]): Finding[] {
  const { voter, receipts } = ballot;
  const findings: Finding[] = [];
  const [first] = receipts;
  const unlike = receipts.find((receipt) => !Bun.deepEquals(receipt, first));
  if (unlike !== undefined) {
    findings.push(
      finding("changed", voter, `two receipts of ${describe(ballot)}: ${place(first!)}, ${place(unlike)}`),
    );
  }
  if (rows.length === 0) {
    findings.push(finding("lost", voter, `${describe(ballot)} was acknowledged at ${place(first!)}`));
  } else if (!rows.some((row) => isOf(ballot, row) && isReceiptOf(first!, row))) {
    const message = `${describe(ballot)} was acknowledged at ${place(first!)}, the ledger has ${rows.map(describe)}`;
    findings.push(finding("changed", voter, message));
  }
  return findings;
}

function isOf({ selections, nonce }: Pick<CastBallot, "selections" | "nonce">, row: FinalBallot): boolean {
  return Bun.deepEquals(selections, row.selections) && (nonce === null || nonce === row.nonce);
}

function isReceiptOf(receipt: Receipt, row: FinalBallot): boolean {
  const { selections, nonce, stream, seq, index } = receipt;
  const { voter: _, ...rest } = row;
  return Bun.deepEquals({ selections, nonce, stream, seq, index }, rest);
}

/** What verifying the voter's accepted receipts answers is what the ledger has: one recorded, the others its duplicates. */
function judgeFates(
  { voter, ballots }: Voter,
  rows: readonly FinalBallot[],
  fates: readonly FateCheck[],
): Finding[] {
  const own = fates.filter((check) => check.voter === voter);
  const places = new Set(own.flatMap(({ recorded }) => (recorded === null ? [] : [place(recorded)])));
  const findings = ballots.flatMap((ballot) =>
    ballot.accepted.flatMap((receipt) => {
      const check = own.find((each) => Bun.deepEquals(each.receipt, receipt));
      const fault = check === undefined ? NOT_ASKED : faultOfFate(ballot, check, rows);
      return fault === null
        ? []
        : [finding(fault.kind, voter, `${describe(ballot)} was accepted: ${fault.told}`)];
    }),
  );
  if (places.size < 2) return findings;
  return [
    ...findings,
    finding("doubled", voter, `accepted ballots are said to be at ${[...places].join(" and ")}`),
  ];
}

type Fault = { kind: FindingKind; told: string };

const NOT_ASKED: Fault = { kind: "receipt_not_found", told: "nobody asked what became of it" };

function faultOfFate(
  ballot: CastBallot,
  { fate, recorded }: FateCheck,
  rows: readonly FinalBallot[],
): Fault | null {
  const told = `verifying its receipt answers ${fate}`;
  if (fate === "duplicate") {
    return rows.some((row) => !isOf(ballot, row)) ? null : { kind: "told_falsely", told };
  }
  if (fate !== "recorded" || recorded === null) return { kind: "broken_promise", told };
  const isThere = rows.some((row) => isOf(ballot, row) && isReceiptOf(recorded, row));
  return isThere ? null : { kind: "changed", told: `${told} at ${place(recorded)}` };
}

/** A request that began and was answered within the silence can't have been made durable by anything. */
function judgeSilence(
  { what, of, fromMs, untilMs, gateways, concerns = () => true }: Silence,
  attempts: readonly Attempt[],
): Finding[] {
  const forbidden = of === "accepted" ? ["accepted"] : ["acknowledged", "already_voted"];
  return attempts
    .filter(({ told }) => forbidden.includes(told))
    .filter(({ atMs, answeredAtMs }) => atMs >= fromMs && answeredAtMs! <= untilMs)
    .filter(({ gateway }) => gateways === undefined || gateways.includes(gateway))
    .filter(({ voter }) => concerns(voter))
    .map((attempt) =>
      finding("told_in_silence", attempt.voter, `${attempt.told} by ${attempt.gateway} while ${what}`),
    );
}

/** Every acknowledged ballot has been checked, and both ways to ask for it know it. */
function judgeChecks(ballots: readonly CastBallot[], checks: readonly ReceiptCheck[]): Finding[] {
  const byVoter = Map.groupBy(checks, ({ voter }) => voter);
  return ballots
    .filter(({ standing }) => standing === "acknowledged")
    .flatMap(({ voter, receipts }) => {
      const check = byVoter.get(voter)?.find(({ receipt }) => Bun.deepEquals(receipt, receipts[0]));
      if (check === undefined)
        return [finding("receipt_not_found", voter, "the receipt was not asked for again")];
      const faults: Finding[] = [];
      if (!Bun.deepEquals(check.found, check.receipt)) {
        const message = check.found === null ? "the voter's ballot is not found" : "another receipt is found";
        faults.push(finding("receipt_not_found", voter, message));
      }
      if (check.verified !== "recorded") {
        faults.push(finding("receipt_not_found", voter, `verifying the receipt answers ${check.verified}`));
      }
      return faults;
    });
}

function judgeCounts({ ballots, blocks, tally, recount, openPartitions = [] }: FinalLedger): Finding[] {
  const counted = new Map<number, number>();
  for (const { selections } of ballots) {
    const option = selections[0] ?? 0;
    counted.set(option, (counted.get(option) ?? 0) + 1);
  }
  const findings = [
    ...recount.map((message) => `recount: ${message}`),
    ...openPartitions.map((partition) => `final, and partition ${partition} has no barrier`),
  ].map((message) => finding("counts_differ", null, message));
  for (const [name, votes] of [
    ["blocks", blocks],
    ["tally", tally],
  ] as const) {
    if (show(votes) !== show(counted)) {
      findings.push(finding("counts_differ", null, `ballots ${show(counted)}, ${name} ${show(votes)}`));
    }
  }
  return findings;
}

function show(votes: Votes): string {
  const shown = [...votes].filter(([, count]) => count !== 0).sort(([one], [other]) => one - other);
  return `{${shown.map(([option, count]) => `${option}: ${count}`).join(", ")}}`;
}

function finding(kind: FindingKind, voter: string | null, message: string): Finding {
  return { kind, voter, message };
}

function describe({ selections, nonce }: Pick<CastBallot, "selections" | "nonce">): string {
  return `[${selections}] with ${nonce ?? "no nonce"}`;
}

function place({ stream, seq, index }: Receipt): string {
  return `${stream}/${seq}/${index}`;
}
