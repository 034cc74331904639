/** A Redis Cluster of three nodes without copies, for tests of addresses that name several hosts. */
import { RedisClient } from "bun";
import { eventually } from "../eventually.ts";
import { freePort } from "../free-port.ts";
import { RedisServer } from "./server.ts";
import { tlsSettings } from "./tls.ts";

const SLOTS = [
  [0, 5_460],
  [5_461, 10_922],
  [10_923, 16_383],
] as const;

export class RedisCluster implements AsyncDisposable {
  private constructor(
    readonly nodes: readonly RedisServer[],
    readonly address: string,
  ) {}

  /** Resolves when every node knows all slots to be served. */
  static async start({ tls = false } = {}): Promise<RedisCluster> {
    await using opened = new AsyncDisposableStack();
    const buses: number[] = [];
    const ports: number[] = [];
    const nodes: RedisServer[] = [];
    for (const _ of SLOTS) {
      const bus = await freePort();
      const settings = { "cluster-enabled": "yes", "cluster-port": bus, "cluster-node-timeout": 1_000 };
      const secure = tls ? await tlsSettings() : null;
      const all = { ...settings, ...(secure === null ? {} : { ...secure, "tls-cluster": "yes" }) };
      const node = opened.use(await RedisServer.start({ settings: all }));
      nodes.push(node);
      buses.push(bus);
      ports.push(secure?.["tls-port"] ?? node.port);
    }
    for (const [i, node] of nodes.entries()) {
      await ask(node, "CLUSTER", "ADDSLOTSRANGE", ...SLOTS[i]!.map(String));
      if (i > 0) await ask(nodes[0]!, "CLUSTER", "MEET", "127.0.0.1", String(ports[i]), String(buses[i]));
    }
    const hosts = ports.map((port) => `127.0.0.1:${port}`).join(",");
    const cluster = new RedisCluster(nodes, `${tls ? "rediss" : "redis"}://${hosts}`);
    await cluster.untilServing();
    opened.move();
    return cluster;
  }

  async untilServing(): Promise<void> {
    await eventually("the cluster serves every slot", async () => {
      const infos = await Promise.all(this.nodes.map((node) => ask(node, "CLUSTER", "INFO")));
      return infos.every((info) => /cluster_state:ok[\s\S]*cluster_known_nodes:3/.test(info));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
  }
}

/** What the server answers to one command of a connection of its own. */
export async function ask({ address }: { address: string }, ...command: string[]): Promise<string> {
  const client = new RedisClient(address);
  try {
    return String(await client.send(command[0]!, command.slice(1)));
  } finally {
    client.close();
  }
}
