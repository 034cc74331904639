/** A gateway's durability gate while settings drift, on a cluster of the test's own. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Contest } from "../../src/election/contest.ts";
import { type EmbeddedCluster, startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { GATE_COMMITS } from "../../src/postgres/gate-commit.ts";
import { connectionsMax } from "../../src/roles/connections.ts";
import { gateReasons, openLedger } from "../../src/roles/ledger.ts";
import { createLog } from "../../src/runtime/log.ts";
import { createMetrics } from "../../src/runtime/metrics.ts";
import { TestFolder, toPrimary, toStandby } from "../embedded/support.ts";
import { expectProblem } from "../support/answers.ts";
import { eventually } from "../support/eventually.ts";
import { freeze } from "../support/frozen.ts";
import { databaseOn } from "../support/shared-cluster.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";
import { runUrna } from "../support/urna-process.ts";

/** Within this time a drift is noticed: what the invariants promise. */
const NOTICED_MS_MAX = 5_000;
const CONNECTIONS = 60;

const opened = new AsyncDisposableStack();
let cluster: EmbeddedCluster;
let gateway: TestGateway;
let contest: Contest;
let voters = 0;
beforeAll(async () => {
  const folder = opened.use(new TestFolder());
  const settings = { max_connections: String(CONNECTIONS) };
  const log = createLog("text", "silent");
  cluster = opened.use(await startEmbeddedCluster({ folder: folder.data, log, settings }));
  const databaseUrl = await databaseOn(cluster);
  gateway = opened.use(await startTestGateway({ databaseUrl, deadlineMs: 1_500, logLevel: "silent" }));
  contest = await gateway.contest();
});
afterAll(() => opened.disposeAsync());

async function castByNewVoter(): Promise<Response> {
  return gateway.cast(contest.id, await gateway.token(contest, `voter ${++voters}`), { selections: [1] });
}

async function untilRecording(): Promise<void> {
  await eventually("ballots are recorded", async () => (await castByNewVoter()).status === 201);
}

for (const [node, setting, value] of [
  ["primary", "synchronous_commit", "local"],
  ["primary", "synchronous_standby_names", ""],
  ["primary", "fsync", "off"],
  ["primary", "full_page_writes", "off"],
  ["standby", "fsync", "off"],
  ["standby", "synchronous_standby_names", ""],
] as const) {
  test(`${setting} = '${value}' on the ${node} stops acknowledging within seconds, until it is mended`, async () => {
    await untilRecording();
    await using client = await (node === "primary" ? toPrimary(cluster) : toStandby(cluster));
    const check = `127.0.0.1:${cluster.nodes[node].port} ${setting}`;
    await client.query(`ALTER SYSTEM SET ${setting} = '${value}'`);
    await client.query("SELECT pg_reload_conf()");
    await eventually(
      "the gate names it",
      () => gateReasons(gateway.ledger).some((reason) => reason.check === check && reason.mend !== ""),
      NOTICED_MS_MAX,
    );
    await expectProblem(await castByNewVoter(), "not_recorded");
    await client.query(`ALTER SYSTEM RESET ${setting}`);
    await client.query("SELECT pg_reload_conf()");
    await eventually("the gate opens", () => gateReasons(gateway.ledger).length === 0, NOTICED_MS_MAX);
    await untilRecording();
  });
}

test("from its opening on the ledger's gate is asked about, whatever the role does first, until it is left", async () => {
  const opening = new AsyncDisposableStack();
  const { gate } = await openLedger(opening, {
    databaseUrl: gateway.databaseUrl,
    roleName: "test",
    overrideGate: false,
    log: createLog("text", "silent"),
    metrics: createMetrics(),
  });
  let { ageMs } = gate;
  await eventually("it was asked again", () => {
    const before = ageMs;
    ageMs = gate.ageMs;
    return ageMs < before;
  });
  await opening.disposeAsync();
  await using client = await toPrimary(cluster);
  const sessions = async (name: string) =>
    (await client.query("SELECT pid FROM pg_stat_activity WHERE application_name = $1", [name])).rows.map(
      ({ pid }) => pid as number,
    );
  const asking = await sessions("urna gate");
  await eventually(
    "the other gateway's session for commits is the only one",
    async () => (await sessions(GATE_COMMITS)).length === 1,
  );
  // The other gateway's are opened anew every three seconds.
  await eventually("no session is left open that asked", async () => {
    const open = await sessions("urna gate");
    return open.length > 0 && !open.some((pid) => asking.includes(pid));
  });
});

test("a standby that hangs makes it unready within seconds; metrics say why", async () => {
  await untilRecording();
  const shown = () => gateway.metrics.registry.metrics();
  expect(await shown()).toContain('urna_durability_gate_faults{ledger="home"} 0');
  {
    using _ = freeze(cluster.nodes.standby.dataFolder);
    await eventually(
      "the gate says that no commit is confirmed",
      () => gateReasons(gateway.ledger).some(({ check }) => check === "a standby confirms a commit"),
      NOTICED_MS_MAX,
    );
    const metrics = await shown();
    expect(metrics).toContain(
      'urna_durability_gate_fault{ledger="home",check="a standby confirms a commit"} 1',
    );
    expect(metrics).toMatch(/urna_durability_gate_faults\{ledger="home"\} [1-9]/);
    expect(metrics).toMatch(/urna_durability_gate_age_seconds\{ledger="home"\} [\d.]+/);
  }
  await eventually("the gate opens", () => gateReasons(gateway.ledger).length === 0);
  expect(await shown()).not.toContain("urna_durability_gate_fault{");
});

test("retries while the standby hangs leave connections to spare, for the gate and the doctor", async () => {
  await untilRecording();
  const tokens = await Promise.all(
    Array.from({ length: 30 }, (_, i) => gateway.token(contest, `patient voter ${i}`)),
  );
  // A second client of the server, connected throughout.
  await using client = await toPrimary(cluster);
  const taken = async () =>
    (await client.query("SELECT FROM pg_stat_activity WHERE backend_type = 'client backend'")).rowCount!;
  let peak = 0;
  const counting = new AbortController();
  const counted = (async () => {
    while (!counting.signal.aborted) peak = Math.max(peak, await taken());
  })();
  {
    using _ = freeze(cluster.nodes.standby.dataFolder);
    for (let round = 0; round < 3; round++) {
      await Promise.all([
        ...tokens.map((token) => gateway.cast(contest.id, token, { selections: [1] })),
        ...tokens.map((token) => gateway.find(contest.id, token)),
        ...Array.from({ length: 10 }, () => gateway.administer(`/v1/contests/${contest.id}/pause`, {})),
      ]);
    }
    counting.abort();
    await counted;
    expect(peak).toBeLessThanOrEqual(connectionsMax(1, 2) + 1);
    const doctor = await runUrna("doctor", "--database-url", gateway.databaseUrl, "--json");
    expect(doctor.exitCode).toBe(1);
    const { checks } = JSON.parse(doctor.stdout) as {
      checks: { check: string; ok: boolean; found: string }[];
    };
    expect(checks).toContainEqual(
      expect.objectContaining({ check: "a standby confirms a commit", ok: false }),
    );
    expect(checks.filter(({ check }) => check.endsWith("max_connections"))).toHaveLength(1);
  }
  // A pause that nobody was told of may take hold now, when its commit is confirmed: before that of a resume. A ballot
  // that is recorded says nothing of it: for a second a gateway may not know of a pause.
  await eventually(
    "no pause is on its way any more",
    async () => (await gateway.administer(`/v1/contests/${contest.id}/resume`, {})).ok,
  );
  await untilRecording();
}, 120_000);
