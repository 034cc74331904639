/** A block: what a batch became in the ledger. Blocks of a stream are chained by their hashes. */
import { createHash } from "node:crypto";
import type { Tally } from "../election/tally.ts";
import { uuidToBytes } from "./uuid.ts";

/** What a stream's first block chains to. */
export const GENESIS_HASH: Buffer = Buffer.alloc(32);

export type BlockContent = {
  streamId: number;
  seq: number;
  /** Whose attempt this is, uuid. */
  batchId: string;
  recordedAtMs: number;
  /** True when the durability gate was overridden while this block was recorded. */
  overridden: boolean;
  /** Counts of the ballots that this block newly recorded. */
  tally: Tally;
  /** Which of the offered ballots these are, see places.ts. */
  places: Buffer;
  /** The leaves of those ballots, 32 bytes each, in the order of their index. */
  leaves: Buffer;
  /** The hash of the stream's previous block, or {@link GENESIS_HASH}. */
  prevHash: Buffer;
  /** Of a block that was drained from a partition: the records that it took in. Null for a lane's. */
  source: BlockSource | null;
};

/** Records from the first offset to below the next one; those that were not recorded are exceptions, see exceptions.ts. */
export type BlockSource = { firstOffset: number; nextOffset: number; exceptions: Buffer };

const DOMAIN = Buffer.concat([Buffer.from([0x02]), Buffer.from("urna/block/v1")]);
const DRAINED_DOMAIN = Buffer.concat([Buffer.from([0x02]), Buffer.from("urna/block/v2")]);

/**
 * SHA-256 over the block's whole content in a fixed layout (integers big-endian; the tally sorted by contest
 * uuid and option), so that nothing of a block can be changed without breaking the chain.
 */
export function blockHash(block: BlockContent): Buffer {
  const header = Buffer.alloc(8 + 8 + 16 + 8 + 1 + 4);
  header.writeBigUInt64BE(BigInt(block.streamId), 0);
  header.writeBigUInt64BE(BigInt(block.seq), 8);
  uuidToBytes(block.batchId).copy(header, 16);
  header.writeBigUInt64BE(BigInt(block.recordedAtMs), 32);
  header.writeUInt8(block.overridden ? 1 : 0, 40);
  header.writeUInt32BE(block.places.length, 41);
  return createHash("sha256")
    .update(block.source === null ? DOMAIN : DRAINED_DOMAIN)
    .update(block.prevHash)
    .update(header)
    .update(block.places)
    .update(tallyBytes(block.tally))
    .update(block.leaves)
    .update(block.source === null ? NOTHING : sourceBytes(block.source))
    .digest();
}

const NOTHING = Buffer.alloc(0);

/** The last thing in the layout, so that no length needs to be said. */
function sourceBytes({ firstOffset, nextOffset, exceptions }: BlockSource): Buffer {
  const offsets = Buffer.alloc(16);
  offsets.writeBigInt64BE(BigInt(firstOffset), 0);
  offsets.writeBigInt64BE(BigInt(nextOffset), 8);
  return Buffer.concat([offsets, exceptions]);
}

/** Entry count, then contest uuid (16), option (2), votes (8) each: a length first, so that nothing runs together. */
function tallyBytes(tally: Tally): Buffer {
  const entries = [...tally]
    .flatMap(([uuid, counts]) => [...counts].map(([option, votes]) => ({ uuid, option, votes })))
    .sort((a, b) => (a.uuid < b.uuid ? -1 : a.uuid > b.uuid ? 1 : a.option - b.option));
  const bytes = Buffer.alloc(4 + entries.length * 26);
  bytes.writeUInt32BE(entries.length, 0);
  entries.forEach(({ uuid, option, votes }, i) => {
    const at = 4 + i * 26;
    uuidToBytes(uuid).copy(bytes, at);
    bytes.writeUInt16BE(option, at + 16);
    bytes.writeBigUInt64BE(BigInt(votes), at + 18);
  });
  return bytes;
}
