/**
 * The durability gate of roles that run as processes of their own, on a cluster that DATABASE_URL names: by an ordinary
 * role with pg_monitor, as an operator has it.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { drawSecrets, writeSecretsFile } from "../../src/admission/secrets-file.ts";
import { type EmbeddedCluster, startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { createLog } from "../../src/runtime/log.ts";
import { TestFolder, toPrimary } from "../embedded/support.ts";
import { eventually } from "../support/eventually.ts";
import { freeze } from "../support/frozen.ts";
import { freePort, runUrna, startUrna } from "../support/urna-process.ts";

setDefaultTimeout(60_000);

const NOTICED_MS_MAX = 5_000;
const ADMIN_TOKEN = "an-admin-token-for-tests";

const opened = new AsyncDisposableStack();
let cluster: EmbeddedCluster;
let databaseUrl: string;
let secretsFile: string;
let gateway: Role;
let voterToken: string;

type Reason = { check: string; found: string; mend: string };
type Readiness = { status: number; reasons: Reason[] };
type Role = { url: string; child: ChildProcess; logged: string[]; readiness: () => Promise<Readiness> };

async function startRole(role: "admin" | "gateway" | "results", url = databaseUrl): Promise<Role> {
  const port = await freePort();
  const child = startUrna([role, "--host", "127.0.0.1", "--port", String(port)], {
    DATABASE_URL: url,
    URNA_SECRETS_FILE: secretsFile,
    URNA_ADMIN_TOKEN: ADMIN_TOKEN,
    URNA_DEADLINE_MS: "3000",
  });
  opened.defer(async () => {
    if (child.exitCode !== null) return;
    const ended = once(child, "close");
    child.kill("SIGTERM");
    await ended;
  });
  const logged: string[] = [];
  child.stderr?.on("data", (chunk) => logged.push(...String(chunk).split("\n").filter(Boolean)));
  const address = `http://127.0.0.1:${port}`;
  const readiness = async () => {
    const response = await fetch(`${address}/readyz`);
    const { reasons } = (await response.json()) as { reasons: Reason[] };
    return { status: response.status, reasons };
  };
  await eventually(`${role} answers`, readiness);
  return { url: address, child, logged, readiness };
}

function cast(): Promise<Response> {
  return fetch(`${gateway.url}/v1/contests/who/ballots`, {
    method: "POST",
    headers: { authorization: `Bearer ${voterToken}`, "content-type": "application/json" },
    body: '{"selections":[1]}',
  });
}

const untilReady = (role: Role) =>
  eventually("it is ready", async () => (await role.readiness()).status === 200, NOTICED_MS_MAX * 2);

beforeAll(async () => {
  const folder = opened.use(new TestFolder());
  secretsFile = join(folder.root, "secrets.json");
  writeSecretsFile(secretsFile, drawSecrets());
  cluster = opened.use(await startEmbeddedCluster({ folder: folder.data, log: createLog("text", "silent") }));
  await using client = await toPrimary(cluster);
  await client.query("CREATE ROLE operator LOGIN PASSWORD 'secret'");
  await client.query("GRANT pg_monitor TO operator");
  await client.query("CREATE DATABASE votes OWNER operator");
  databaseUrl = cluster.connectionString.replace(/\/\/[^@]*@/, "//operator:secret@").replace(/\w+$/, "votes");
  const admin = await startRole("admin");
  gateway = await startRole("gateway");
  await untilReady(gateway);
  const flags = ["--url", admin.url, "--admin-token", ADMIN_TOKEN];
  const contest = ["--contest", "Who?", "--contest-id", "who", "--option", "A", "B"];
  await runUrna("election", "create", "--id", "show", "--title", "The show", ...contest, ...flags);
  await runUrna("election", "open", "who", ...flags);
  const minted = await runUrna("token", "mint", "--election", "show", "--voter", "v1", ...flags);
  voterToken = minted.stdout.trim();
}, 60_000);
afterAll(() => opened.disposeAsync());

const doctor = (url: string, ...flags: string[]) => runUrna("doctor", "--database-url", url, ...flags);

test("the doctor finds it safe, and says what it looked at", async () => {
  const { exitCode, stdout } = await doctor(databaseUrl, "--json");
  const { safe, checks } = JSON.parse(stdout) as { safe: boolean; checks: (Reason & { ok: boolean })[] };
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  expect([safe, exitCode]).toEqual([true, 0]);
  for (const { primary, standby } of [cluster.nodes]) {
    for (const { port } of [primary, standby]) {
      const ofNode = checks.filter(({ check }) => check.startsWith(`127.0.0.1:${port} `));
      expect(ofNode.map(({ check }) => check.split(" ").slice(1).join(" ")).sort()).toEqual(
        [
          ...[
            "reachable",
            "pg_stat_replication",
            "version",
            "fsync",
            "full_page_writes",
            "synchronous_commit",
          ],
          ...["synchronous_standby_names", "wal_sync_method", "data_checksums", "max_connections", "clock"],
          ...(port === primary.port ? ["synchronous standby connected"] : []),
        ].sort(),
      );
    }
  }
  const others = checks.map(({ check }) => check).filter((check) => !check.startsWith("127."));
  expect(others).toEqual(["one primary", "standby urna_standby asked", "a standby confirms a commit"]);
});

test("what is wrong, the doctor says in a line each, with what mends it: unsafe is 1, nobody asked is 2", async () => {
  const onlyPrimary = databaseUrl.replace(/,[^/]*/, "");
  const unnamed = await doctor(onlyPrimary);
  expect(unnamed.exitCode).toBe(1);
  expect(unnamed.stdout).toMatch(
    /^WRONG {2}standby urna_standby asked: .*\n +mend: name it in DATABASE_URL/m,
  );
  const unreachable = await doctor(databaseUrl.replace("/votes", `,127.0.0.1:${await freePort()}/votes`));
  expect(unreachable.exitCode).toBe(1);
  expect(unreachable.stdout).toMatch(/^WRONG {2}127.0.0.1:\d+ reachable: /m);
  const nobody = await doctor(`postgres://operator@127.0.0.1:${await freePort()}/votes`);
  expect(nobody.exitCode).toBe(2);
  expect((await doctor("nonsense")).exitCode).toBe(2);
});

test("the doctor names a role that may not see the standbys", async () => {
  await using client = await toPrimary(cluster);
  await client.query("CREATE ROLE blind LOGIN PASSWORD 'secret'");
  const { exitCode, stdout } = await doctor(databaseUrl.replace("operator:", "blind:"));
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^WRONG {2}127.0.0.1:\d+ pg_stat_replication: .*\n +mend: GRANT pg_monitor/m);
});

test("a role whose DATABASE_URL leaves a standby out is not ready, and says why", async () => {
  const results = await startRole("results", databaseUrl.replace(/,[^/]*/, ""));
  expect(await results.readiness()).toMatchObject({
    status: 503,
    reasons: [{ check: "standby urna_standby asked", mend: expect.stringContaining("DATABASE_URL") }],
  });
});

test("a drift makes it unready within seconds, is logged once, and passes by itself", async () => {
  await untilReady(gateway);
  const before = gateway.logged.length;
  await using client = await toPrimary(cluster);
  await client.query("ALTER SYSTEM SET synchronous_commit = local");
  await client.query("SELECT pg_reload_conf()");
  await eventually(
    "it is unready",
    async () => {
      const { status, reasons } = await gateway.readiness();
      return (
        status === 503 &&
        reasons.some(({ check, found }) => /synchronous_commit/.test(check) && found === "local")
      );
    },
    NOTICED_MS_MAX,
  );
  expect((await cast()).status).toBe(503);
  await client.query("ALTER SYSTEM RESET synchronous_commit");
  await client.query("SELECT pg_reload_conf()");
  await untilReady(gateway);
  await eventually("ballots are recorded", async () => [200, 201].includes((await cast()).status));
  const lines = gateway.logged.slice(before).filter((line) => line.includes("durability gate is"));
  expect(lines.map((line) => / is (shut|open)/.exec(line)?.[1])).toEqual(["shut", "open"]);
});

test("while the standby hangs it is unready, and voters are told nothing of PostgreSQL", async () => {
  await untilReady(gateway);
  const before = gateway.logged.length;
  const tryingAgain = () => gateway.logged.slice(before).filter((line) => line.includes("trying again"));
  {
    using _ = freeze(cluster.nodes.standby.dataFolder);
    const answers = Promise.all(Array.from({ length: 20 }, cast));
    await eventually(
      "it is unready",
      async () =>
        (await gateway.readiness()).reasons.some(({ check }) => check === "a standby confirms a commit"),
      NOTICED_MS_MAX,
    );
    for (const answer of [...(await answers), await cast()]) {
      expect(answer.status).toBe(503);
      const { code, detail } = (await answer.json()) as { code: string; detail: string };
      expect(code).toMatch(/^(not_recorded|outcome_unknown)$/);
      expect(detail).not.toMatch(/postgres|127\.0\.0\.1|standby|synchronous|timeout|\bms\b/i);
    }
    // An attempt ends when voters have been answered, or a little later.
    await eventually("an attempt has no outcome", () => tryingAgain().length > 0);
  }
  await untilReady(gateway);
  const seconds = tryingAgain().map((line) => Date.parse(JSON.parse(line).time));
  // Two lanes, each at most once a second.
  for (const [i, ms] of seconds.entries())
    expect((seconds[i + 2] ?? Number.POSITIVE_INFINITY) - ms).toBeGreaterThan(900);
});

test("told to stop it answers a request that is still arriving, and takes no other", async () => {
  const admin = await startRole("admin");
  const closed = once(admin.child, "close");
  const { port, hostname } = new URL(admin.url);
  const body = JSON.stringify({ id: "late-show", title: "The late show", allowedOrigins: [] });
  const socket = connect(Number(port), hostname);
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk));
  const answered = once(socket, "close");
  const head = [
    "POST /v1/elections HTTP/1.1",
    "host: urna",
    `authorization: Bearer ${ADMIN_TOKEN}`,
    "content-type: application/json",
    `content-length: ${body.length}`,
  ];
  await new Promise((resolve) => socket.write(`${head.join("\r\n")}\r\n\r\n${body.slice(0, 9)}`, resolve));
  // Whoever connects after it is answered after it was let in.
  await fetch(`${admin.url}/healthz`);
  admin.child.kill("SIGTERM");
  await eventually("it takes no other", () =>
    fetch(`${admin.url}/healthz`).then(
      () => false,
      () => true,
    ),
  );
  socket.write(body.slice(9));
  await answered;
  expect(answer).toStartWith("HTTP/1.1 201");
  await closed;
  expect(admin.child.exitCode).toBe(0);
});

test("told to stop it is unready at once, and still answers what is on its way", async () => {
  await untilReady(gateway);
  const frozen = freeze(cluster.nodes.standby.dataFolder);
  try {
    const onItsWay = cast();
    await eventually("a ballot waits for the standby", async () => {
      await using client = await toPrimary(cluster);
      const asked =
        "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'urna lane'";
      return (await client.query(asked)).rowCount! > 0;
    });
    const closed = once(gateway.child, "close");
    gateway.child.kill("SIGTERM");
    await eventually(
      "it is unready",
      async () => (await gateway.readiness()).reasons[0]?.found === "shutting down",
    );
    frozen[Symbol.dispose]();
    expect([200, 201]).toContain((await onItsWay).status);
    await closed;
    expect(gateway.child.exitCode).toBe(0);
  } finally {
    frozen[Symbol.dispose]();
  }
});
