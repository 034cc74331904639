/**
 * The embedded ledger: a PostgreSQL primary and its synchronous standby on this machine, from npm's binaries.
 *
 * Durability: a commit on the primary returns when the standby has flushed it too. Both are on one machine, so
 * the second copy guards against a lost node, not against a lost machine. There is no failover: a node that ends
 * is started again, and commits wait meanwhile.
 */
import { findBinaries, majorVersion } from "./binaries.ts";
import { checkNodeVersion, openDataFolder, password } from "./data-folder.ts";
import { diskFull, isDiskFull } from "./errors.ts";
import { Keeper } from "./keeper.ts";
import type { Log } from "./log.ts";
import { type EmbeddedNode, SupervisedNode } from "./node.ts";
import { choosePorts } from "./ports.ts";
import { findServerUser } from "./server-user.ts";
import { DATABASE, type NodeName, type Settings, USER } from "./settings.ts";
import {
  providePrimary,
  removeHalfMade,
  type Site,
  stopEarlierProcesses,
  writeConfiguration,
} from "./site.ts";
import { bringUp } from "./start-up.ts";

export type { EmbeddedNode } from "./node.ts";

export type EmbeddedCluster = AsyncDisposable & {
  /** Names both nodes; whoever connects asks which of them is the primary. */
  connectionString: string;
  nodes: { primary: EmbeddedNode; standby: EmbeddedNode };
  /** Fast shutdown, bounded, idempotent. */
  stop(): Promise<void>;
};

export type EmbeddedClusterOptions = {
  /** The data folder, made if there is none; one Urna at a time uses it. */
  folder: string;
  log: Log;
  /** PostgreSQL settings of both nodes that win over Urna's own: for tests of what happens without those. */
  settings?: Settings;
};

/** Resolves when commits wait for the standby and return. Throws EmbeddedError and leaves nothing running. */
export async function startEmbeddedCluster(options: EmbeddedClusterOptions): Promise<EmbeddedCluster> {
  await using opened = new AsyncDisposableStack();
  const binaries = await findBinaries();
  const major = majorVersion(binaries.postgres);
  const { folder, lock } = openDataFolder(options.folder);
  opened.use(lock);
  try {
    const user = await findServerUser(folder.postgres, binaries.postgres);
    await stopEarlierProcesses(folder, options.log);
    const ports = await choosePorts(folder.ports, user);
    const { log, settings = {} } = options;
    const site: Site = { folder, binaries, user, log, password: password(folder, user), ports, settings };
    removeHalfMade(folder, log);
    await providePrimary(site);
    for (const name of ["primary", "standby"] as const) {
      if (!folder.has(name)) continue;
      checkNodeVersion(folder, name, major);
      writeConfiguration(site, name, folder.node(name));
    }
    const keeper = opened.use(new Keeper(folder.postgres, log));
    // Closed in reverse: the primary goes first, for its shutdown sends the standby the last of its WAL.
    const standby = opened.use(supervised(site, "standby", keeper));
    const primary = opened.use(supervised(site, "primary", keeper));
    await bringUp(site, { primary, standby });
    return running(site, { primary, standby }, opened.move());
  } catch (error) {
    throw isDiskFull(error) ? diskFull(folder.path, error) : error;
  }
}

function supervised(site: Site, name: NodeName, keeper: Keeper): SupervisedNode {
  const { folder, binaries, ports, user, log } = site;
  return new SupervisedNode({
    name,
    port: ports[name],
    dataFolder: folder.node(name),
    logFile: folder.log(name),
    postgres: binaries.postgres,
    user,
    keeper,
    log,
  });
}

function running(
  site: Site,
  nodes: EmbeddedCluster["nodes"],
  resources: AsyncDisposableStack,
): EmbeddedCluster {
  const { ports, password: secret } = site;
  let stopped: Promise<void> | undefined;
  const stop = () => (stopped ??= resources.disposeAsync());
  return {
    connectionString: `postgres://${USER}:${secret}@127.0.0.1:${ports.primary},127.0.0.1:${ports.standby}/${DATABASE}`,
    nodes,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
