/** What a further ledger holds of the home ledger: copies of contests whose ballots it records. */
import type { Contest } from "../election/contest.ts";
import { WrongLedgerError } from "./ledger-identity.ts";
import type { Session } from "./session.ts";

/** Inserts the contest under its number in the home ledger, unless it is there. Throws where that number is another contest's. Its times stay in the home ledger alone. */
export async function copyContest(session: Session, contest: Contest): Promise<boolean> {
  const rows = await session.query(
    {
      text: `
        INSERT INTO contests (contest_id, contest_uuid, id, election_uuid, title, method, allow_blank, results_visible,
                              has_voter_index)
        OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, true)
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
  if (rows.length === 1) return true;
  const [found] = await session.query<{ contest_uuid: string }>(
    { text: "SELECT contest_uuid FROM contests WHERE contest_id = $1" },
    [contest.ledgerId],
  );
  if (found?.contest_uuid === contest.uuid) return false;
  throw new WrongLedgerError(
    `contest ${contest.ledgerId} is another one here than in the home ledger: was that restored to an earlier state?`,
  );
}
