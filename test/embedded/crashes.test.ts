/** Whatever is killed comes back by itself, and what was acknowledged is still there. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { EmbeddedCluster } from "../../src/embedded/cluster.ts";
import { processesIn } from "../../src/embedded/processes.ts";
import { eventually } from "../support/eventually.ts";
import {
  commandOf,
  connect,
  record,
  recorded,
  start,
  TEST_TIMEOUT_MS,
  TestFolder,
  TestLog,
  toPrimary,
} from "./support.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);

const folder = new TestFolder();
const log = new TestLog();
let cluster: EmbeddedCluster;
const acknowledged: number[] = [];

beforeAll(async () => {
  cluster = await start(folder, log);
});

afterAll(async () => {
  await cluster.stop();
  await folder[Symbol.asyncDispose]();
});

/** Records one more vote, however often it must be tried, and compares everything with what was acknowledged. */
async function carriesOn(): Promise<void> {
  const vote = acknowledged.length;
  await eventually("a vote is recorded again", async () => {
    await record(cluster, vote).catch((error: Error & { code?: string }) => {
      if (error.code !== "23505") throw error; // an earlier attempt was recorded after all
    });
    return true;
  });
  acknowledged.push(vote);
  await using client = await toPrimary(cluster);
  expect(await recorded(client)).toEqual(acknowledged);
}

/** The pid of one of a node's processes, by what PostgreSQL calls it. */
function pidOf(node: "primary" | "standby", title: string): number {
  const pid = processesIn(cluster.nodes[node].dataFolder).find((each) => commandOf(each).includes(title));
  if (pid === undefined) throw new Error(`the ${node} has no ${title}`);
  return pid;
}

async function postmasterReplaced(node: "primary" | "standby", old: number): Promise<void> {
  await eventually(`another ${node}`, () => {
    const { pid } = cluster.nodes[node];
    return pid !== undefined && pid !== old;
  });
}

for (const node of ["primary", "standby"] as const) {
  test(`the postmaster of the ${node} is killed`, async () => {
    await carriesOn();
    const old = cluster.nodes[node].pid!;
    process.kill(old, "SIGKILL");
    await postmasterReplaced(node, old);
    await carriesOn();
    expect(log.messages("warn")).toContain(`the PostgreSQL ${node} ended by itself; starting it again`);
  });

  test(`the postmaster of the ${node} is killed, and a frozen child of it stays in the way`, async () => {
    await carriesOn();
    const child = pidOf(node, node === "primary" ? "walwriter" : "startup");
    process.kill(child, "SIGSTOP");
    const old = cluster.nodes[node].pid!;
    process.kill(old, "SIGKILL");
    await postmasterReplaced(node, old);
    await carriesOn();
  });
}

test("a backend is killed", async () => {
  await carriesOn();
  await using client = await connect(cluster.connectionString, cluster.nodes.primary.port);
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  process.kill(rows[0]!.pid, "SIGKILL");
  await carriesOn();
});

for (const [node, title] of [
  ["primary", "walsender"],
  ["primary", "checkpointer"],
  ["standby", "walreceiver"],
  ["standby", "checkpointer"],
] as const) {
  test(`the ${title} of the ${node} is killed`, async () => {
    await carriesOn();
    const killed = await eventually(`there is a ${title}`, () => pidOf(node, title));
    process.kill(killed, "SIGKILL");
    await carriesOn();
    await eventually(`there is another ${title}`, () => pidOf(node, title) !== killed);
  });
}

test("the keeper is killed: another takes over, PostgreSQL does not notice", async () => {
  const before = { primary: cluster.nodes.primary.pid, standby: cluster.nodes.standby.pid };
  const [keeper] = folder.keepers();
  process.kill(keeper!, "SIGKILL");
  await eventually(
    "there is another keeper",
    () => folder.keepers().length === 1 && folder.keepers()[0] !== keeper,
  );
  await carriesOn();
  expect({ primary: cluster.nodes.primary.pid, standby: cluster.nodes.standby.pid }).toEqual(before);
});

test("both postmasters are killed at once", async () => {
  const { primary, standby } = cluster.nodes;
  const old = { primary: primary.pid!, standby: standby.pid! };
  process.kill(old.primary, "SIGKILL");
  process.kill(old.standby, "SIGKILL");
  await postmasterReplaced("primary", old.primary);
  await postmasterReplaced("standby", old.standby);
  await carriesOn();
});
