/** One contest a seed, made over HTTP as an organiser does it, and the voter tokens for it. */
import { electionPepper, parseSecrets, voterKeyOf } from "../../src/admission/secrets.ts";
import { mintVoterToken } from "../../src/admission/voter-token.ts";
import { partitionOf, topicOf } from "../../src/election/buffering.ts";
import { eventually } from "../support/eventually.ts";
import type { Cluster } from "./cluster/cluster.ts";

const OPTIONS = ["A", "B", "C"];
/** Of a buffered election: each is drained into the home ledger or the further one, by turns. */
export const PARTITIONS = 4;
const TOKEN_LIFETIME_MS = 3_600_000;
/** The close of a buffered contest is announced some 16 s before. */
const FINAL_TIMEOUT_MS = 90_000;

export type TestContest = Awaited<ReturnType<typeof openContest>>;

/** An open contest in an election of its own; buffered where the cluster has what that takes. */
export async function openContest(cluster: Cluster, id: string) {
  const buffering = { partitions: PARTITIONS, ledgers: cluster.ledgers.map(({ name }) => name) };
  const election = await administer<{ uuid: string }>(cluster, "/v1/elections", {
    ...{ id, title: id },
    ...(cluster.isBuffered ? { buffering } : {}),
  });
  const definition = { id, title: id, method: "single-choice", options: OPTIONS, allowBlank: false };
  const contest = await administer<{ uuid: string }>(cluster, `/v1/elections/${id}/contests`, definition);
  await administer(cluster, `/v1/contests/${id}/open`, {});
  const { pepper, tokenKeys } = parseSecrets(cluster.secrets);
  const ownPepper = electionPepper(pepper, election.uuid);
  const voters = new Map<string, string>();
  return {
    id,
    uuid: contest.uuid,
    electionUuid: election.uuid,
    topic: topicOf(election.uuid),
    partitions: cluster.isBuffered ? PARTITIONS : 0,
    options: OPTIONS.length,
    mint(voter: string): string {
      const voterKey = voterKeyOf(ownPepper, voter);
      voters.set(voterKey, voter);
      const expiresAtMs = Date.now() + TOKEN_LIFETIME_MS;
      return mintVoterToken(tokenKeys[0], { electionUuid: election.uuid, voterKey, expiresAtMs });
    },
    /** Where that voter's ballots are buffered, and the ledger that they are recorded in. */
    partitionOf: (voter: string) => partitionOf(voterKeyOf(ownPepper, voter), { partitions: PARTITIONS }),
    ledgerOf: (voter: string) => {
      const partition = partitionOf(voterKeyOf(ownPepper, voter), { partitions: PARTITIONS });
      return cluster.ledgers[partition % cluster.ledgers.length]!;
    },
    /** Whose key it is; the key itself where nobody was given a token for it. */
    voterOf: (voterKey: string) => voters.get(voterKey) ?? `key ${voterKey}`,
  };
}

/** Resolves with the instant from which arriving ballots do not count. */
export async function closeContest(cluster: Cluster, { id }: TestContest): Promise<number> {
  const { closesAt } = await administer<{ closesAt: string }>(cluster, `/v1/contests/${id}/close`, {});
  return Date.parse(closesAt);
}

export async function untilFinal(cluster: Cluster, { id }: TestContest): Promise<void> {
  const isFinal = async () => {
    const answer = await fetch(`${cluster.role("results").url}/v1/contests/${id}/results`);
    return ((await answer.json()) as { final: boolean }).final;
  };
  await eventually(`${id} is final`, isFinal, FINAL_TIMEOUT_MS);
}

/** All of these calls are safe to repeat. */
async function administer<Answer>(cluster: Cluster, path: string, body: object): Promise<Answer> {
  return eventually(`POST ${path}`, async () => {
    const answer = await fetch(`${cluster.role("admin").url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${cluster.adminToken}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as Answer;
  });
}
