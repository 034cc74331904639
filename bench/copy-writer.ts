/** What the ledger is compared with: binary COPY of ballots' rows into a table like theirs, committed as durably. */
import { pipeline } from "node:stream/promises";
import { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { selectionsBytes, writeSelections } from "../src/election/selections.ts";
import { hostUrls } from "../src/postgres/connection-string.ts";
import type { Ballot } from "../src/recording/ledger.ts";

/** PGCOPY, no flags, no header extension; and what ends the data (PostgreSQL's manual, COPY, “Binary Format”). */
const HEADER = Buffer.from("5047434f50590aff0d0a000000000000000000", "hex");
const TRAILER = Buffer.from([0xff, 0xff]);
const FIELDS = 6;
/** Without the selections' own bytes: the number of fields, each one's length, and what they are. */
const ROW_BYTES = 2 + FIELDS * 4 + 4 + 16 + 16 + 8 + 2;

export class CopyWriter implements AsyncDisposable {
  private seq = 0;

  private constructor(
    private readonly client: Client,
    private readonly table: string,
    private readonly lane: number,
  ) {}

  static async open(connectionString: string, table: string, lane: number): Promise<CopyWriter> {
    const client = await connectToPrimary(connectionString);
    return new CopyWriter(client, table, lane);
  }

  /** Resolves when a standby has them too: each COPY is a transaction. */
  async write(ballots: readonly Ballot[]): Promise<void> {
    const stream = this.client.query(copyFrom(`COPY ${this.table} FROM STDIN (FORMAT binary)`));
    await pipeline([rowsOf(ballots, (BigInt(this.lane) << 32n) | BigInt(++this.seq))], stream);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.client.end();
  }
}

/** contest_id, voter_key, nonce, block_id, index, selections: as the ledger's rows. */
function rowsOf(ballots: readonly Ballot[], blockId: bigint): Buffer {
  let bytes = HEADER.length + TRAILER.length;
  for (const { selections } of ballots) bytes += ROW_BYTES + selectionsBytes(selections);
  const rows = Buffer.allocUnsafe(bytes);
  HEADER.copy(rows);
  let at = HEADER.length;
  const length = (of: number) => (at = rows.writeInt32BE(of, at));
  for (let i = 0; i < ballots.length; i++) {
    const { contestLedgerId, voterKey, nonce, selections } = ballots[i]!;
    at = rows.writeInt16BE(FIELDS, at);
    length(4);
    at = rows.writeInt32BE(contestLedgerId, at);
    length(16);
    at += rows.write(voterKey, at, "hex");
    length(16);
    at += rows.write(nonce, at, "base64url");
    length(8);
    at = rows.writeBigInt64BE(blockId, at);
    length(2);
    at = rows.writeInt16BE(i, at);
    length(selectionsBytes(selections));
    at = writeSelections(rows, selections, at);
  }
  TRAILER.copy(rows, at);
  return rows;
}

async function connectToPrimary(connectionString: string): Promise<Client> {
  for (const url of hostUrls(connectionString)) {
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(
      "SELECT pg_is_in_recovery() AS standby, current_setting('synchronous_commit') AS commit",
    );
    if (!rows[0].standby && rows[0].commit === "on") return client;
    await client.end();
  }
  throw new Error("no server of this cluster takes writes");
}
