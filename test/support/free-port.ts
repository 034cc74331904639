/** Free TCP ports for processes that keep theirs while they are down. */

import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below every common range of ephemeral ports: no outgoing connection may take one while its owner is down. */
const PORT_MIN = 15_000;
const PORT_END = 32_000;

/** Which part of a whole run this process is, and of how many: a port that is down looks free to the others. */
const [PART, PARTS] = (process.env.URNA_TEST_PORTS ?? "0/1").split("/").map(Number) as [number, number];

const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORT_MIN, PORT_END);
    if (port % PARTS !== PART || given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host: "127.0.0.1", exclusive: true });
    await once(server, "listening");
    server.close();
    await once(server, "close");
    return true;
  } catch {
    return false;
  }
}
