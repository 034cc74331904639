/** Whether Kafka, as it is set up, keeps what it acknowledges: what the doctor and the gateways' gate look at. */
import { apiVersionsV4, ConfigResourceTypes, describeConfigsV4 } from "@platformatic/kafka";
import type { Topic } from "../buffering/log.ts";
import type { DurabilityCheck } from "../recording/durability.ts";
import type { Cluster, KnownBroker, KnownTopic } from "./cluster.ts";

/** A broker each, so that one may fail while another holds every record besides. */
export const BROKERS_MIN = 3;
/** Of these so many have a record before it counts as appended. */
export const IN_SYNC_MIN = 2;
/** A batch of the largest gateway batch, all in one partition. */
const MESSAGE_BYTES_MIN = 1_000_000;

/** What a topic of Urna's is made with. */
export const TOPIC_SETTINGS: Readonly<Record<string, string>> = {
  "min.insync.replicas": String(IN_SYNC_MIN),
  "unclean.leader.election.enable": "false",
  "cleanup.policy": "delete",
  "retention.ms": "-1",
  "retention.bytes": "-1",
  // So that max.message.bytes bounds what a recorder must hold, whoever wrote it: a stranger's record could be compressed a
  // thousandfold, too large for the quarantine, and its partition could never go on behind it.
  "compression.type": "uncompressed",
};

/** The produce request that names a topic by its id came with it. */
const PRODUCE_KEY = 0;
const PRODUCE_VERSION = 13;

type Settings = ReadonlyMap<string, string>;

/**
 * Every check of the cluster and of these topics, right or wrong, as they are now. Concurrent; throws when no broker
 * answers.
 */
export async function inspectKafka(cluster: Cluster, topics: readonly string[]): Promise<DurabilityCheck[]> {
  const { brokers, topics: found } = await cluster.lookUp(topics);
  const checks = [brokersCheck(brokers), racksNote(brokers), await versionCheck(cluster)];
  for (const name of topics) {
    const topic = found.get(name);
    if (topic === undefined) checks.push(missing(name));
    else checks.push(...topicChecks(name, topic, await topicSettings(cluster, name), cluster.bootstrap));
  }
  return checks;
}

/**
 * What keeps the records of that topic, for a gate: not how many brokers are there now, which each append finds out. Throws
 * when no broker answers.
 */
export async function inspectTopic(cluster: Cluster, { name, id }: Topic): Promise<DurabilityCheck[]> {
  const topic = await cluster.topic(name);
  if (topic === null) return [missing(name)];
  const mend = "restore the one that the election was made with, or make another election";
  return [
    { check: `${name} is the one`, ok: topic.id === id, found: `its id is ${topic.id}`, mend },
    brokersOfTopicCheck(name, topic),
    ...settingChecks(name, await topicSettings(cluster, name), cluster.bootstrap),
  ];
}

/** What is in force for a topic, brokers' defaults included. */
export async function topicSettings(cluster: Cluster, name: string): Promise<Settings> {
  const resources = [
    { resourceType: ConfigResourceTypes.TOPIC, resourceName: name, configurationKeys: null },
  ];
  const { results } = await cluster.askAny((connection) =>
    describeConfigsV4.api.async(connection, resources, false, false),
  );
  return new Map(results[0]!.configs.map(({ name: setting, value }) => [setting, value ?? ""]));
}

/** `at` is a broker's host and port, for the commands that mend. */
export function topicChecks(
  name: string,
  topic: KnownTopic,
  settings: Settings,
  at: string,
): DurabilityCheck[] {
  return [
    brokersOfTopicCheck(name, topic),
    inSyncCheck(name, topic),
    ...settingChecks(name, settings, at),
    flushNote(name, settings, at),
  ];
}

function settingChecks(name: string, settings: Settings, at: string): DurabilityCheck[] {
  const is = (setting: string, isRight: (value: string) => boolean, value: string): DurabilityCheck => {
    const found = settings.get(setting) ?? "(not told)";
    const command = `kafka-configs.sh --bootstrap-server ${at} --alter --entity-type topics --entity-name ${name}`;
    const mend = `${command} --add-config ${setting}=${value}`;
    return { check: `${name} ${setting}`, ok: isRight(found), found, mend };
  };
  const exactly = (setting: string) => {
    const wanted = TOPIC_SETTINGS[setting]!;
    return is(setting, (found) => found === wanted, wanted);
  };
  return [
    is("min.insync.replicas", (found) => Number(found) >= IN_SYNC_MIN, String(IN_SYNC_MIN)),
    exactly("unclean.leader.election.enable"),
    exactly("cleanup.policy"),
    exactly("retention.ms"),
    exactly("retention.bytes"),
    exactly("compression.type"),
    is("max.message.bytes", (found) => Number(found) >= MESSAGE_BYTES_MIN, "1048588"),
  ];
}

function brokersCheck(brokers: readonly KnownBroker[]): DurabilityCheck {
  return {
    check: "Kafka brokers",
    ok: brokers.length >= BROKERS_MIN,
    found: brokers.map(({ host, port }) => `${host}:${port}`).join(", ") || "(none)",
    mend: `start at least ${BROKERS_MIN} brokers, each in a zone of its own`,
  };
}

/** For people: that two brokers are in one zone is not seen by Kafka unless it is told. */
function racksNote(brokers: readonly KnownBroker[]): DurabilityCheck {
  const racks = new Set(brokers.map(({ rack }) => rack ?? ""));
  const found = racks.has("") ? "not told by every broker" : [...racks].sort().join(", ");
  return { check: "Kafka zones", ok: true, found, mend: "set broker.rack on each broker to its zone" };
}

async function versionCheck(cluster: Cluster): Promise<DurabilityCheck> {
  const { apiKeys } = await cluster.askAny((connection) => apiVersionsV4.api.async(connection, "urna", "1"));
  const version = apiKeys.find(({ apiKey }) => apiKey === PRODUCE_KEY)?.maxVersion ?? 0;
  const ok = version >= PRODUCE_VERSION;
  const found = ok ? "knows topics by their ids when it appends" : "knows topics by their names alone";
  return { check: "Kafka version", ok, found, mend: "upgrade the brokers to Kafka 4.1 or later" };
}

function missing(name: string): DurabilityCheck {
  const mend = "restore it, with its records: every ballot that was accepted and not drained yet was in it";
  return { check: `${name} is there`, ok: false, found: "no topic of that name", mend };
}

function brokersOfTopicCheck(name: string, { partitions }: KnownTopic): DurabilityCheck {
  const fewest = Math.min(...partitions.map(({ brokers }) => brokers.length));
  return {
    check: `${name} brokers a partition`,
    ok: fewest >= BROKERS_MIN,
    found: String(fewest),
    mend: `kafka-reassign-partitions.sh: give each partition of ${name} ${BROKERS_MIN} brokers`,
  };
}

function inSyncCheck(name: string, { partitions }: KnownTopic): DurabilityCheck {
  const lag = partitions.filter(({ brokers, inSync }) => inSync.length < brokers.length);
  const short = partitions.filter(({ inSync }) => inSync.length < IN_SYNC_MIN);
  const found =
    lag.length === 0
      ? `all ${partitions.length} partitions`
      : `${partitions.length - lag.length} of ${partitions.length} partitions, ${short.length} on fewer than ${IN_SYNC_MIN} brokers`;
  const mend =
    "start the brokers that are missing, and see their logs: kafka-topics.sh --describe shows which";
  return { check: `${name} in sync`, ok: short.length === 0, found, mend };
}

/** Brokers acknowledge what is in memory on two of them; to flush first is the operator's choice, and costs speed. */
function flushNote(name: string, settings: Settings, at: string): DurabilityCheck {
  const found = settings.get("flush.messages") === "1" ? "every record" : "as the system does it";
  const command = `kafka-configs.sh --bootstrap-server ${at} --alter --entity-type topics --entity-name ${name}`;
  const mend = `${command} --add-config flush.messages=1, if power may fail in all zones at once`;
  return { check: `${name} flushed to disk`, ok: true, found, mend };
}
