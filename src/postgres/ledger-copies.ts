/** What a further ledger holds of the home ledger: who it is, and copies of contests whose ballots it records. */

import { firstStreamOf, HOME_LEDGER } from "../election/buffering.ts";
import type { Contest } from "../election/contest.ts";
import type { Session } from "./session.ts";

/** Inserts the contest under its number in the home ledger, unless it is there. Its times stay in the home ledger alone. */
export async function copyContest(session: Session, contest: Contest): Promise<boolean> {
  const rows = await session.query(
    {
      text: `
        INSERT INTO contests (contest_id, contest_uuid, id, election_uuid, title, method, allow_blank, results_visible)
        OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (contest_id) DO NOTHING RETURNING contest_id`,
    },
    [
      contest.ledgerId,
      contest.uuid,
      contest.id,
      contest.electionUuid,
      contest.title,
      contest.method,
      contest.allowBlank,
      contest.resultsVisible,
    ],
  );
  return rows.length === 1;
}

/** Which of a deployment's ledgers this one is; `home` is the home ledger's system identifier and database. */
export type LedgerIdentity = { number: number; name: string; home: string };

export async function selectIdentity(session: Session): Promise<LedgerIdentity | null> {
  const [row] = await session.query<LedgerIdentity>({
    text: "SELECT number, name, home FROM ledger_identity",
  });
  return row ?? null;
}

/** Says who it is, for good, and numbers its streams accordingly. It must have none yet. */
export async function insertIdentity(
  session: Session,
  { number, name, home }: LedgerIdentity,
): Promise<void> {
  await session.query({ text: "INSERT INTO ledger_identity (number, name, home) VALUES ($1, $2, $3)" }, [
    number,
    name,
    home,
  ]);
  if (number === HOME_LEDGER) return;
  await session.query({ text: `ALTER TABLE streams ALTER stream_id RESTART WITH ${firstStreamOf(number)}` });
}

/** What tells this database from every other one. */
export async function selectSelf(session: Session): Promise<string> {
  const [row] = await session.query<{ self: string }>({
    text: "SELECT system_identifier || '/' || current_database() AS self FROM pg_control_system()",
  });
  return row!.self;
}

/** In the home ledger: the number of that name, a new one if it has none. */
export async function numberOf(session: Session, name: string): Promise<number> {
  await session.query({ text: "LOCK TABLE further_ledgers IN EXCLUSIVE MODE" });
  await session.query(
    {
      text: `
        INSERT INTO further_ledgers (number, name)
        SELECT coalesce(max(number), 0) + 1, $1 FROM further_ledgers ON CONFLICT (name) DO NOTHING`,
    },
    [name],
  );
  const [row] = await session.query<{ number: number }>(
    { text: "SELECT number FROM further_ledgers WHERE name = $1" },
    [name],
  );
  return row!.number;
}
