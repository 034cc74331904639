/** Ledgers of before, brought up to date with what is recorded in them. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { migrate } from "../../src/postgres/migrate.ts";
import { Session } from "../../src/postgres/session.ts";
import { freshDatabase, TEST_SESSION } from "../support/shared-cluster.ts";

const FOLDER = fileURLToPath(new URL("../../src/postgres/migrations/", import.meta.url));

/** As it was when that migration was the last one. */
async function ledgerOf(version: number): Promise<Session> {
  const session = await Session.openPrimary(await freshDatabase(), TEST_SESSION);
  await session.query({ text: "DROP SCHEMA public CASCADE" });
  await session.query({ text: "CREATE SCHEMA public" });
  await session.query({
    text: "CREATE TABLE schema_migrations (version int4 PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
  });
  for (const name of readdirSync(FOLDER).sort()) {
    if (Number(name.slice(0, 4)) > version) continue;
    await session.query({ text: readFileSync(`${FOLDER}${name}`, "utf8") });
    await session.query({ text: "INSERT INTO schema_migrations (version, name) VALUES ($1, $2)" }, [
      Number(name.slice(0, 4)),
      name,
    ]);
  }
  return session;
}

const BALLOT = {
  text: "INSERT INTO ballots VALUES ($1, '11111111-1111-4111-8111-111111111111', gen_random_uuid(), 1, 1, '\\x0001')",
};

test("a contest of before has a ballot a voter at most after its index was made anew, and keeps those it had", async () => {
  await using session = await ledgerOf(3);
  for (const contest of [7, 8]) {
    await session.query({ text: `CREATE TABLE ballots_${contest} (LIKE ballots INCLUDING ALL)` });
    await session.query({
      text: `ALTER TABLE ballots ATTACH PARTITION ballots_${contest} FOR VALUES IN (${contest})`,
    });
    await session.query(BALLOT, [contest]);
  }
  expect(await migrate(session, 10_000)).toContain("0004-an-index-of-voters.sql");
  for (const contest of [7, 8]) {
    const again = await session.query(BALLOT, [contest]).catch((error: { code: string }) => error.code);
    expect(again).toBe("23505");
  }
  const kept = await session.query({ text: "SELECT contest_id FROM ballots ORDER BY contest_id" });
  expect(kept).toEqual([{ contest_id: 7 }, { contest_id: 8 }]);
  const keys = await session.query({
    text: "SELECT DISTINCT pg_get_indexdef(indexrelid) ~ '\\(voter_key\\)$' AS alone FROM pg_index WHERE indrelid IN ('ballots_7'::regclass, 'ballots_8'::regclass)",
  });
  expect(keys).toEqual([{ alone: true }]);
});

test("a process of before makes no contest in a ledger of now: its partition would have no index", async () => {
  await using session = await ledgerOf(3);
  const election = "22222222-2222-4222-8222-222222222222";
  await session.query(
    {
      text: "INSERT INTO elections (election_uuid, id, title, pepper_fingerprint) VALUES ($1, 'e', 'E', '\\x00')",
    },
    [election],
  );
  const contestOfBefore = (id: string) =>
    session.query(
      {
        text: `
          INSERT INTO contests (contest_uuid, id, election_uuid, title, method, allow_blank, results_visible)
          VALUES (gen_random_uuid(), $2, $1, 'C', 'single-choice', false, 'live')`,
      },
      [election, id],
    );
  await contestOfBefore("then");
  await migrate(session, 10_000);
  const refused = await contestOfBefore("now").catch((error: { code: string; column: string }) => error);
  expect(refused).toMatchObject({ code: "23502", column: "has_voter_index" });
});
