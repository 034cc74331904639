/** Elections and contests in PostgreSQL: one statement a function. */
import type { ContestChange } from "../contests/transitions.ts";
import type { Buffering } from "../election/buffering.ts";
import type { Contest } from "../election/contest.ts";
import type { Election } from "../election/election.ts";
import { isUuid } from "../election/public-id.ts";
import { type ContestTally, type TallyJson, tallyFromJson } from "../election/tally.ts";
import type { Session } from "./session.ts";

/** Inserts unless the id or uuid is taken; returns whether it did. */
export async function insertElection(session: Session, election: Election): Promise<boolean> {
  const rows = await session.query(
    {
      text: `
        INSERT INTO elections (election_uuid, id, title, pepper_fingerprint, allowed_origins, partitions, ledgers,
                               topic_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id`,
    },
    [
      election.uuid,
      election.id,
      election.title,
      election.pepperFingerprint,
      election.allowedOrigins,
      election.buffering?.partitions ?? null,
      election.buffering?.ledgers ?? null,
      election.buffering?.topicId ?? null,
    ],
  );
  return rows.length === 1;
}

export async function updateTopic(session: Session, electionUuid: string, topicId: string): Promise<void> {
  await session.query(
    { text: "UPDATE elections SET topic_id = $2 WHERE election_uuid = $1 AND topic_id IS NULL" },
    [electionUuid, topicId],
  );
}

/** By public id or uuid. */
export async function selectElection(session: Session, id: string): Promise<Election | null> {
  const [election] = await selectElections(session, "WHERE id = $1 OR election_uuid::text = $1", [id]);
  return election ?? null;
}

export async function selectAllElections(session: Session): Promise<Election[]> {
  return selectElections(session, "", []);
}

/** Buffered elections whose log may still have ballots to drain: those with a contest that is not final, or just became so. */
export async function selectElectionsToDrain(session: Session): Promise<Election[]> {
  const where = `
    WHERE topic_id IS NOT NULL AND (
      NOT EXISTS (SELECT FROM contests WHERE contests.election_uuid = elections.election_uuid)
      OR EXISTS (SELECT FROM contests WHERE contests.election_uuid = elections.election_uuid
                 AND (final_at IS NULL OR final_at > now() - interval '1 hour')))`;
  return selectElections(session, where, []);
}

async function selectElections(session: Session, where: string, values: unknown[]): Promise<Election[]> {
  const rows = await session.query<Omit<Election, "buffering"> & BufferingRow>(
    {
      text: `
        SELECT election_uuid AS uuid, id, title, pepper_fingerprint AS "pepperFingerprint",
               allowed_origins AS "allowedOrigins", partitions, ledgers, topic_id
        FROM elections ${where} ORDER BY created_at, id`,
    },
    values,
  );
  return rows.map(({ partitions, ledgers, topic_id, ...election }) => ({
    ...election,
    buffering: bufferingOf({ partitions, ledgers, topic_id }),
  }));
}

type BufferingRow = { partitions: number | null; ledgers: number[] | null; topic_id: string | null };

function bufferingOf({ partitions, ledgers, topic_id }: BufferingRow): Buffering | null {
  return partitions === null ? null : { partitions, ledgers: ledgers!, topicId: topic_id };
}

/** Inserts unless the id or uuid is taken; returns the contest's row number, or null when it is taken. */
export async function insertContest(
  session: Session,
  contest: Omit<Contest, "ledgerId">,
): Promise<number | null> {
  const [row] = await session.query<{ contest_id: number }>(
    {
      text: `
        INSERT INTO contests (contest_uuid, id, election_uuid, title, method, allow_blank, results_visible,
                              opens_at, closes_at, has_voter_index)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, true) ON CONFLICT DO NOTHING RETURNING contest_id`,
    },
    [
      contest.uuid,
      contest.id,
      contest.electionUuid,
      contest.title,
      contest.method,
      contest.allowBlank,
      contest.resultsVisible,
      dateOf(contest.opensAtMs),
      dateOf(contest.closesAtMs),
    ],
  );
  return row?.contest_id ?? null;
}

export async function insertOptions(session: Session, contestLedgerId: number, titles: readonly string[]) {
  await session.query(
    {
      text: `
        INSERT INTO options (contest_id, number, title)
        SELECT $1, number, title FROM unnest($2::text[]) WITH ORDINALITY AS option (title, number)`,
    },
    [contestLedgerId, titles],
  );
}

/** The contests of those public ids or uuids; those that do not exist are left out. */
export function selectContests(session: Session, ids: readonly string[]): Promise<Contest[]> {
  return selectContestsWhere(
    session,
    "WHERE contests.id = ANY($1::text[]) OR contests.contest_uuid = ANY($2::uuid[])",
    [ids, ids.filter(isUuid)],
  );
}

export function selectAllContests(session: Session): Promise<Contest[]> {
  return selectContestsWhere(session, "", []);
}

/** Those that are open or were, or have a time at which they open; newest first. */
export function selectNewestPublicContests(session: Session, contestsMax: number): Promise<Contest[]> {
  return selectContestsWhere(
    session,
    "WHERE contests.opens_at IS NOT NULL",
    [contestsMax],
    "ORDER BY contests.contest_id DESC LIMIT $1",
  );
}

/** Closed contests whose drain has ended and that are not final yet. */
export function selectContestsToFinish(session: Session, closedBeforeMs: number): Promise<Contest[]> {
  return selectContestsWhere(session, "WHERE contests.closes_at <= $1 AND contests.final_at IS NULL", [
    new Date(closedBeforeMs),
  ]);
}

/** Contests of buffered elections that are not final yet. */
export function selectBufferedContests(session: Session): Promise<Contest[]> {
  const where = "WHERE elections.topic_id IS NOT NULL AND contests.final_at IS NULL";
  return selectContestsWhere(session, where, []);
}

/** Those of them that have a time at which they open and are not sealed; newest first. */
export function selectContestsAhead(session: Session, contestsMax: number): Promise<Contest[]> {
  return selectContestsWhere(
    session,
    "WHERE elections.topic_id IS NOT NULL AND contests.opens_at IS NOT NULL AND contests.sealed_at IS NULL",
    [contestsMax],
    "ORDER BY contests.contest_id DESC LIMIT $1",
  );
}

/** Takes the contest's row, so that changes to it happen one after the other. */
export async function lockContest(session: Session, contestLedgerId: number): Promise<void> {
  await session.query({ text: "SELECT FROM contests WHERE contest_id = $1 FOR UPDATE" }, [contestLedgerId]);
}

export async function updateContest(
  session: Session,
  contest: Contest,
  change: ContestChange,
): Promise<void> {
  const { opensAtMs, closesAtMs, closeIsKnown, paused, voided } = { ...contest, ...change };
  await session.query(
    {
      text: `
        UPDATE contests SET opens_at = $2, closes_at = $3, paused = $4, voided_at = $5, void_reason = $6,
            close_is_known = $7
        WHERE contest_id = $1`,
    },
    [
      contest.ledgerId,
      dateOf(opensAtMs),
      dateOf(closesAtMs),
      paused,
      dateOf(voided?.atMs ?? null),
      voided?.reason ?? null,
      closeIsKnown,
    ],
  );
}

export async function updateSealed(session: Session, contestLedgerId: number): Promise<void> {
  await session.query(
    { text: "UPDATE contests SET sealed_at = coalesce(sealed_at, clock_timestamp()) WHERE contest_id = $1" },
    [contestLedgerId],
  );
}

export async function updateFinal(
  session: Session,
  contestLedgerId: number,
  finalAtMs: number,
  tally: ContestTally,
): Promise<void> {
  await session.query(
    {
      text: "UPDATE contests SET final_at = $2, final_tally = $3 WHERE contest_id = $1 AND final_at IS NULL",
    },
    [contestLedgerId, new Date(finalAtMs), JSON.stringify(Object.fromEntries(tally))],
  );
}

async function selectContestsWhere(
  session: Session,
  where: string,
  values: unknown[],
  order = "ORDER BY contests.contest_id",
): Promise<Contest[]> {
  const rows = await session.query<ContestRow>(
    {
      text: `
        SELECT contests.contest_id, contests.contest_uuid, contests.id, contests.election_uuid,
               elections.id AS election_id, elections.allowed_origins, elections.partitions, elections.ledgers,
               elections.topic_id, contests.title, contests.method,
               contests.allow_blank, contests.results_visible, contests.opens_at, contests.closes_at,
               contests.close_is_known, contests.paused, contests.voided_at, contests.void_reason, contests.sealed_at,
               contests.final_at, contests.final_tally,
               (SELECT json_agg(json_build_object('number', number, 'title', options.title) ORDER BY number)
                FROM options WHERE options.contest_id = contests.contest_id) AS options
        FROM contests JOIN elections USING (election_uuid)
        ${where} ${order}`,
    },
    values,
  );
  return rows.map(contestOfRow);
}

type ContestRow = BufferingRow & {
  contest_id: number;
  contest_uuid: string;
  id: string;
  election_uuid: string;
  election_id: string;
  allowed_origins: string[];
  title: string;
  method: "single-choice";
  allow_blank: boolean;
  results_visible: "live" | "final";
  opens_at: Date | null;
  closes_at: Date | null;
  close_is_known: boolean;
  paused: boolean;
  voided_at: Date | null;
  void_reason: string | null;
  sealed_at: Date | null;
  final_at: Date | null;
  final_tally: TallyJson[string] | null;
  options: { number: number; title: string }[] | null;
};

function contestOfRow(row: ContestRow): Contest {
  const uuid = row.contest_uuid;
  return {
    ledgerId: row.contest_id,
    id: row.id,
    uuid,
    electionUuid: row.election_uuid,
    electionId: row.election_id,
    title: row.title,
    method: row.method,
    options: row.options ?? [],
    allowBlank: row.allow_blank,
    resultsVisible: row.results_visible,
    allowedOrigins: row.allowed_origins,
    buffering: bufferingOf(row),
    opensAtMs: row.opens_at?.getTime() ?? null,
    closesAtMs: row.closes_at?.getTime() ?? null,
    closeIsKnown: row.close_is_known,
    paused: row.paused,
    voided: row.voided_at === null ? null : { atMs: row.voided_at.getTime(), reason: row.void_reason ?? "" },
    sealedAtMs: row.sealed_at?.getTime() ?? null,
    finalAtMs: row.final_at?.getTime() ?? null,
    finalTally: row.final_tally === null ? null : tallyFromJson({ [uuid]: row.final_tally }).get(uuid)!,
  };
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}
