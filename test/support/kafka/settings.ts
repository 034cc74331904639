/** The settings of test brokers: a production's promises, a small machine's sizes, and failures noticed in seconds. */
import { type KafkaFiles, KEYSTORE_PASSWORD } from "./files.ts";

export type BrokerPorts = {
  plain: number;
  secure: number;
  controller: number;
  /** Of those who reach the broker at a port of their own: by listener, where it listens and where it is reached. */
  own: Record<string, { port: number; reachedAt: number }>;
};

/** What every broker of the cluster is told; a test's own settings win. */
export function brokerSettings(
  files: KafkaFiles,
  nodeId: number,
  nodes: readonly BrokerPorts[],
  dataFolder: string,
): Record<string, string | number> {
  const { plain, secure, controller, own } = nodes[nodeId - 1]!;
  const all = Object.entries(own);
  const address = (name: string, port: number) => `${name}://127.0.0.1:${port}`;
  const known = [address("PLAIN", plain), address("SECURE", secure)];
  const listeners = [...known, ...all.map(([name, { port }]) => address(name, port))];
  return {
    "process.roles": "broker,controller",
    "node.id": nodeId,
    "broker.rack": `zone-${nodeId}`,
    "log.dirs": dataFolder,
    "controller.quorum.voters": nodes.map((each, i) => `${i + 1}@127.0.0.1:${each.controller}`).join(","),
    "controller.listener.names": "CONTROLLER",
    listeners: [...listeners, address("CONTROLLER", controller)].join(","),
    "advertised.listeners": [...known, ...all.map(([name, { reachedAt }]) => address(name, reachedAt))].join(
      ",",
    ),
    "listener.security.protocol.map": [
      "PLAIN:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT",
      ...all.map(([name]) => `${name}:PLAINTEXT`),
    ].join(","),
    "inter.broker.listener.name": "PLAIN",
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.secure.scram-sha-512.sasl.jaas.config":
      "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    "ssl.keystore.type": "PKCS12",
    "ssl.keystore.location": files.keystore,
    "ssl.keystore.password": KEYSTORE_PASSWORD,
    ...PROMISES,
    ...SIZES,
    ...PATIENCE,
  };
}

const PROMISES = {
  "auto.create.topics.enable": "false",
  "default.replication.factor": 3,
  "min.insync.replicas": 2,
  "unclean.leader.election.enable": "false",
  "offsets.topic.replication.factor": 3,
  "transaction.state.log.replication.factor": 3,
  "transaction.state.log.min.isr": 2,
};

/** Three brokers share a machine of two cores with the tests. */
const SIZES = {
  "num.network.threads": 2,
  "num.io.threads": 2,
  "background.threads": 2,
  "group.coordinator.threads": 1,
  "offsets.topic.num.partitions": 3,
  "log.cleaner.dedupe.buffer.size": 2 * 1024 * 1024,
};

/** A broker that fell silent is replaced within seconds, and so is a member of a group. */
const PATIENCE = {
  "broker.heartbeat.interval.ms": 500,
  "broker.session.timeout.ms": 3_000,
  "controller.quorum.fetch.timeout.ms": 1_500,
  "controller.quorum.election.timeout.ms": 500,
  "replica.lag.time.max.ms": 3_000,
  "group.initial.rebalance.delay.ms": 0,
  "group.min.session.timeout.ms": 500,
  "group.consumer.min.session.timeout.ms": 500,
  "group.consumer.session.timeout.ms": 2_000,
  "group.consumer.min.heartbeat.interval.ms": 100,
  "group.consumer.heartbeat.interval.ms": 300,
};
