/** A contest's tally, counted by PostgreSQL in two ways that must agree. */
import { decodeSelections } from "../election/selections.ts";
import { BLANK, type ContestTally } from "../election/tally.ts";
import type { Session } from "./session.ts";

/** From the ballots themselves. */
export async function countBallots(session: Session, contestLedgerId: number): Promise<ContestTally> {
  const rows = await session.query<{ selections: Buffer; votes: number }>(
    { text: "SELECT selections, count(*) AS votes FROM ballots WHERE contest_id = $1 GROUP BY selections" },
    [contestLedgerId],
  );
  return new Map(rows.map(({ selections, votes }) => [decodeSelections(selections)[0] ?? BLANK, votes]));
}

/** From what every block says that it added. */
export async function sumBlocks(session: Session, contestUuid: string): Promise<ContestTally> {
  const rows = await session.query<{ option: number; votes: number }>(
    {
      text: `
        SELECT counts.key::int4 AS option, sum(counts.value::int8)::int8 AS votes
        FROM blocks, jsonb_each_text(blocks.tally -> $1) AS counts
        GROUP BY counts.key`,
    },
    [contestUuid],
  );
  return new Map(rows.map(({ option, votes }) => [option, votes]));
}
