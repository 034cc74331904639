/** Three of Apache Kafka's own brokers on this machine, with a production's promises: for tests and benchmarks. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.ts";
import { Broker } from "./broker.ts";
import { formatFolder, KAFKA_USER, kafkaFiles, uuid } from "./files.ts";
import { type BrokerPorts, brokerSettings } from "./settings.ts";

const BROKERS = 3;

export type KafkaClusterOptions = {
  /** Of every broker, that win over what tests usually have. */
  settings?: Record<string, string | number>;
  /** For a disk of its own, before anything is in the broker's folder. What it returns is done when the broker is gone. */
  prepareFolder?: (folder: string, nodeId: number) => () => void;
  /** Those who reach each broker at a port of their own, which `reach` makes lead to where it listens for them. */
  clients?: readonly string[];
  reach?: (client: string, nodeId: number, port: number) => Promise<number>;
};

export class KafkaCluster implements AsyncDisposable {
  private constructor(
    readonly brokers: readonly Broker[],
    /** Of the authority that signed the secure listeners' certificate. */
    readonly certificate: string,
    private readonly nodes: readonly BrokerPorts[],
    private readonly opened: AsyncDisposableStack,
  ) {}

  /** Resolves when all brokers take requests. */
  static async start(options: KafkaClusterOptions = {}): Promise<KafkaCluster> {
    const { settings = {}, prepareFolder } = options;
    const files = await kafkaFiles();
    await using opened = new AsyncDisposableStack();
    const nodes: BrokerPorts[] = [];
    for (let i = 0; i < BROKERS; i++) {
      const ports = { plain: await freePort(), secure: await freePort(), controller: await freePort() };
      nodes.push({ ...ports, own: await ownPorts(i + 1, options) });
    }
    const clusterId = uuid();
    const brokers = nodes.map(({ plain, secure }, i) => {
      const folder = mkdtempSync(join(tmpdir(), `urna-kafka-${i + 1}-`));
      opened.defer(() => rmSync(folder, { recursive: true, force: true }));
      const release = prepareFolder?.(folder, i + 1);
      if (release !== undefined) opened.defer(release);
      const dataFolder = join(folder, "data");
      formatFolder(files, dataFolder, clusterId, i + 1);
      const all = { ...brokerSettings(files, i + 1, nodes, dataFolder), ...settings };
      const broker = new Broker(i + 1, plain, secure, folder, files.classPath, all);
      opened.defer(() => broker.end("SIGKILL"));
      return broker;
    });
    await Promise.all(brokers.map((broker) => broker.launch()));
    await Promise.all(brokers.map((broker) => broker.ready()));
    return new KafkaCluster(brokers, files.certificate, nodes, opened.move());
  }

  get address(): string {
    return `kafka://${this.brokers.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
  }

  /** Of the same brokers as that client reaches them. */
  addressFor(client: string): string {
    return `kafka://${this.nodes.map(({ own }) => `127.0.0.1:${own[listenerOf(client)]!.reachedAt}`).join(",")}`;
  }

  /** Of the same brokers by TLS and SCRAM-SHA-512. */
  get secureAddress(): string {
    const { user, password } = KAFKA_USER;
    return `kafkas://${user}:${password}@${this.brokers.map(({ securePort }) => `127.0.0.1:${securePort}`).join(",")}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.opened.disposeAsync();
  }
}

async function ownPorts(
  nodeId: number,
  { clients = [], reach = async (_client, _nodeId, port) => port }: KafkaClusterOptions,
): Promise<BrokerPorts["own"]> {
  const own: BrokerPorts["own"] = {};
  for (const client of clients) {
    const port = await freePort();
    own[listenerOf(client)] = { port, reachedAt: await reach(client, nodeId, port) };
  }
  return own;
}

function listenerOf(client: string): string {
  return client.toUpperCase();
}
