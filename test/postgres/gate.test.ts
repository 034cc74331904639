/** What the gate finds out by itself: which standbys confirm commits, and whether one does. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { type EmbeddedCluster, startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { AbandonedCommits } from "../../src/postgres/abandoned-commits.ts";
import { writeWal } from "../../src/postgres/ballots.ts";
import { nodeQuestions, readClusterFacts, standbyName } from "../../src/postgres/durability.ts";
import { commitDurably } from "../../src/postgres/durable-commit.ts";
import { GATE_COMMITS, GateCommit } from "../../src/postgres/gate-commit.ts";
import { Session } from "../../src/postgres/session.ts";
import { clusterChecks } from "../../src/recording/durability.ts";
import { createLog } from "../../src/runtime/log.ts";
import { TestFolder, toPrimary } from "../embedded/support.ts";
import { eventually } from "../support/eventually.ts";
import { freeze } from "../support/frozen.ts";
import { handClock } from "../support/hand-clock.ts";
import { TEST_SESSION } from "../support/shared-cluster.ts";
import { addStandby } from "../support/third-node.ts";

const opened = new AsyncDisposableStack();
let cluster: EmbeddedCluster;
beforeAll(async () => {
  const folder = opened.use(new TestFolder());
  const log = createLog("text", "silent");
  cluster = opened.use(await startEmbeddedCluster({ folder: folder.data, log }));
});
afterAll(() => opened.disposeAsync());

/** What is wrong when each host is asked for the first time. */
async function faultsAt(connectionString: string) {
  const { nodes, unreachable } = await readClusterFacts(connectionString, TEST_SESSION);
  return clusterChecks(nodes, unreachable).filter(({ ok }) => !ok);
}

/** Only the primary. */
const alone = () => cluster.connectionString.replace(/,[^/]*/, "");

/** How many server processes wait for a standby, and how many of the gate's. */
async function waiting(): Promise<{ all: number; ofGate: number }> {
  await using client = await toPrimary(cluster);
  const { rows } = await client.query(
    `SELECT count(*)::int4 AS "all", count(*) FILTER (WHERE application_name = $1)::int4 AS "ofGate"
     FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
    [GATE_COMMITS],
  );
  return rows[0];
}

test("a standby that commits rest on and that is not named is a fault, and how to mend it is said", async () => {
  expect(await faultsAt(cluster.connectionString)).toEqual([]);
  expect(await faultsAt(alone())).toMatchObject([
    {
      check: "standby urna_standby asked",
      found: expect.stringContaining("127.0.0.1"),
      mend: expect.stringContaining("name it in DATABASE_URL"),
    },
  ]);
});

/** How the primary sees its standbys, asked again and again by a clock of the test's own. */
function confirming(connectionString: string) {
  const clock = handClock();
  const [question] = nodeQuestions(connectionString, TEST_SESSION, clock);
  return {
    clock,
    [Symbol.dispose]: () => question![Symbol.dispose](),
    names: async () =>
      (await question!.ask()).standbys.flatMap(({ name, confirms }) => (confirms ? name : [])),
  };
}

test("a second standby must be named too; one that hangs confirms nothing and shuts no gate", async () => {
  await using third = await addStandby(cluster, "urna_second");
  const both = ["urna_second", "urna_standby"];
  expect(await faultsAt(cluster.connectionString)).toMatchObject([{ check: "standby urna_second asked" }]);
  expect(await faultsAt(third.connectionString)).toEqual([]);
  using confirmed = confirming(cluster.connectionString);
  const { clock, names } = confirmed;
  expect(await names()).toEqual(both);
  using _ = freeze(third.dataFolder);
  await using commit = gateCommit();
  await eventually("the other one is enough", async () => (await commit.confirm()).ok);
  // However often it is asked: who confirms within a second may be acknowledging.
  for (let ms = 0; ms < 1_000; ms += 250) {
    clock.nowMs += 250;
    expect(await names()).toEqual(both);
  }
  clock.nowMs += 250;
  expect(await names()).toEqual(["urna_standby"]);
  // And not because the primary has given it up.
  await using client = await toPrimary(cluster);
  const asked =
    "SELECT FROM pg_stat_replication WHERE application_name = 'urna_second' AND state = 'streaming'";
  expect((await client.query(asked)).rowCount).toBe(1);
});

test("the name that a standby streams under is read from what it says of itself", () => {
  expect(standbyName("host=a application_name=node b fallback_application_name=walreceiver sslmode=x")).toBe(
    "node b",
  );
  expect(standbyName("host=a fallback_application_name=walreceiver sslmode=x")).toBe("walreceiver");
  expect(standbyName("host=a application_name=last")).toBe("last");
});

function gateCommit(
  connectionString = cluster.connectionString,
  abandoned = new AbandonedCommits(8),
): GateCommit {
  return new GateCommit({ ...TEST_SESSION, connectionString, timeoutMs: 300, abandoned });
}

test("while the standby hangs no commit is confirmed, and the gate takes one server process; then one is", async () => {
  await using commit = gateCommit();
  expect(await commit.confirm()).toMatchObject({ ok: true });
  {
    using _ = freeze(cluster.nodes.standby.dataFolder);
    for (let round = 0; round < 3; round++) expect(await commit.confirm()).toMatchObject({ ok: false });
    expect(await waiting()).toEqual({ all: 1, ofGate: 1 });
  }
  await eventually("a commit is confirmed", async () => (await commit.confirm()).ok);
  await eventually("nothing waits", async () => (await waiting()).all === 0);
});

test("a wait that somebody cancelled confirms nothing", async () => {
  await using commit = gateCommit();
  using _ = freeze(cluster.nodes.standby.dataFolder);
  expect(await commit.confirm()).toMatchObject({ ok: false });
  await using client = await toPrimary(cluster);
  await client.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
  expect(await commit.confirm()).toMatchObject({ ok: false, found: expect.stringContaining("01000") });
});

/** A way to the primary that can be cut, as a network is. */
async function cuttable() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const other = connectTcp(cluster.nodes.primary.port, "127.0.0.1");
    for (const each of [socket, other]) {
      sockets.add(each);
      each.on("error", () => undefined);
    }
    socket.pipe(other).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    connectionString: alone().replace(/:\d+\/(\w+)$/, `:${port}/$1`),
    cut: () => {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
    [Symbol.dispose]: () => server.close(),
  };
}

test("however often its connection is cut meanwhile, the gate leaves one server process waiting", async () => {
  using way = await cuttable();
  await using commit = gateCommit(way.connectionString);
  {
    using _ = freeze(cluster.nodes.standby.dataFolder);
    for (let round = 0; round < 3; round++) {
      expect(await commit.confirm()).toMatchObject({ ok: false });
      way.cut();
    }
    expect(await waiting()).toEqual({ all: 1, ofGate: 1 });
  }
  await eventually("a commit is confirmed", async () => (await commit.confirm()).ok);
});

test("commits that were abandoned are bounded, until one is confirmed that was made after them", async () => {
  const abandoned = new AbandonedCommits(2);
  await using gate = gateCommit(cluster.connectionString, abandoned);
  const attempt = async () => {
    await using session = await Session.openPrimary(cluster.connectionString, { ...TEST_SESSION, abandoned });
    return await commitDurably(session, 300, writeWal);
  };
  {
    using _ = freeze(cluster.nodes.standby.dataFolder);
    const outcomes = [await attempt(), await attempt(), await attempt(), await attempt()];
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([
      "unknown",
      "unknown",
      "not_committed",
      "not_committed",
    ]);
    expect(outcomes[2]).toMatchObject({ error: { code: "ledger_unavailable" } });
    expect((await waiting()).all).toBe(2);
    expect(await gate.confirm()).toMatchObject({ ok: false });
    expect((await attempt()).outcome).toBe("not_committed");
  }
  await eventually("a commit is confirmed", async () => (await gate.confirm()).ok);
  expect((await attempt()).outcome).toBe("committed");
});
