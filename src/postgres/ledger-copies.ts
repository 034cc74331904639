/** What a further ledger holds of the home ledger: copies of contests whose ballots it records. */
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
