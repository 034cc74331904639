/** A second standby beside an embedded cluster, as an operator would add one. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { copyNode } from "../../src/embedded/base-backup.ts";
import { findBinaries } from "../../src/embedded/binaries.ts";
import type { EmbeddedCluster } from "../../src/embedded/cluster.ts";
import { findServerUser, serverEnvironment } from "../../src/embedded/server-user.ts";
import { connect, toPrimary } from "../embedded/support.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./urna-process.ts";

export type ThirdNode = AsyncDisposable & {
  dataFolder: string;
  /** Of all three nodes. */
  connectionString: string;
};

/** A copy of the primary that streams from it as `name`, without a slot; commits wait for any one of both standbys. */
export async function addStandby(cluster: EmbeddedCluster, name: string): Promise<ThirdNode> {
  const { primary, standby } = cluster.nodes;
  const dataFolder = join(standby.dataFolder, "..", name);
  const { postgres } = await findBinaries();
  const user = await findServerUser(join(dataFolder, ".."), postgres);
  const port = await freePort();
  await using client = await toPrimary(cluster);
  await copyNode(client, primary.dataFolder, dataFolder, user);
  const configuration = readFileSync(join(standby.dataFolder, "postgresql.conf"), "utf8")
    .replace("application_name=urna_standby", `application_name=${name}`)
    .replace(/^port = .*$/m, `port = '${port}'`)
    .replace(/^primary_slot_name = .*$/m, "");
  user.write(join(dataFolder, "postgresql.conf"), configuration);
  user.write(join(dataFolder, "standby.signal"), "");
  const { file, args, options } = user.launch(postgres, ["-D", dataFolder]);
  const child = spawn(file, args, { ...options, cwd: dataFolder, env: serverEnvironment(), stdio: "ignore" });
  await client.query(`ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (urna_standby, ${name})'`);
  await client.query("SELECT pg_reload_conf()");
  await eventually(`${name} counts`, async () => {
    const asked = "SELECT FROM pg_stat_replication WHERE application_name = $1 AND sync_state = 'quorum'";
    return (await client.query(asked, [name])).rowCount === 1;
  });
  await eventually(`${name} can be asked`, async () => {
    await using _ = await connect(cluster.connectionString, port);
    return true;
  });
  return {
    dataFolder,
    connectionString: cluster.connectionString.replace(/\/(\w+)$/, `,127.0.0.1:${port}/$1`),
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill("SIGINT");
      await ended;
      await using again = await toPrimary(cluster);
      await again.query("ALTER SYSTEM RESET synchronous_standby_names");
      await again.query("SELECT pg_reload_conf()");
    },
  };
}
