/**
 * A cluster under test: ledgers, two gateways, results and admin, real processes on loopback, with a network between them
 * and PostgreSQL that can be cut. A buffered one has three Kafka brokers, a further ledger and two recorders besides.
 */
import type { SecretsText } from "../../../src/admission/secrets.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { RedisServer } from "../../support/redis/server.ts";
import { type Broker, Brokers } from "./brokers.ts";
import { Ledger, type NodesOptions } from "./ledger.ts";
import { Network } from "./network.ts";
import type { Node } from "./node.ts";
import { Role, type RoleName } from "./role.ts";
import { openSite, type Site } from "./site.ts";
import type { Client } from "./statements.ts";
import type { Supervisor } from "./supervisor.ts";

const NODES: Record<string, readonly string[]> = {
  home: ["node1", "node2", "node3"],
  east: ["east1", "east2", "east3"],
};
const ROLES: Record<string, RoleName> = {
  admin: "admin",
  gateway1: "gateway",
  gateway2: "gateway",
  results: "results",
};
const RECORDERS: Record<string, RoleName> = { recorder1: "recorder", recorder2: "recorder" };
/** Where there is a Redis: somebody must share the results with the first one. */
const SECOND_RESULTS: Record<string, RoleName> = { results2: "results" };
/** Short, so that outcomes become unknown within the seconds that a fault lasts. */
const DEADLINE_MS = 1_500;
const MEND_TIMEOUT_MS = 120_000;

export type ClusterOptions = NodesOptions & {
  /** Whether there is what ballots are buffered with. */
  buffered?: boolean;
  /** All roles have a Redis, and there is a second results role. */
  redis?: boolean;
};

export type Cluster = Awaited<ReturnType<typeof startCluster>>;

export type Process = Node | Role | Broker;

/** Resolves when every role takes traffic. Whatever it started is gone once it is disposed of. */
export async function startCluster(given: ClusterOptions = {}) {
  const { buffered = false, redis: hasRedis = false, ...options } = given;
  await using opened = new AsyncDisposableStack();
  const site = await openSite(opened);
  const network = opened.use(new Network());
  const names = { ...ROLES, ...(buffered ? RECORDERS : {}), ...(hasRedis ? SECOND_RESULTS : {}) };
  const ledgers: Ledger[] = [];
  for (const [name, nodes] of Object.entries(NODES).slice(0, buffered ? 2 : 1)) {
    const askers = Object.keys(names);
    ledgers.push(await Ledger.open(opened, site, network, { name, names: nodes, askers, options }));
  }
  const brokers = buffered ? opened.use(await Brokers.start(network, Object.keys(names))) : null;
  const redis = hasRedis ? opened.use(await RedisServer.start()) : null;
  const roles: Role[] = [];
  for (const [name, role] of Object.entries(names)) {
    const environment = {
      ...environmentOf(site, ledgers, brokers, name),
      ...(redis === null ? {} : { URNA_REDIS: redis.address }),
    };
    roles.push(
      opened.use(new Role({ name, role, port: await freePort(), folder: site.folder, environment })),
    );
  }
  await roles[0]!.untilReady(); // the admin role makes the schema
  await Promise.all(roles.map((role) => role.untilReady()));
  return new RunningCluster({ site, network, ledgers, brokers, redis, roles }, opened.move());
}

function environmentOf(
  { secretsFile, adminToken }: Site,
  [home, ...further]: readonly Ledger[],
  brokers: Brokers | null,
  process: string,
): Record<string, string> {
  const environment = {
    DATABASE_URL: home!.urlFrom(process),
    URNA_SECRETS_FILE: secretsFile,
    URNA_ADMIN_TOKEN: adminToken,
    URNA_DEADLINE_MS: String(DEADLINE_MS),
    // More than by default, so that they overlap; small ones, so that a crowd fills them while the ledger stalls.
    URNA_LANES: "2",
    URNA_BATCH_BALLOTS_MAX: "100",
  };
  if (brokers === null) return environment;
  const ledgers = further.map((ledger) => `${ledger.name}=${ledger.urlFrom(process)}`).join(" ");
  return { ...environment, URNA_KAFKA: brokers.addressFor(process), URNA_LEDGERS: ledgers };
}

type Parts = {
  site: Site;
  network: Network;
  /** The home ledger first. */
  ledgers: readonly Ledger[];
  brokers: Brokers | null;
  redis: RedisServer | null;
  roles: readonly Role[];
};

class RunningCluster implements AsyncDisposable {
  /** Topics that were damaged for good: their partitions stay stopped, and no role is ready as long as it has one. */
  readonly damaged = new Set<string>();
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

  get ledgers(): readonly Ledger[] {
    return this.parts.ledgers;
  }

  get home(): Ledger {
    return this.parts.ledgers[0]!;
  }

  get isBuffered(): boolean {
    return this.parts.brokers !== null;
  }

  /** Null where nothing is buffered. */
  get brokers(): Brokers | null {
    return this.parts.brokers;
  }

  /** Only where the cluster was asked for with one. */
  get redis(): RedisServer {
    return this.parts.redis!;
  }

  get processes(): Process[] {
    return [...this.nodes, ...this.roles, ...(this.brokers?.all ?? [])];
  }

  get nodes(): readonly Node[] {
    return this.parts.ledgers.flatMap(({ nodes }) => nodes);
  }

  get roles(): readonly Role[] {
    return this.parts.roles;
  }

  /** The home ledger's. */
  get supervisor(): Supervisor {
    return this.home.supervisor;
  }

  get secrets(): SecretsText {
    return this.parts.site.secrets;
  }

  get adminToken(): string {
    return this.parts.site.adminToken;
  }

  get gateways(): Role[] {
    return this.rolesOf("gateway");
  }

  get recorders(): Role[] {
    return this.rolesOf("recorder");
  }

  role(name: "admin" | "results" | "results2" | "gateway1" | "gateway2"): Role {
    return this.parts.roles.find((role) => role.name === name)!;
  }

  /** Asks a node, of any ledger, as superuser, past the network and whatever is cut in it. */
  at<T>(node: Node, work: (client: Client) => Promise<T>): Promise<T> {
    return this.home.at(node, work);
  }

  /** Until it accepts connections; it is started where it has ended. */
  untilUp(node: Node): Promise<void> {
    return this.home.untilUp(node);
  }

  /** Undoes whatever a fault left behind: resolves when all standbys follow and every role takes traffic. */
  async makeWhole(): Promise<void> {
    // Again when it fails: a node may just then be restarting after the crash of one of its processes.
    await eventually("the cluster is whole", () => this.mend(), MEND_TIMEOUT_MS);
  }

  private async mend(): Promise<true> {
    const { network, ledgers, brokers, roles } = this.parts;
    network.heal();
    for (const process of [...this.nodes, ...roles]) process.thaw();
    await brokers?.makeWhole();
    for (const ledger of ledgers) await ledger.makeWhole();
    const isToStay = (reason: string) => [...this.damaged].some((topic) => reason.includes(topic));
    await Promise.all(roles.map((role) => role.untilReady(isToStay)));
    return true;
  }

  private rolesOf(name: RoleName): Role[] {
    return this.parts.roles.filter(({ role }) => role === name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened.disposeAsync();
  }
}
