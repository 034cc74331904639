/** Findings: what a recount found wrong, each with a stable code and a place. */

/** One code an invariant; docs and scripts name findings by these. */
export const FINDING_CODES = {
  hash_mismatch: "a block's hash is not that of its content",
  chain_broken: "a block does not chain to the block before it",
  block_missing: "a stream has a gap",
  tail_missing: "a stream's last blocks are missing",
  head_mismatch: "a stream's head is not its last block",
  stray_block: "a block is past the end of its stream, or of no stream",
  tally_malformed: "a block's tally is not a tally",
  leaves_length: "a block has not as many leaves as places",
  block_tally_mismatch: "a block's tally is not that of its ballots",
  place_without_ballot: "a block recorded a ballot that is not there",
  ballot_without_block: "a ballot names a block that does not exist",
  place_not_set: "a ballot names a place where its block recorded none",
  place_taken_twice: "two ballots name the same place of a block",
  leaf_mismatch: "a ballot is not the one that its block committed to",
  wrong_partition: "a ballot is in another contest's partition",
  unknown_contest: "there is no such contest",
  invalid_selections: "a ballot's selections are not valid in its contest",
  voter_twice: "a voter has more than one ballot in a contest",
  equal_leaves: "two ballots have the same leaf: their voters chose the same nonce",
  uniqueness_unproved: "too many repeated voters to examine each",
  tally_mismatch: "the blocks' tallies do not add up to the ballots",
  final_tally_mismatch: "a final contest's counts are not those of its ballots",
  seal_missing: "a sealed contest would still take ballots",
  ballot_after_seal: "a sealed contest has taken another ballot",
  source_mismatch: "a partition's block says nothing of records, or a lane's block does",
  offset_gap: "a partition's block does not begin where the one before it ended",
  next_offset_mismatch: "a partition's stream does not go on where its last block ended",
  exceptions_malformed: "a block's exceptions are none, or not in order",
  record_unaccounted: "a partition's record is not either recorded or an exception",
  duplicate_of_nothing: "a duplicate is of a ballot that is not there before it",
  quarantine_mismatch: "quarantine has not the very records that blocks say it has",
  barrier_mismatch: "a contest's barrier is where its partition has none",
  barrier_missing: "a contest was sealed before its partitions had passed its barrier",
  ballot_behind_barrier: "a ballot was recorded behind its contest's barrier",
  wrong_stream: "a ballot is in another stream than its voter's ballots belong to",
  stream_misplaced: "a stream is in another ledger than it belongs to",
  stream_missing: "a partition of an election has no stream",
  copy_differs: "a further ledger's copy of a contest is not as the home ledger has it",
  results_mismatch: "the results that are served are not those of the ledger",
} as const;

export type FindingCode = keyof typeof FINDING_CODES;

/** What two voters can bring about by themselves and nobody suffers from: reported, but nothing is wrong. */
const NOTICES: ReadonlySet<FindingCode> = new Set(["equal_leaves"]);

/** As much of it as the finding has; the contest by its public id, a further ledger by its name. */
export type FindingPlace = {
  ledger?: string;
  contest?: string;
  stream?: number;
  seq?: number;
  index?: number;
};

export type Finding = { code: FindingCode; place: FindingPlace; message: string };

const KEPT_MAX = 100;

/** Whatever takes findings. */
export type FindingSink = Pick<Findings, "add">;

/** The first {@link KEPT_MAX} findings in full, all of them counted. */
export class Findings {
  readonly kept: Finding[] = [];
  readonly countByCode = new Map<FindingCode, number>();
  total = 0;
  /** Those that say that something is wrong. */
  faults = 0;

  /** Takes what is found in a further ledger. */
  of(ledger: string): FindingSink {
    return { add: (code, place, message) => this.add(code, { ledger, ...place }, message) };
  }

  add(code: FindingCode, place: FindingPlace, message: string): void {
    this.total++;
    if (!NOTICES.has(code)) this.faults++;
    this.countByCode.set(code, (this.countByCode.get(code) ?? 0) + 1);
    if (this.kept.length < KEPT_MAX) this.kept.push({ code, place, message });
  }
}
