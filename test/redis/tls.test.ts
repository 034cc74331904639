/** rediss:// addresses: a certificate that is believed, and one that is not. */
import { expect, test } from "bun:test";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually } from "../support/eventually.ts";
import { ask, RedisCluster } from "../support/redis/cluster.ts";
import { RedisServer } from "../support/redis/server.ts";
import { CERTIFICATE, tlsSettings } from "../support/redis/tls.ts";

/** What a process with this environment finds. */
async function found(address: string, environment: Record<string, string>): Promise<string> {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [join(import.meta.dir, "tls-peer.ts"), address], {
    env: { ...process.env, ...environment },
  });
  return stdout.trim();
}

/** A busy machine may need more than the time that a connection has. */
function untilAnswered(address: string): Promise<boolean> {
  return eventually("Redis answers", async () => (await found(address, BELIEVING)) === "PONG");
}

const BELIEVING = { NODE_EXTRA_CA_CERTS: CERTIFICATE };

test("TLS with a user and a password, by a certificate that NODE_EXTRA_CA_CERTS names, and by no other", async () => {
  const settings = await tlsSettings();
  await using server = await RedisServer.start({ settings });
  await ask(server, "ACL", "SETUSER", "urna", "on", ">se:cret", "~urna:*", "&urna:*", "+@all");
  const address = `rediss://urna:se%3Acret@localhost:${settings["tls-port"]}`;
  await untilAnswered(address);
  expect(await found(address, {})).toMatch(/^Redis did not answer: .*certificate/i);
  expect(await found(address.replace("se%3Acret", "other"), BELIEVING)).toMatch(/WRONGPASS/);
});

test("a cluster's nodes by TLS", async () => {
  await using cluster = await RedisCluster.start({ tls: true });
  await untilAnswered(cluster.address);
  expect(await found(cluster.address, {})).toMatch(/^Redis did not answer/);
});
