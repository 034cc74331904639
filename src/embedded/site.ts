/** What has to be so on disk before a node runs: nothing left running, a data folder, its configuration. */
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Binaries } from "./binaries.ts";
import type { DataFolder } from "./data-folder.ts";
import { diskFull, EmbeddedError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Ports } from "./ports.ts";
import { killAllIn, processesIn, shutDownIn } from "./processes.ts";
import type { ServerUser } from "./server-user.ts";
import { type NodeName, postgresqlConf, type Settings, USER } from "./settings.ts";

export type Site = {
  folder: DataFolder;
  binaries: Binaries;
  user: ServerUser;
  log: Log;
  password: string;
  ports: Ports;
  settings: Settings;
};

/** Stops what an earlier Urna left running when it was killed a moment ago, or when its keeper was killed too. */
export async function stopEarlierProcesses(folder: DataFolder, log: Log): Promise<void> {
  // Its keeper first: it would go on shutting down what is running, and knows nothing of new postmasters.
  await killAllIn(folder.postgres, log);
  for (const name of ["primary", "standby"] as const) {
    const pids = processesIn(folder.node(name));
    if (pids.length === 0) continue;
    log.warn({ node: name, pids }, `stopping the PostgreSQL ${name} that an earlier urna left running`);
    await shutDownIn(folder.node(name), log);
  }
}

/** Removes what was half-made when an earlier Urna was killed. */
export function removeHalfMade(folder: DataFolder, log: Log): void {
  for (const name of readdirSync(folder.postgres).filter((each) => each.includes(".making-"))) {
    try {
      rmSync(join(folder.postgres, name), { recursive: true });
    } catch (error) {
      log.warn({ err: error, name }, "cannot remove a half-made PostgreSQL node; the next start tries again");
    }
  }
}

/**
 * Sees to it that there is a primary. Where there is only a standby, it takes the primary's place: it holds
 * everything that was ever acknowledged, and making a new, empty primary would lose that.
 */
export async function providePrimary(site: Site): Promise<void> {
  const { folder, log } = site;
  if (folder.has("primary")) return;
  refuseOther(folder.node("primary"));
  if (folder.has("standby")) {
    log.warn({ folder: folder.postgres }, "the PostgreSQL primary is missing; the standby takes its place");
    moveInto(folder.node("standby"), folder.node("primary"), folder);
    return;
  }
  const making = folder.making("primary");
  await initialise(site, making);
  moveInto(making, folder.node("primary"), folder);
}

async function initialise({ folder, binaries, user }: Site, dataFolder: string): Promise<void> {
  const locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const access = [`--username=${USER}`, "--auth=scram-sha-256", `--pwfile=${folder.passwordFile}`];
  const args = ["-D", dataFolder, "--data-checksums", ...locale, ...access];
  const { ok, output } = await user.run(binaries.initdb, args);
  if (ok) return;
  if (output.includes("No space left on device")) throw diskFull(folder.path);
  throw new EmbeddedError("node_failed", `initdb failed:\n${output.trim()}`);
}

function refuseOther(path: string): void {
  if (!existsSync(path) || readdirSync(path).length === 0) return;
  throw new EmbeddedError("folder_unusable", `${path} is not a PostgreSQL data folder; move it away`);
}

/** Renames for good: a crash afterwards finds the new name. */
export function moveInto(from: string, to: string, folder: DataFolder): void {
  renameSync(from, to);
  const descriptor = openSync(folder.postgres, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/**
 * Writes what makes `dataFolder` this node's: its postgresql.conf, and a standby's signal file. That one is gone
 * when somebody promoted the standby, and without it a second primary would start.
 */
export function writeConfiguration(site: Site, name: NodeName, dataFolder: string): void {
  const { ports, password, settings, user } = site;
  const text = postgresqlConf({
    name,
    port: ports[name],
    primaryPort: ports.primary,
    password,
    extra: settings,
  });
  user.write(join(dataFolder, "postgresql.conf"), text);
  if (name === "standby") user.write(join(dataFolder, "standby.signal"), "");
}
