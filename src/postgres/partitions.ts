/** A contest's partition of the ballots: made, and sealed. */
import pg from "pg";
import type { Session } from "./session.ts";

const SEAL = "sealed";
const CHECK_VIOLATION = "23514";

function partitionName(contestLedgerId: number): string {
  return `ballots_${contestLedgerId}`;
}

export async function hasPartition(session: Session, contestLedgerId: number): Promise<boolean> {
  const [row] = await session.query<{ exists: boolean }>(
    { text: "SELECT to_regclass($1) IS NOT NULL AS exists" },
    [partitionName(contestLedgerId)],
  );
  return row!.exists;
}

/**
 * The promise of one ballot a voter is the partition's own unique index, see migrations/0004-an-index-of-voters.sql.
 * CREATE TABLE … PARTITION OF would wait for every open insert of every other contest (measured); made apart and
 * attached it does not. Run under a lock timeout.
 */
export async function createPartition(session: Session, contestLedgerId: number): Promise<void> {
  const name = partitionName(contestLedgerId);
  await session.query({ text: `CREATE TABLE ${name} (LIKE ballots INCLUDING ALL)` });
  await session.query({ text: `CREATE UNIQUE INDEX ON ${name} (voter_key)` });
  await session.query({
    text: `ALTER TABLE ballots ATTACH PARTITION ${name} FOR VALUES IN (${contestLedgerId})`,
  });
}

/**
 * Waits for every open insert into the contest, and leaves a constraint behind that fails every later one, even of
 * a statement that was waiting with an older snapshot. NOT VALID: it speaks of new rows only. Idempotent.
 */
export async function sealPartition(session: Session, contestLedgerId: number): Promise<void> {
  const name = partitionName(contestLedgerId);
  await session.query({ text: `LOCK TABLE ONLY ${name} IN ACCESS EXCLUSIVE MODE` });
  const sealed = await session.query(
    { text: "SELECT FROM pg_constraint WHERE conrelid = $1::regclass AND conname = $2" },
    [name, SEAL],
  );
  if (sealed.length > 0) return;
  await session.query({ text: `ALTER TABLE ${name} ADD CONSTRAINT ${SEAL} CHECK (false) NOT VALID` });
}

/** The contest whose seal an insert ran into, or null when the error is another one. */
export function sealedContestOf(error: Error): number | null {
  if (!(error instanceof pg.DatabaseError)) return null;
  if (error.code !== CHECK_VIOLATION || error.constraint !== SEAL) return null;
  const match = /^ballots_(\d+)$/.exec(error.table ?? "");
  return match === null ? null : Number(match[1]);
}
