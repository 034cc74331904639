/** Apache Kafka's jars, and what every test cluster's brokers begin with: formatted metadata and a certificate. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { fetched } from "../maven.ts";

const run = promisify(execFile);

/** Whom the brokers' secure listeners let in, by SCRAM-SHA-512. */
export const KAFKA_USER = { user: "urna", password: "urna-test" };
export const KEYSTORE_PASSWORD = "urna-test";

export type KafkaFiles = { classPath: string; keystore: string; certificate: string; formatted: string };

export async function kafkaFiles(): Promise<KafkaFiles> {
  const folder = await fetched({
    name: "kafka",
    pom: join(import.meta.dir, "pom.xml"),
    goal: ["dependency:copy-dependencies"],
    complete,
    instead: "URNA_TEST_KAFKA",
  });
  return filesIn(folder);
}

function filesIn(folder: string): KafkaFiles {
  return {
    classPath: join(folder, "*"),
    keystore: join(folder, "keystore.p12"),
    certificate: join(folder, "certificate.pem"),
    formatted: join(folder, "formatted"),
  };
}

async function complete(folder: string): Promise<void> {
  const { classPath, keystore, certificate, formatted } = filesIn(folder);
  const settings = join(folder, "format.properties");
  const lines = [
    "process.roles=broker,controller",
    "node.id=1",
    "controller.quorum.voters=1@127.0.0.1:1",
    "controller.listener.names=CONTROLLER",
    "listeners=CONTROLLER://127.0.0.1:1,BROKER://127.0.0.1:2",
    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,BROKER:PLAINTEXT",
    "inter.broker.listener.name=BROKER",
    `log.dirs=${formatted}`,
  ];
  writeFileSync(settings, lines.join("\n"));
  const scram = `SCRAM-SHA-512=[name=${KAFKA_USER.user},password=${KAFKA_USER.password}]`;
  const format = ["kafka.tools.StorageTool", "format", "-c", settings, "-t", uuid(), "--add-scram", scram];
  await run("java", ["-cp", classPath, ...format]);
  const store = ["-keystore", keystore, "-storepass", KEYSTORE_PASSWORD, "-alias", "broker"];
  const names = ["-dname", "CN=localhost", "-ext", "SAN=dns:localhost,ip:127.0.0.1"];
  await run("keytool", ["-genkeypair", "-keyalg", "EC", "-validity", "36500", ...names, ...store]);
  await run("keytool", ["-exportcert", "-rfc", "-file", certificate, ...store]);
}

/** What formatting a broker's folder does, without a Java process for each: they differ in their ids alone. */
export function formatFolder(files: KafkaFiles, folder: string, clusterId: string, nodeId: number): void {
  mkdirSync(folder, { recursive: true });
  cpSync(files.formatted, folder, { recursive: true });
  const ids = { "cluster.id": clusterId, "node.id": nodeId, "directory.id": uuid() };
  const known = readFileSync(join(files.formatted, "meta.properties"), "utf8");
  const changed = Object.entries(ids).reduce(
    (text, [name, value]) => text.replace(new RegExp(`^${name}=.*$`, "m"), `${name}=${value}`),
    known,
  );
  writeFileSync(join(folder, "meta.properties"), changed);
}

/** As Kafka writes them. */
export function uuid(): string {
  return randomBytes(16).toString("base64url").replace(/^-/, "A");
}
