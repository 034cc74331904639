/** compose.yaml, as far as it can be looked at without a Docker: what it starts has the settings that Urna demands. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { parseKafkaAddress } from "../../src/kafka/address.ts";
import { BROKERS_MIN, TOPIC_SETTINGS } from "../../src/kafka/inspection.ts";
import { hostUrls } from "../../src/postgres/connection-string.ts";
import { settingFaults } from "../../src/recording/durability.ts";

type Service = {
  image: string;
  ports: string[];
  environment: Record<string, string | number>;
  command: string | string[];
};

const ROOT = join(import.meta.dir, "../..");
const TEXT = readFileSync(join(ROOT, "compose.yaml"), "utf8");
const FILE = parse(TEXT, { merge: true }) as {
  services: Record<string, Service>;
  configs: Record<string, { content: string }>;
};
const KAFKA = Object.entries(FILE.services).filter(([name]) => name.startsWith("kafka-"));

describe("compose.yaml", () => {
  test("has as many brokers as a record needs, each in a zone of its own, of the version that is tested", () => {
    expect(KAFKA.length).toBeGreaterThanOrEqual(BROKERS_MIN);
    for (const setting of ["KAFKA_NODE_ID", "KAFKA_BROKER_RACK", "KAFKA_ADVERTISED_LISTENERS"]) {
      expect(new Set(KAFKA.map(([, { environment }]) => environment[setting])).size).toBe(KAFKA.length);
    }
    const pom = readFileSync(join(ROOT, "test/support/kafka/pom.xml"), "utf8");
    const [, version] = /kafka_2\.13<\/artifactId>\s*<version>([\d.]+)/.exec(pom)!;
    expect(KAFKA.map(([, { image }]) => image)).toEqual(KAFKA.map(() => `apache/kafka:${version}`));
  });

  for (const [name, { environment, ports }] of KAFKA) {
    test(`${name} loses nothing that it acknowledged, and is where it says to be`, () => {
      for (const setting of ["min.insync.replicas", "unclean.leader.election.enable"]) {
        const variable = `KAFKA_${setting.toUpperCase().replaceAll(".", "_")}`;
        expect([setting, String(environment[variable])]).toEqual([setting, TOPIC_SETTINGS[setting]!]);
      }
      expect(environment).toMatchObject({
        KAFKA_AUTO_CREATE_TOPICS_ENABLE: "false",
        KAFKA_DEFAULT_REPLICATION_FACTOR: BROKERS_MIN,
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: BROKERS_MIN,
      });
      const voters = String(environment.KAFKA_CONTROLLER_QUORUM_VOTERS);
      expect(voters).toContain(`${environment.KAFKA_NODE_ID}@${name}:29093`);
      const [, port] = /HOST:\/\/127\.0\.0\.1:(\d+)/.exec(String(environment.KAFKA_ADVERTISED_LISTENERS))!;
      expect(ports).toEqual([`127.0.0.1:${port}:${port}`]);
    });
  }

  test("has a primary whose commits wait for its standby", () => {
    const { primary, standby } = FILE.services;
    const sets = FILE.configs["primary-sets-up"]!.content;
    const [, names] = /synchronous_standby_names = '([^']+)'/.exec(sets)!;
    const settings = Object.fromEntries(
      (primary!.command as string[]).slice(1).map((each) => each.replace(/^--/, "").split("=")),
    );
    // Checksums are on unless initdb is told otherwise, from PostgreSQL 18 on.
    expect(primary!.image).toBe("postgres:18");
    const whole = { ...settings, synchronous_standby_names: names!, data_checksums: "on" };
    expect(settingFaults(whole as Parameters<typeof settingFaults>[0])).toEqual([]);
    expect(settings.wal_sync_method).toBe("fdatasync");
    const [, standbyName] = /--cluster_name=(\w+)/.exec(String(standby!.command))!;
    expect(names).toBe(`ANY 1 (${standbyName})`);
    expect(sets).toContain(`pg_create_physical_replication_slot('${standbyName}'`);
    expect(String(standby!.command)).toContain(`--slot=${standbyName}`);
  });

  test("has Redis 7 or later, and nothing of it is reached from elsewhere", () => {
    const [, major] = /^redis:(\d+)/.exec(FILE.services.redis!.image)!;
    expect(Number(major)).toBeGreaterThanOrEqual(7);
    const ports = Object.values(FILE.services).flatMap(({ ports }) => ports);
    expect(ports.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([]);
  });

  test("says addresses that are its own", () => {
    const value = (name: string) => new RegExp(`${name}=(\\S+)`).exec(TEXT)![1]!;
    const published = (services: string[]) =>
      services.map((name) => FILE.services[name]!.ports[0]!.split(":").slice(0, 2).join(":"));
    const { brokers } = parseKafkaAddress(value("URNA_KAFKA"));
    expect(brokers.map(({ host, port }) => `${host}:${port}`)).toEqual(
      published(KAFKA.map(([name]) => name)),
    );
    const nodes = hostUrls(value("DATABASE_URL")).map((url) => new URL(url).host);
    expect(nodes).toEqual(published(["primary", "standby"]));
  });
});
