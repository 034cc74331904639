/** From two data folders to a primary and a standby that follows it; makes the standby where there is none. */
import { rmSync } from "node:fs";
import { copyNode } from "./base-backup.ts";
import { diskFull, EmbeddedError, isDiskFull } from "./errors.ts";
import type { SupervisedNode } from "./node.ts";
import { poll } from "./polling.ts";
import { applicationName, DATABASE } from "./settings.ts";
import { moveInto, type Site, writeConfiguration } from "./site.ts";
import {
  type Client,
  connect,
  createDatabase,
  createSlot,
  databaseExists,
  dropSlot,
  following,
  isBehind,
  isInRecovery,
  promote,
  replayedTo,
} from "./statements.ts";

/** Recovery from a crash replays up to max_wal_size. */
const RECOVERY_TIMEOUT_MS = 300_000;
const FOLLOWING_TIMEOUT_MS = 60_000;
const SLOT_TIMEOUT_MS = 15_000;
/** A node that ends so often while it is being started will not start. */
const FAILURES_MAX = 3;

export type Nodes = { primary: SupervisedNode; standby: SupervisedNode };

/** Resolves when commits on the primary are acknowledged by the standby, and the database is there. */
export async function bringUp(site: Site, nodes: Nodes): Promise<void> {
  const hasStandby = site.folder.has("standby");
  nodes.primary.start();
  if (hasStandby) nodes.standby.start();
  const client = await connectWhenUp(site, nodes.primary);
  try {
    if (await isInRecovery(client)) await promote(client);
    const unfit = hasStandby ? await whyNotFollowing(nodes, client) : "there is none";
    if (hasStandby && unfit === undefined) await refusePrimaryBehind(site, nodes, client);
    if (unfit !== undefined) await replaceStandby(site, nodes, client, unfit);
    // Not before: creating it is a commit, which waits for the standby.
    if (!(await databaseExists(client))) await createDatabase(client);
    // The standby has flushed the new database; it can be asked for it when it has replayed it as well.
    await (await connectWhenUp(site, nodes.standby, DATABASE)).end();
  } catch (error) {
    throw error instanceof EmbeddedError ? error : await failed(site, nodes.primary, "failed", error);
  } finally {
    await client.end().catch(() => {});
  }
}

async function connectWhenUp(site: Site, node: SupervisedNode, database = "postgres"): Promise<Client> {
  const client = await poll(RECOVERY_TIMEOUT_MS, async () => {
    if (node.failures >= FAILURES_MAX) throw await failed(site, node, "does not start");
    return connect(node.port, site.password, database).catch(async (error: unknown) => {
      throw await failed(site, node, "refuses urna", error);
    });
  });
  return client ?? Promise.reject(await failed(site, node, "does not accept connections"));
}

/** What a failure means, in words: the reason stands in the node's log rather than in what its client was told. */
async function failed(
  site: Site,
  node: SupervisedNode,
  what: string,
  cause?: unknown,
): Promise<EmbeddedError> {
  const tail = await node.logTail();
  if (isDiskFull(cause) || tail.includes("No space left on device")) return diskFull(site.folder.path, cause);
  const reason = cause === undefined ? "" : ` (${(cause as Error).message})`;
  const hint =
    node.name === "primary" && site.folder.has("standby")
      ? `\nIf its data is lost, move ${node.dataFolder} away: the standby's copy then takes its place.`
      : "";
  const message = `the PostgreSQL ${node.name} ${what}${reason}; its log ${site.folder.log(node.name)} ends with:\n${tail}${hint}`;
  return new EmbeddedError("node_failed", message, cause);
}

/** What a standby, or the primary's answer to it, logs when it can never follow this primary. */
const UNFIT = [
  /requested WAL segment .* has already been removed/,
  /can no longer access replication slot/,
  /replication slot ".*" does not exist/,
  /database system identifier differs/,
  /requested starting point .* is not in this server's history/,
  /highest timeline \d+ of the primary is behind recovery timeline \d+/,
  /requested timeline \d+ is not a child of this server's history/,
  /new timeline \d+ forked off current database system timeline/,
];
const PRIMARY_BEHIND = /requested starting point .* is ahead of the WAL flush position/;

/** Waits for the standby to follow; what keeps it from ever doing so, or undefined when it does. */
async function whyNotFollowing(nodes: Nodes, client: Client): Promise<string | undefined> {
  const { primary, standby } = nodes;
  const outcome = await poll(FOLLOWING_TIMEOUT_MS, async () => {
    const { streaming, slotLost } = await following(client, applicationName.standby);
    if (streaming) return { unfit: undefined };
    if (slotLost) return { unfit: "the WAL it needs was removed" };
    const log = await standby.logSinceStart();
    if (PRIMARY_BEHIND.test(log)) throw primaryBehind(primary, standby);
    const line = log.split("\n").find((text) => UNFIT.some((pattern) => pattern.test(text)));
    if (line !== undefined) return { unfit: line };
    return standby.failures >= FAILURES_MAX && { unfit: await standby.logTail() };
  });
  return outcome ? outcome.unfit : `it did not follow within ${FOLLOWING_TIMEOUT_MS / 1000} s`;
}

/** The one case in which the standby's copy is the better one: replacing it would lose what was acknowledged. */
function primaryBehind(primary: SupervisedNode, standby: SupervisedNode): EmbeddedError {
  const message =
    `the PostgreSQL primary has lost what its standby still has (${primary.dataFolder} was put back from a copy, or ` +
    `the disk lost writes). Copy both somewhere safe, then move ${primary.dataFolder} away: at the next start ` +
    `${standby.dataFolder} takes its place`;
  return new EmbeddedError("primary_behind_standby", message);
}

/**
 * A primary that is behind by less than a WAL segment is followed at first: the standby asks for whole segments,
 * and would later find that what it has replayed is not what the primary has.
 */
async function refusePrimaryBehind(site: Site, nodes: Nodes, client: Client): Promise<void> {
  const standby = await connectWhenUp(site, nodes.standby);
  try {
    // In this order: whatever the primary writes meanwhile, a standby of its own is not ahead of it.
    const position = await replayedTo(standby);
    if (await isBehind(client, position)) throw primaryBehind(nodes.primary, nodes.standby);
  } finally {
    await standby.end().catch(() => {});
  }
}

async function replaceStandby(site: Site, nodes: Nodes, client: Client, reason: string): Promise<void> {
  const { folder, log, user, binaries } = site;
  const hadStandby = folder.has("standby");
  if (hadStandby) log.warn({ reason }, "the PostgreSQL standby cannot follow the primary; making it anew");
  await nodes.standby.stop();
  await makeSlot(client);
  const making = folder.making("standby");
  await copyNode(client, nodes.primary.dataFolder, making, user);
  writeConfiguration(site, "standby", making);
  const { ok, output } = await user.run(binaries.initdb, ["--sync-only", "-D", making]);
  if (!ok) throw new EmbeddedError("node_failed", `cannot flush the standby to disk:\n${output.trim()}`);
  putAside(site, hadStandby);
  moveInto(making, folder.node("standby"), folder);
  nodes.standby.start();
  const unfit = await whyNotFollowing(nodes, client);
  if (unfit !== undefined) throw await failed(site, nodes.standby, "does not follow the primary");
}

/** The old standby is kept, one of them: whoever has to find out what happened will want it. */
function putAside({ folder }: Site, hadStandby: boolean): void {
  if (!hadStandby) {
    rmSync(folder.node("standby"), { recursive: true, force: true });
    return;
  }
  rmSync(folder.unusable("standby"), { recursive: true, force: true });
  moveInto(folder.node("standby"), folder.unusable("standby"), folder);
}

/** A new slot, so that all WAL from before the copy on is kept for the new standby. */
async function makeSlot(client: Client): Promise<void> {
  if (!(await poll(SLOT_TIMEOUT_MS, () => dropSlot(client)))) {
    throw new EmbeddedError(
      "node_failed",
      "the primary does not let go of the old standby's replication slot",
    );
  }
  await createSlot(client);
}
