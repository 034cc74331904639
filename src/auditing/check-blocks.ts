/** The recount's way through the blocks: hashes, chains, heads, and that each block agrees with itself. */
import type { Contest } from "../election/contest.ts";
import { isUuid } from "../election/public-id.ts";
import { addTally, type Tally, type TallyJson, tallyFromJson } from "../election/tally.ts";
import { blockHash, GENESIS_HASH } from "../ledger/block.ts";
import { LEAF_BYTES } from "../ledger/leaf.ts";
import { countPlaces } from "../ledger/places.ts";
import type { BlockIndex, Count } from "./block-index.ts";
import type { RecordsCheck } from "./check-records.ts";
import type { FindingSink } from "./findings.ts";
import type { BlockRow, RecountSource, StreamRow } from "./recount-source.ts";

/** What the blocks say was recorded. */
export type BlocksChecked = { blocks: number; leaves: number; tally: Tally };

/** The largest seq that a ballot can name. */
const SEQ_MAX = 0xffff_ffff;

export class BlocksCheck {
  readonly checked: BlocksChecked = { blocks: 0, leaves: 0, tally: new Map() };
  private readonly contestsByUuid: Map<string, Contest>;

  constructor(
    private readonly index: BlockIndex,
    private readonly records: RecordsCheck,
    private readonly findings: FindingSink,
    contests: readonly Contest[],
    /** Whether this contest's ballots are going to be counted. */
    private readonly inScope: (contest: Contest) => boolean,
  ) {
    this.contestsByUuid = new Map(contests.map((contest) => [contest.uuid, contest]));
  }

  async checkStream(source: RecountSource, stream: StreamRow, onBlocks: (count: number) => void) {
    let previous: Pick<BlockRow, "seq" | "hash"> = { seq: 0, hash: GENESIS_HASH };
    this.records.begin();
    for await (const blocks of source.blocks(stream.streamId, stream.nextSeq)) {
      for (const block of blocks) {
        this.checkLink(previous, block);
        this.checkBlock(block);
        this.records.check(stream, block);
        previous = block;
      }
      onBlocks(blocks.length);
    }
    this.checkHead(stream, previous);
    await this.records.end(source, stream);
  }

  private checkLink(previous: Pick<BlockRow, "seq" | "hash">, block: BlockRow): void {
    const place = placeOf(block);
    if (block.seq !== previous.seq + 1) {
      this.findings.add(
        "block_missing",
        { stream: block.streamId, seq: previous.seq + 1 },
        `block ${previous.seq} is followed by block ${block.seq}`,
      );
    } else if (!block.prevHash.equals(previous.hash)) {
      this.findings.add("chain_broken", place, `its prev_hash is not the hash of block ${previous.seq}`);
    }
  }

  private checkHead(stream: StreamRow, last: Pick<BlockRow, "seq" | "hash">): void {
    const place = { stream: stream.streamId, seq: stream.nextSeq - 1 };
    if (last.seq < place.seq) {
      const message = `the stream goes on to block ${place.seq}, the last one there is ${last.seq}`;
      this.findings.add("tail_missing", place, message);
    } else if (!stream.headHash.equals(last.hash)) {
      this.findings.add("head_mismatch", place, "streams.head_hash is not the last block's hash");
    }
  }

  private checkBlock(block: BlockRow): void {
    const place = placeOf(block);
    const leaves = countPlaces(block.places);
    if (block.leaves.length !== leaves * LEAF_BYTES) {
      const message = `${block.leaves.length} bytes of leaves for ${leaves} ballots`;
      this.findings.add("leaves_length", place, message);
    }
    const fault = tallyFault(block.tally);
    const tally: Tally = fault === null ? tallyFromJson(block.tally as TallyJson) : new Map();
    if (fault !== null) this.findings.add("tally_malformed", place, fault);
    if (fault !== null || !hashMatches(block, tally)) {
      this.findings.add("hash_mismatch", place, "its hash is not that of its content");
    }
    addTally(this.checked.tally, tally);
    this.checked.blocks++;
    this.checked.leaves += leaves;
    this.remember(block, tally);
  }

  private remember(block: BlockRow, tally: Tally): void {
    const counts: Count[] = [];
    let whole = true;
    for (const [uuid, votesByOption] of tally) {
      const contest = this.contestsByUuid.get(uuid);
      if (contest === undefined) {
        this.findings.add("unknown_contest", placeOf(block), `its tally counts votes of contest ${uuid}`);
      } else if (this.inScope(contest)) {
        const contestLedgerId = contest.ledgerId;
        for (const [option, votes] of votesByOption) counts.push({ contestLedgerId, option, votes });
      } else {
        whole = false;
      }
    }
    if (block.seq >= 0 && block.seq <= SEQ_MAX) this.index.add(block, block.places, counts, whole);
  }
}

function placeOf({ streamId, seq }: BlockRow) {
  return { stream: streamId, seq };
}

function hashMatches(block: BlockRow, tally: Tally): boolean {
  try {
    return blockHash({ ...block, tally }).equals(block.hash);
  } catch (error) {
    // A number that the layout has no room for: no content of a block was ever hashed with it.
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const OPTION = /^(0|[1-9][0-9]{0,4})$/;

/**
 * Why this JSON is not a tally, or null. Strict in the spelling: another spelling of the same uuid or number would
 * have the same hash, and count twice or under another name.
 */
export function tallyFault(json: unknown): string | null {
  if (!isObject(json)) return "its tally is not an object";
  for (const [uuid, counts] of Object.entries(json)) {
    if (!isUuid(uuid)) return `its tally names a contest by ${JSON.stringify(uuid)}`;
    if (!isObject(counts)) return `its tally of contest ${uuid} is not an object`;
    for (const [option, votes] of Object.entries(counts)) {
      if (!OPTION.test(option) || Number(option) > 0xffff) {
        return `its tally of contest ${uuid} names an option by ${JSON.stringify(option)}`;
      }
      if (!Number.isSafeInteger(votes) || (votes as number) < 1) {
        return `its tally of contest ${uuid} has ${JSON.stringify(votes)} votes for option ${option}`;
      }
    }
  }
  return null;
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
