/** A buffered election as people run it: Kafka's own brokers, a further ledger, every role. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import type { AcceptedReceipt } from "../../src/election/receipt.ts";
import { eventually } from "../support/eventually.ts";
import { sharedKafka } from "../support/kafka/shared.ts";
import { freshDatabase } from "../support/shared-cluster.ts";
import { DevServer, runUrna } from "../support/urna-process.ts";

const MINUTE_MS = 60_000;
const VOTERS = 300;
const PARTITIONS = 4;

/** Calls of the contract, as an organiser and as voters make them. */
function callsOf(server: DevServer) {
  const administer = async (path: string, body: unknown) => {
    const response = await fetch(`${server.url}${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${server.announcement.adminToken}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const asVoter = (token: string, path: string, body?: unknown) =>
    fetch(`${server.url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  return { administer, asVoter };
}

test(
  "ballots are accepted, recorded once in the ledgers of their partitions, and final when all have passed the barrier",
  async () => {
    const ledgers = `east=${await freshDatabase()}`;
    await using server = await DevServer.start("--kafka", await sharedKafka(), "--ledgers", ledgers);
    const { administer, asVoter } = callsOf(server);
    const id = `buffered-${randomUUID()}`;
    const buffering = { partitions: PARTITIONS, ledgers: ["home", "east"] };
    await administer("/v1/elections", { id, title: "Buffered", buffering });
    await administer(`/v1/elections/${id}/contests`, { id, title: "Which?", options: ["A", "B"] });
    await administer(`/v1/contests/${id}/open`, {});
    const voters = Array.from({ length: VOTERS }, (_, i) => `voter ${i}`);
    const { tokens } = (await administer(`/v1/elections/${id}/voter-tokens`, { voters })) as {
      tokens: string[];
    };
    const castAll = async () => {
      const ballots = `/v1/contests/${id}/ballots`;
      const responses = await Promise.all(
        tokens.map((token, i) => asVoter(token, ballots, { selections: [1 + (i % 2)] })),
      );
      expect(responses.map(({ status }) => status)).toEqual(Array(VOTERS).fill(202));
      const answers = (await Promise.all(responses.map((each) => each.json()))) as {
        receipt: AcceptedReceipt;
      }[];
      return answers.map(({ receipt }) => receipt);
    };
    const first = await castAll();
    const places = new Set(first.map(({ partition, offset }) => `${partition} ${offset}`));
    expect(places.size).toBe(VOTERS);
    expect(new Set(first.map(({ partition }) => partition)).size).toBe(PARTITIONS);
    await castAll();
    await eventually("all are counted", async () => (await server.turnout(id)) === VOTERS, MINUTE_MS);
    const own = await asVoter(tokens[0]!, `/v1/contests/${id}/ballot`);
    expect(await own.json()).toMatchObject({ status: "recorded", receipt: { leaf: first[0]!.leaf } });

    const closing = await runUrna("election", "close", id, "--wait", "--data", server.folder);
    expect(closing).toMatchObject({ exitCode: 0 });
    const results = await fetch(`${server.url}/v1/contests/${id}/results`);
    expect(await results.json()).toMatchObject({
      ...{ final: true, ballots: VOTERS, blank: 0 },
      counts: [
        { option: 1, votes: VOTERS / 2 },
        { option: 2, votes: VOTERS / 2 },
      ],
    });
    expect((await asVoter(tokens[0]!, `/v1/contests/${id}/ballots`, { selections: [1] })).status).toBe(200);
    const recount = await runUrna("recount", "--data", server.folder, "--ledgers", ledgers);
    expect(recount).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("clean") });
  },
  3 * MINUTE_MS,
);
