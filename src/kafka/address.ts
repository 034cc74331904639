/** Where Kafka's brokers are, and how to talk to them: one setting. */

export type Endpoint = { host: string; port: number };

export type KafkaAddress = {
  /** Any of the cluster's brokers; the others are learned from them. */
  brokers: readonly Endpoint[];
  isEncrypted: boolean;
  user: { name: string; password: string } | null;
};

const ADDRESS = /^(kafkas?):\/\/(?:([^@/]*)@)?([^@/?#]+)$/;
const BROKER = /^(\[[0-9a-f:]+\]|[\w.-]+)(?::(\d+))?$/i;
const PORT = 9092;
const PORT_MAX = 65_535;

/**
 * `kafka://host1:9092,host2:9092`, or `kafkas://user:password@host1:9093,…`: TLS, and SCRAM-SHA-512 where a user is
 * given; both are percent-encoded, as in any URL. Throws an Error that says what is wrong, and quotes no password.
 */
export function parseKafkaAddress(text: string): KafkaAddress {
  const parts = ADDRESS.exec(text);
  if (parts === null) {
    throw new Error(
      "it is no Kafka address: write kafka://host1:9092,host2:9092, " +
        "or kafkas://user:password@host1:9093,host2:9093 for TLS and SCRAM-SHA-512",
    );
  }
  const [, scheme, who, hosts] = parts;
  const isEncrypted = scheme === "kafkas";
  if (who !== undefined && !isEncrypted) {
    throw new Error("a password is sent over TLS alone: write kafkas:// instead of kafka://");
  }
  return {
    brokers: hosts!.split(",").map(parseBroker),
    isEncrypted,
    user: who === undefined ? null : parseUser(who),
  };
}

function parseBroker(text: string): Endpoint {
  const parts = BROKER.exec(text);
  const port = Number(parts?.[2] ?? PORT);
  if (parts === null || port < 1 || port > PORT_MAX) {
    throw new Error(`${JSON.stringify(text)} is no host:port of a Kafka broker`);
  }
  return { host: parts[1]!.replace(/^\[|\]$/g, ""), port };
}

function parseUser(text: string): { name: string; password: string } {
  const [name, password, ...more] = text.split(":");
  if (!name || !password || more.length > 0) {
    throw new Error("before the @ there must be user:password, each percent-encoded where it has : @ or /");
  }
  try {
    return { name: decodeURIComponent(name), password: decodeURIComponent(password) };
  } catch {
    throw new Error("user and password must be percent-encoded: a % that is meant as such is written %25");
  }
}

export function endpointName({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}
