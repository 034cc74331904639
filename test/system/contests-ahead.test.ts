/** Gateways that no voter came to yet take ballots of a buffered election while its home ledger is down. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { drawSecrets, writeSecretsFile } from "../../src/admission/secrets-file.ts";
import { start, TestFolder } from "../embedded/support.ts";
import { eventually } from "../support/eventually.ts";
import { sharedKafka } from "../support/kafka/shared.ts";
import { ask } from "../support/redis/cluster.ts";
import { RedisServer } from "../support/redis/server.ts";
import { RoleProcess } from "../support/role-process.ts";

const MINUTE_MS = 60_000;
const ADMIN_TOKEN = "an-admin-token-for-tests";
const ID = "the-final";

async function post(url: string, token: string, body: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
}

/** An open contest; the tokens of so many voters. */
async function openContest({ url }: RoleProcess, voters: number): Promise<string[]> {
  const administer = async (path: string, body: unknown) => {
    const response = await post(`${url}/v1/${path}`, ADMIN_TOKEN, body);
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  };
  await administer("elections", { id: ID, title: "A show", buffering: { partitions: 2 } });
  const opensAt = new Date(Date.now() - MINUTE_MS).toISOString();
  await administer(`elections/${ID}/contests`, { id: ID, title: "Who?", options: ["A", "B"], opensAt });
  const named = { voters: Array.from({ length: voters }, (_, i) => `voter ${i}`) };
  const { tokens } = (await administer(`elections/${ID}/voter-tokens`, named)) as { tokens: string[] };
  return tokens;
}

/** Which asks the directory for none. */
function untilKnown({ url }: RoleProcess): Promise<boolean> {
  return eventually("the gateway knows the contest", async () => {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    return metrics.includes("\nurna_contests_known 1\n");
  });
}

test.each([true, false])(
  "gateways that nobody asked take ballots while the home ledger is down; sharing what they know: %p",
  async (shares) => {
    await using folder = new TestFolder();
    await using redis = await RedisServer.start();
    const cluster = await start(folder);
    const secretsFile = join(folder.root, "secrets.json");
    writeSecretsFile(secretsFile, drawSecrets());
    const environment = {
      ...{ DATABASE_URL: cluster.connectionString, URNA_KAFKA: await sharedKafka() },
      ...{ URNA_SECRETS_FILE: secretsFile, URNA_ADMIN_TOKEN: ADMIN_TOKEN },
      ...(shares ? { URNA_REDIS: redis.address } : {}),
    };
    const run = (role: "admin" | "gateway", name: string) =>
      RoleProcess.start({ role, folder: join(folder.root, name), environment });
    await using admin = await run("admin", "admin");
    await using one = await run("gateway", "one");
    await using other = await run("gateway", "other");
    const gateways = [one, other];
    const tokens = await openContest(admin, gateways.length);
    await Promise.all(gateways.map(untilKnown));
    expect(/^urna:\S+:contests$/m.test(await ask(redis, "KEYS", "*"))).toBe(shares);
    await cluster.stop();
    for (const [i, { url }] of gateways.entries()) {
      const answer = await post(`${url}/v1/contests/${ID}/ballots`, tokens[i]!, { selections: [1] });
      expect([answer.status, await answer.json()]).toMatchObject([202, { status: "accepted" }]);
    }
  },
  MINUTE_MS,
);
