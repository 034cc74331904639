/** Brokers are talked to over TLS, and let in who has the password. */
import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { sharedCluster } from "../support/kafka/shared.ts";
import { makeTopic } from "./support.ts";

/** In a process of its own, since an authority is trusted from a process' start on. */
async function appended(address: string, certificate?: string): Promise<string> {
  const { address: plain } = await sharedCluster();
  const { name, id } = await makeTopic(plain, 1);
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: certificate };
  const args = [join(import.meta.dir, "append-process.ts"), address, name, id];
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  const [output] = await Promise.all([text(child.stdout), once(child, "exit")]);
  return output.trim();
}

describe("over TLS, as a user", () => {
  test("a record is appended where the authority is trusted", async () => {
    const { secureAddress, certificate } = await sharedCluster();
    expect(await appended(secureAddress, certificate)).toBe("appended");
  });

  test("nothing is where it is not", async () => {
    const { secureAddress } = await sharedCluster();
    expect(await appended(secureAddress)).toMatch(/^not_appended: .*certificate/i);
  });

  test("nor with another password", async () => {
    const { secureAddress, certificate } = await sharedCluster();
    const address = secureAddress.replace(/:[^:@]+@/, ":guessed@");
    expect(await appended(address, certificate)).toMatch(/^not_appended: .*authentication failed/i);
  });

  test("nor without TLS", async () => {
    const { secureAddress, certificate } = await sharedCluster();
    const address = secureAddress.replace(/^kafkas:\/\/[^@]+@/, "kafka://");
    expect(await appended(address, certificate)).toStartWith("not_appended: ");
  });
});
