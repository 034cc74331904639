/** Two free TCP ports on 127.0.0.1, the ones of last time if they are still free. */
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { EmbeddedError } from "./errors.ts";
import type { ServerUser } from "./server-user.ts";

export type Ports = { primary: number; standby: number };

/**
 * Below every common range of ephemeral ports (Linux from 32768, macOS from 49152): an outgoing connection of
 * anybody's must not be able to take a node's port while that node is being restarted.
 */
const PORT_MIN = 15_000;
const PORT_END = 32_000;
const ATTEMPTS_MAX = 200;

/** Chooses the ports and records them in `file`. */
export async function choosePorts(file: string, user: ServerUser): Promise<Ports> {
  const recorded = readPorts(file);
  const primary = await freePort(recorded?.primary);
  const standby = await freePort(recorded?.standby, primary);
  const ports = { primary, standby };
  user.write(file, `${JSON.stringify(ports)}\n`);
  return ports;
}

function readPorts(file: string): Partial<Ports> | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Partial<Ports>;
  } catch {
    return undefined; // first start, or a file cut short by a crash: new ports do as well
  }
}

async function freePort(preferred: number | undefined, taken?: number): Promise<number> {
  if (preferred !== undefined && preferred !== taken && (await isFree(preferred))) return preferred;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = randomInt(PORT_MIN, PORT_END);
    if (port !== taken && (await isFree(port))) return port;
  }
  throw new EmbeddedError("node_failed", `no free port between ${PORT_MIN} and ${PORT_END} on 127.0.0.1`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
