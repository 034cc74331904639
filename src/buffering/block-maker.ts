/** Makes a block of a partition's records: which are recorded, which are not, and why. */
import { createHash, randomUUID } from "node:crypto";
import { selectionsFault } from "../election/ballot-rules.ts";
import { partitionOf } from "../election/buffering.ts";
import type { Contest } from "../election/contest.ts";
import { countBallot, type Tally } from "../election/tally.ts";
import { type BlockException, encodeExceptions, type Place } from "../ledger/exceptions.ts";
import { receiptLeaf } from "../ledger/leaf.ts";
import { placesOf } from "../ledger/places.ts";
import { ballotKey } from "../recording/ledger.ts";
import type { DrainedBallot, DrainedBlock, DrainHead, PartitionKey, QuarantinedRecord } from "./drain.ts";
import type { LogRecord } from "./log.ts";
import { type BallotRecord, type BarrierRecord, decodeRecord } from "./record.ts";

const LOOK_UPS_AT_ONCE = 10;

/** A record, and what it is by itself, without regard to the ledger. */
export type JudgedRecord = LogRecord &
  (
    | { is: "ballot"; ballot: BallotRecord; contest: Contest }
    | { is: "barrier"; barrier: BarrierRecord; contest: Contest }
    | { is: "quarantined"; reason: string }
  );

/** Contests as the home ledger has them. */
export interface ContestLookUp {
  /** What is known, at most a moment old. */
  get(uuid: string): Contest | undefined;
  /** Asks the ledger. Null when there is no such contest. Throws when it can't know. */
  fresh(uuid: string): Promise<Contest | null>;
}

/**
 * Whether each record is a ballot or a barrier of its election, in the partition that it belongs to. What is known of a
 * contest is never the reason to refuse a ballot before the ledger has been asked. Throws as `contests` does.
 */
export async function judgeAll(
  records: readonly LogRecord[],
  key: PartitionKey,
  contests: ContestLookUp,
): Promise<JudgedRecord[]> {
  const decoded = records.map(({ value }) => decodeRecord(value));
  const asked = new Set<string>();
  for (const each of decoded) if (!("fault" in each) && isToAsk(each, contests)) asked.add(each.contestUuid);
  const fresh = await lookUp([...asked], contests);
  return records.map((record, i) => {
    const each = decoded[i]!;
    if ("fault" in each) return { ...record, is: "quarantined", reason: each.fault };
    const { contestUuid } = each;
    const contest = asked.has(contestUuid) ? fresh.get(contestUuid)! : contests.get(contestUuid)!;
    return judgeBy(contest, record, each, key);
  });
}

function isToAsk(record: BallotRecord | BarrierRecord, contests: ContestLookUp): boolean {
  const known = contests.get(record.contestUuid);
  return known === undefined || record.kind === "barrier" || isLate(record, known);
}

/** A few at a time: whoever writes thousands of contests' ids into the log must not crowd out those who ask for one. */
async function lookUp(
  uuids: readonly string[],
  contests: ContestLookUp,
): Promise<Map<string, Contest | null>> {
  const found = new Map<string, Contest | null>();
  for (let from = 0; from < uuids.length; from += LOOK_UPS_AT_ONCE) {
    const some = uuids.slice(from, from + LOOK_UPS_AT_ONCE);
    const answers = await Promise.all(some.map((uuid) => contests.fresh(uuid)));
    for (const [i, uuid] of some.entries()) found.set(uuid, answers[i]!);
  }
  return found;
}

function judgeBy(
  contest: Contest | null,
  record: LogRecord,
  decoded: BallotRecord | BarrierRecord,
  key: PartitionKey,
): JudgedRecord {
  const quarantined = (reason: string): JudgedRecord => ({ ...record, is: "quarantined", reason });
  if (contest === null || contest.buffering === null || contest.electionUuid !== key.electionUuid) {
    return quarantined(`contest ${decoded.contestUuid} is none of this election`);
  }
  if (decoded.kind === "barrier") {
    const isClosing = contest.closesAtMs === decoded.closesAtMs;
    if (!isClosing) return quarantined("it is a barrier for a close that the ledger does not know");
    return { ...record, is: "barrier", barrier: decoded, contest };
  }
  const partition = partitionOf(decoded.voterKey, contest.buffering);
  if (partition !== key.partition) return quarantined(`its voter belongs to partition ${partition}`);
  const fault = selectionsFault(contest, decoded.selections);
  if (fault !== null) return quarantined(`no ballot of its contest: ${fault}`);
  return { ...record, is: "ballot", ballot: decoded, contest };
}

function isLate({ acceptedAtMs }: BallotRecord, { closesAtMs }: Contest): boolean {
  return closesAtMs !== null && acceptedAtMs >= closesAtMs;
}

type Contents = {
  ballots: DrainedBallot[];
  tally: Tally;
  leaves: Buffer[];
  exceptions: BlockException[];
  quarantined: QuarantinedRecord[];
  barriers: { contestLedgerId: number; offset: number }[];
  /** Of this block's ballots, and those recorded before. */
  places: Map<string, Place>;
  passed: Set<number>;
};

/** `recorded` tells where those of the records' voters are that have a ballot already. The records follow `head`. */
export function makeBlock(
  head: DrainHead,
  records: readonly JudgedRecord[],
  recorded: ReadonlyMap<string, Place>,
  recordedAtMs: number,
): DrainedBlock {
  const contents: Contents = {
    ...{ ballots: [], tally: new Map(), leaves: [], exceptions: [], quarantined: [], barriers: [] },
    places: new Map(recorded),
    passed: new Set(head.passed),
  };
  for (const record of records) add(contents, head, record);
  const { ballots, tally, leaves, exceptions, quarantined, barriers } = contents;
  return {
    ...{ batchId: randomUUID(), recordedAtMs, ballots, tally, quarantined, barriers },
    nextOffset: head.nextOffset + records.length,
    places: placesOf(
      ballots.map(({ index }) => index),
      records.length,
    ),
    leaves: Buffer.concat(leaves),
    exceptions: encodeExceptions(exceptions),
    lastRecord: recordHash(records.at(-1)!),
  };
}

function add(contents: Contents, head: DrainHead, record: JudgedRecord): void {
  const { offset, key, value } = record;
  const index = offset - head.nextOffset;
  const except = (reason: BlockException["reason"], leaf: Buffer | null = null, of: Place | null = null) =>
    contents.exceptions.push({ index, reason, leaf, of });
  if (record.is === "quarantined") {
    except("quarantined");
    contents.quarantined.push({ offset, reason: record.reason, key, value });
    return;
  }
  const { contest } = record;
  if (record.is === "barrier") {
    except("barrier");
    if (!contents.passed.has(contest.ledgerId))
      contents.barriers.push({ contestLedgerId: contest.ledgerId, offset });
    contents.passed.add(contest.ledgerId);
    return;
  }
  const { voterKey, nonce, selections } = record.ballot;
  const leaf = receiptLeaf(contest.uuid, selections, nonce);
  const leafBytes = Buffer.from(leaf, "base64url");
  const of = contents.places.get(ballotKey({ contestLedgerId: contest.ledgerId, voterKey }));
  if (of !== undefined) except("duplicate", leafBytes, of);
  else if (contents.passed.has(contest.ledgerId)) except("behind_barrier", leafBytes);
  else if (isLate(record.ballot, contest)) except("not_open", leafBytes);
  else {
    const { ledgerId: contestLedgerId, uuid: contestUuid } = contest;
    contents.ballots.push({ contestLedgerId, contestUuid, voterKey, selections, nonce, leaf, index });
    contents.places.set(ballotKey({ contestLedgerId, voterKey }), {
      ...{ streamId: head.streamId, seq: head.nextSeq },
      index,
    });
    contents.leaves.push(leafBytes);
    countBallot(contents.tally, contestUuid, selections);
  }
}

/** What the ledger keeps of the last record that it took in, to know the log again by. */
export function recordHash({ value }: LogRecord): Buffer {
  return createHash("sha256")
    .update(value ?? "")
    .digest();
}
