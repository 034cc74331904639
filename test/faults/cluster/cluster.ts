/**
 * A cluster under test: a primary and two standbys (`ANY 1`), two gateways, results and admin, real processes on
 * loopback, with a network between them that can be cut.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SecretsText } from "../../../src/admission/secrets.ts";
import { drawSecrets, writeSecretsFile } from "../../../src/admission/secrets-file.ts";
import { findBinaries } from "../../../src/embedded/binaries.ts";
import { findServerUser } from "../../../src/embedded/server-user.ts";
import { type Settings, USER } from "../../../src/embedded/settings.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { RedisServer } from "../../support/redis/server.ts";
import { Builder, DATABASE, ROLE } from "./builder.ts";
import { Network } from "./network.ts";
import { Node } from "./node.ts";
import { Role, type RoleName } from "./role.ts";
import { type Address, type Client, resetSettings, withClient } from "./statements.ts";
import { Supervisor } from "./supervisor.ts";

const NODES = ["node1", "node2", "node3"] as const;
const ROLES: Record<string, RoleName> = {
  admin: "admin",
  gateway1: "gateway",
  gateway2: "gateway",
  results: "results",
};
/** Where there is a Redis: somebody must share the results with the first one. */
const SECOND_RESULTS = "results2";
/** Short, so that outcomes become unknown within the seconds that a fault lasts. */
const DEADLINE_MS = 1_500;
const MEND_TIMEOUT_MS = 120_000;

export type ClusterOptions = {
  /** What a node's processes get beyond what they need, asked for at every start: a preloaded library, say. */
  environment?: (dataFolder: string) => Record<string, string>;
  /** PostgreSQL settings of all nodes that win over the others. */
  settings?: Settings;
  /** Called before anything is in a node's folder: a file system of its own, say. */
  prepareNode?: (opened: AsyncDisposableStack, folder: string) => void;
  /** All roles have a Redis, and there is a second results role. */
  redis?: boolean;
};

export type Cluster = Awaited<ReturnType<typeof startCluster>>;

/** Resolves when every role takes traffic. Whatever it started is gone once it is disposed of. */
export async function startCluster(options: ClusterOptions = {}) {
  await using opened = new AsyncDisposableStack();
  const folder = opened.adopt(makeFolder(), (path) => rmSync(path, { recursive: true, force: true }));
  const site = await prepare(folder);
  const network = opened.use(new Network());
  const nodes: Node[] = [];
  for (const name of NODES) nodes.push(opened.use(await openNode(opened, site, name, options)));
  const redis = options.redis === true ? opened.use(await RedisServer.start()) : null;
  const roleNames = [...Object.keys(ROLES), ...(redis === null ? [] : [SECOND_RESULTS])];
  for (const from of [...NODES, ...roleNames, "supervisor"]) {
    for (const { name, port } of nodes) if (from !== name) await network.connect(from, name, port);
  }
  const superuser = { user: USER, password: site.password, database: "postgres" };
  const connectionInfo = (node: Node, primary: Node) =>
    `host=127.0.0.1 port=${network.port(node.name, primary.name)} user=${USER} password=${site.password} ` +
    `application_name=${node.applicationName}`;
  const supervisor = new Supervisor({ nodes, network, superuser, connectionInfo });
  const builder = new Builder({ ...site, nodes, connectionInfo, superuser });
  await builder.build();
  const roles: Role[] = [];
  for (const name of roleNames) roles.push(opened.use(await openRole(site, network, name, redis)));
  await roles[0]!.untilReady(); // the admin role makes the schema
  await Promise.all(roles.map((role) => role.untilReady()));
  return new RunningCluster(
    { site, network, nodes, roles, supervisor, builder, superuser, redis },
    opened.move(),
  );
}

type Site = Awaited<ReturnType<typeof prepare>>;

async function prepare(folder: string) {
  const binaries = await findBinaries();
  const user = await findServerUser(folder, binaries.postgres);
  const password = randomBytes(24).toString("hex");
  const passwordFile = join(folder, "password");
  user.write(passwordFile, `${password}\n`);
  const secrets: SecretsText = drawSecrets();
  const secretsFile = join(folder, "secrets.json");
  writeSecretsFile(secretsFile, secrets);
  const adminToken = randomBytes(24).toString("base64url");
  return { folder, binaries, user, password, passwordFile, secrets, secretsFile, adminToken };
}

function makeFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "urna-faults-")));
  chmodSync(folder, 0o755); // PostgreSQL may run as another user
  return folder;
}

async function openNode(opened: AsyncDisposableStack, site: Site, name: string, options: ClusterOptions) {
  const folder = join(site.folder, name);
  mkdirSync(folder);
  options.prepareNode?.(opened, folder);
  chmodSync(folder, 0o755);
  site.user.own(folder);
  const { binaries, user } = site;
  const { settings = {}, environment = () => ({}) } = options;
  return new Node({ name, folder, port: await freePort(), binaries, user, settings, environment });
}

async function openRole(site: Site, network: Network, name: string, redis: RedisServer | null) {
  const { folder, password, secretsFile, adminToken } = site;
  const hosts = NODES.map((node) => `127.0.0.1:${network.port(name, node)}`).join(",");
  const environment = {
    DATABASE_URL: `postgres://${ROLE}:${password}@${hosts}/${DATABASE}`,
    URNA_SECRETS_FILE: secretsFile,
    URNA_ADMIN_TOKEN: adminToken,
    URNA_DEADLINE_MS: String(DEADLINE_MS),
    // More than by default, so that they overlap; small ones, so that a crowd fills them while the ledger stalls.
    URNA_LANES: "2",
    URNA_BATCH_BALLOTS_MAX: "100",
    ...(redis === null ? {} : { URNA_REDIS: redis.address }),
  };
  return new Role({ name, role: ROLES[name] ?? "results", port: await freePort(), folder, environment });
}

type Parts = {
  site: Site;
  network: Network;
  nodes: readonly Node[];
  roles: readonly Role[];
  supervisor: Supervisor;
  builder: Builder;
  superuser: Omit<Address, "port">;
  redis: RedisServer | null;
};

class RunningCluster implements AsyncDisposable {
  private readonly parts: Parts;
  private readonly opened: AsyncDisposableStack;

  constructor(parts: Parts, opened: AsyncDisposableStack) {
    this.parts = parts;
    this.opened = opened;
  }

  get folder(): string {
    return this.parts.site.folder;
  }

  get network(): Network {
    return this.parts.network;
  }

  get nodes(): readonly Node[] {
    return this.parts.nodes;
  }

  get roles(): readonly Role[] {
    return this.parts.roles;
  }

  get supervisor(): Supervisor {
    return this.parts.supervisor;
  }

  get redis(): RedisServer {
    return this.parts.redis!;
  }

  get secrets(): SecretsText {
    return this.parts.site.secrets;
  }

  get adminToken(): string {
    return this.parts.site.adminToken;
  }

  get gateways(): Role[] {
    return this.parts.roles.filter(({ role }) => role === "gateway");
  }

  role(name: "admin" | "results" | "results2" | "gateway1" | "gateway2"): Role {
    return this.parts.roles.find((role) => role.name === name)!;
  }

  /** Asks a node as superuser, past the network and whatever is cut in it. */
  at<T>(node: Node, work: (client: Client) => Promise<T>): Promise<T> {
    return withClient({ ...this.parts.superuser, port: node.port }, work);
  }

  /** The ledger as the primary has it, past the network. */
  ledger<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const { superuser, supervisor } = this.parts;
    return withClient({ ...superuser, database: DATABASE, port: supervisor.leader.port }, work);
  }

  /** The primary's connection string, for commands. */
  get databaseUrl(): string {
    const { site, supervisor } = this.parts;
    return `postgres://${ROLE}:${site.password}@127.0.0.1:${supervisor.leader.port}/${DATABASE}`;
  }

  /** Until it accepts connections; it is started where it has ended. */
  untilUp(node: Node): Promise<void> {
    return this.parts.builder.untilUp(node);
  }

  /** Undoes whatever a fault left behind: resolves when both standbys follow the primary and every role takes traffic. */
  async makeWhole(): Promise<void> {
    // Again when it fails: a node may just then be restarting after the crash of one of its processes.
    await eventually("the cluster is whole", () => this.mend(), MEND_TIMEOUT_MS);
  }

  private async mend(): Promise<true> {
    const { network, nodes, roles, supervisor, builder } = this.parts;
    const { leader } = supervisor;
    network.heal();
    for (const process of [...nodes, ...roles]) process.thaw();
    await builder.untilUp(leader);
    await this.at(leader, resetSettings);
    const followed = supervisor.standbys.map(async (node) => {
      await builder.untilFollowing(leader, node, supervisor.stale.has(node));
      supervisor.stale.delete(node);
    });
    // All of them, so that none is still at work when it is tried again.
    for (const outcome of await Promise.allSettled(followed)) {
      if (outcome.status === "rejected") throw outcome.reason;
    }
    await Promise.all(roles.map((role) => role.untilReady()));
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened.disposeAsync();
  }
}
