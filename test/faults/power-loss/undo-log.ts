/** The notes that shim.c keeps of one inode: how to take back what is not durable. Its structs say what they mean. */

const HEADER_BYTES = 4 * 8;
const RECORD_BYTES = 6 * 8;
const KINDS = ["", "range", "made", "removed", "renamed", "folder made", "folder removed"] as const;

/** `bytes` were at `offset`, and zeros or nothing in the rest of `extent`; the file was `size` long. */
export type Range = { kind: "range"; offset: number; extent: number; size: number; bytes: Buffer };

/** `time` orders the entries of all folders; `detail` is an inode or, of a removed folder, its mode. */
export type Entry = {
  kind: Exclude<(typeof KINDS)[number], "" | "range">;
  time: bigint;
  detail: number;
  names: string[];
};

export type UndoLog = {
  /** Oldest first. */
  ranges: Range[];
  entries: Entry[];
  /** When the last successful flush began; 0 if there was none. */
  syncedAt: bigint;
};

export function parseUndoLog(file: Buffer): UndoLog {
  const log: UndoLog = { ranges: [], entries: [], syncedAt: 0n };
  if (file.length < HEADER_BYTES) return log; // opened, and nothing noted yet
  const [base, start, end] = [numberAt(file, 0), numberAt(file, 8), numberAt(file, 16)];
  log.syncedAt = file.readBigUInt64LE(24);
  let position = HEADER_BYTES + (start - base);
  while (position < HEADER_BYTES + (end - base)) {
    const [kind, offset, extent, size, length] = [0, 16, 24, 32, 40].map((at) =>
      numberAt(file, position + at),
    );
    const bytes = file.subarray(position + RECORD_BYTES, position + RECORD_BYTES + length!);
    const name = KINDS[kind!];
    if (name === "range")
      log.ranges.push({ kind: name, offset: offset!, extent: extent!, size: size!, bytes });
    else if (name === undefined || name === "") throw new Error(`a note of no known kind: ${kind}`);
    else
      log.entries.push({
        kind: name,
        time: file.readBigUInt64LE(position + 8),
        detail: offset!,
        names: names(bytes),
      });
    position += RECORD_BYTES + length!;
  }
  return log;
}

function numberAt(file: Buffer, at: number): number {
  return Number(file.readBigUInt64LE(at));
}

function names(bytes: Buffer): string[] {
  return bytes.toString().split("\0").slice(0, -1);
}
