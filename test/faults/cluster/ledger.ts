/** One ledger of a cluster under test: PostgreSQL, a primary and two standbys (`ANY 1`), with what replaces and mends them. */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Settings, USER } from "../../../src/embedded/settings.ts";
import { freePort } from "../../support/free-port.ts";
import { Builder, DATABASE, ROLE } from "./builder.ts";
import type { Network } from "./network.ts";
import { Node } from "./node.ts";
import type { Site } from "./site.ts";
import { type Client, resetSettings, withClient } from "./statements.ts";
import { Supervisor } from "./supervisor.ts";

export type NodesOptions = {
  /** What a node's processes get beyond what they need, asked for at every start: a preloaded library, say. */
  environment?: (dataFolder: string) => Record<string, string>;
  /** PostgreSQL settings of all nodes that win over the others. */
  settings?: Settings;
  /** Called before anything is in a node's folder: a file system of its own, say. */
  prepareNode?: (opened: AsyncDisposableStack, folder: string) => void;
};

/** Who asks the nodes besides each other and the roles. */
const SUPERVISOR = "supervisor";

export class Ledger {
  readonly supervisor: Supervisor;
  private readonly builder: Builder;

  private constructor(
    readonly name: string,
    readonly nodes: readonly Node[],
    private readonly site: Site,
    private readonly network: Network,
  ) {
    const superuser = this.superuser;
    const connectionInfo = (node: Node, primary: Node) =>
      `host=127.0.0.1 port=${network.port(node.name, primary.name)} user=${USER} password=${site.password} ` +
      `application_name=${node.applicationName}`;
    this.supervisor = new Supervisor({ nodes, network, superuser, connectionInfo });
    this.builder = new Builder({ ...site, nodes, connectionInfo, superuser });
  }

  /** Resolves when both standbys follow. `names` of its nodes; `askers` are the processes that may reach them. */
  static async open(
    opened: AsyncDisposableStack,
    site: Site,
    network: Network,
    { name, names, askers, options }: LedgerOptions,
  ): Promise<Ledger> {
    const nodes: Node[] = [];
    for (const node of names) nodes.push(opened.use(await openNode(opened, site, node, options)));
    for (const from of [...names, ...askers, SUPERVISOR]) {
      for (const { name: to, port } of nodes) if (from !== to) await network.connect(from, to, port);
    }
    const ledger = new Ledger(name, nodes, site, network);
    await ledger.builder.build();
    return ledger;
  }

  /** Its database, as superuser on its primary, past the network. */
  read<T>(work: (client: Client) => Promise<T>): Promise<T> {
    return withClient({ ...this.superuser, database: DATABASE, port: this.supervisor.leader.port }, work);
  }

  /** As superuser, past the network and whatever is cut in it. */
  at<T>(node: Node, work: (client: Client) => Promise<T>): Promise<T> {
    return withClient({ ...this.superuser, port: node.port }, work);
  }

  /** All its nodes, as that process reaches them. */
  urlFrom(process: string): string {
    return this.url(this.nodes.map(({ name }) => this.network.port(process, name)));
  }

  /** Its primary, past the network: for commands. */
  get primaryUrl(): string {
    return this.url([this.supervisor.leader.port]);
  }

  /** Until it accepts connections; it is started where it has ended. */
  untilUp(node: Node): Promise<void> {
    return this.builder.untilUp(node);
  }

  /** Resolves when the primary is up and both standbys follow it. */
  async makeWhole(): Promise<void> {
    const { leader, standbys, stale } = this.supervisor;
    await this.builder.untilUp(leader);
    await this.at(leader, resetSettings);
    const followed = standbys.map(async (node) => {
      await this.builder.untilFollowing(leader, node, stale.has(node));
      stale.delete(node);
    });
    // All of them, so that none is still at work when it is tried again.
    for (const outcome of await Promise.allSettled(followed)) {
      if (outcome.status === "rejected") throw outcome.reason;
    }
  }

  private get superuser() {
    return { user: USER, password: this.site.password, database: "postgres" };
  }

  private url(ports: readonly number[]): string {
    const hosts = ports.map((port) => `127.0.0.1:${port}`).join(",");
    return `postgres://${ROLE}:${this.site.password}@${hosts}/${DATABASE}`;
  }
}

export type LedgerOptions = {
  name: string;
  names: readonly string[];
  askers: readonly string[];
  options: NodesOptions;
};

async function openNode(opened: AsyncDisposableStack, site: Site, name: string, options: NodesOptions) {
  const folder = join(site.folder, name);
  mkdirSync(folder);
  options.prepareNode?.(opened, folder);
  chmodSync(folder, 0o755);
  site.user.own(folder);
  const { binaries, user } = site;
  const { settings = {}, environment = () => ({}) } = options;
  return new Node({ name, folder, port: await freePort(), binaries, user, settings, environment });
}
