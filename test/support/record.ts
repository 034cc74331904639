/** What tests of the ledger share: contests, ballots and writers made directly, without HTTP. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { ContestDefinition } from "../../src/contests/administration.ts";
import type { Buffering } from "../../src/election/buffering.ts";
import { type Contest, UNCHANGED } from "../../src/election/contest.ts";
import type { Election } from "../../src/election/election.ts";
import { encodeSelections } from "../../src/election/selections.ts";
import { ballotLeaf } from "../../src/ledger/leaf.ts";
import { uuidToBytes } from "../../src/ledger/uuid.ts";
import { PostgresContestStore } from "../../src/postgres/contest-store.ts";
import type { Session } from "../../src/postgres/session.ts";
import { SessionPool } from "../../src/postgres/session-pool.ts";
import { PostgresStreamWriter, type StreamWriterOptions } from "../../src/postgres/stream-writer.ts";
import { gather } from "../../src/recording/batch.ts";
import type { Ballot, Batch } from "../../src/recording/ledger.ts";
import { TEST_SESSION } from "./shared-cluster.ts";

export async function openStore(opened: AsyncDisposableStack, connectionString: string) {
  const pool = opened.use(
    new SessionPool({ ...TEST_SESSION, connectionString, sessionsMax: 8, waitingMax: 100 }),
  );
  return { pool, store: new PostgresContestStore(pool, 10_000) };
}

export function electionOf(buffering: Buffering | null = null): Election {
  const uuid = randomUUID();
  const pepperFingerprint = Buffer.alloc(16);
  return { uuid, id: uuid, title: "An election", allowedOrigins: [], buffering, pepperFingerprint };
}

/** An open contest of three options. */
export async function createContest(
  store: PostgresContestStore,
  changes: Partial<ContestDefinition> = {},
  election = electionOf(),
) {
  const { uuid: electionUuid, buffering } = await store.createElection(election);
  const uuid = randomUUID();
  return store.createContest({
    title: "A question",
    method: "single-choice",
    allowBlank: true,
    resultsVisible: "live",
    opensAtMs: Date.now() - 1_000,
    closesAtMs: null,
    ...changes,
    options: ["A", "B", "C"].map((title, i) => ({ number: i + 1, title })),
    ...{ uuid, id: uuid, electionUuid, electionId: electionUuid, allowedOrigins: [], buffering },
    ...UNCHANGED,
  });
}

export function ballotOf(contest: Contest, voter: string, selections: number[] = [1]): Ballot {
  return ballotOfKey(contest, createHash("md5").update(voter).digest("hex"), selections);
}

export function ballotOfKey(contest: Contest, voterKey: string, selections: number[]): Ballot {
  const nonce = randomBytes(16);
  return {
    contestLedgerId: contest.ledgerId,
    contestUuid: contest.uuid,
    voterKey,
    selections,
    nonce: nonce.toString("base64url"),
    leaf: ballotLeaf(uuidToBytes(contest.uuid), encodeSelections(selections), nonce).toString("base64url"),
  };
}

export function batchOf(ballots: readonly Ballot[]): Batch {
  return gather(ballots, Date.now()).batch;
}

export function streamWriter(connectionString: string, changes: Partial<StreamWriterOptions> = {}) {
  return new PostgresStreamWriter({
    ...TEST_SESSION,
    connectionString,
    writer: "test",
    attemptTimeoutMs: 10_000,
    gateFaults: () => [],
    overrideGate: false,
    ...changes,
  });
}

export async function countRows(session: Session, table: "ballots" | "blocks"): Promise<number> {
  const [row] = await session.query<{ count: number }>({ text: `SELECT count(*) AS count FROM ${table}` });
  return row!.count;
}
