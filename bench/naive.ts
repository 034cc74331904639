/** A peer as it is often written: node's http, a pool of 32 connections, one INSERT a ballot. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { Pool } from "pg";
import { hostUrls } from "../src/postgres/connection-string.ts";

const POOL_CONNECTIONS = 32;
const ROUTE = /^\/v1\/contests\/([^/]+)\/ballots$/;

const { values, positionals } = parseArgs({ options: { port: { type: "string" } }, allowPositionals: true });
const [databaseUrl] = positionals;
if (databaseUrl === undefined) {
  console.error("usage: bun bench/naive.ts postgres://… [--port N]");
  process.exit(1);
}

const pool = await primaryPool(databaseUrl);
// A table of its own, begun anew at every run: the ledger's tables are left alone.
await pool.query("DROP TABLE IF EXISTS public.naive_votes");
await pool.query(
  "CREATE TABLE public.naive_votes (contest text, voter text, option int, PRIMARY KEY (contest, voter))",
);

const server = createServer(async (request, response) => {
  const contest = ROUTE.exec(request.url ?? "")?.[1];
  if (request.method !== "POST" || contest === undefined) {
    response.writeHead(404).end();
    return;
  }
  try {
    const voter = request.headers.authorization ?? "";
    const { selections } = JSON.parse(await readBody(request)) as { selections: number[] };
    const inserted = await pool.query(
      "INSERT INTO public.naive_votes (contest, voter, option) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
      [contest, voter, selections[0]],
    );
    response
      .writeHead(inserted.rowCount === 1 ? 201 : 409, { "content-type": "application/json" })
      .end('{"status":"recorded"}');
  } catch (error) {
    console.error(error);
    response.writeHead(500).end();
  }
});
server.listen(Number(values.port ?? 0), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => resolve(body));
    request.on("error", reject);
  });
}

/** A pool of the cluster's one server that takes writes. */
async function primaryPool(clusterUrl: string): Promise<Pool> {
  for (const connectionString of hostUrls(clusterUrl)) {
    const candidate = new Pool({ connectionString, max: POOL_CONNECTIONS });
    const { rows } = await candidate.query("SELECT pg_is_in_recovery() AS standby");
    if (!rows[0].standby) return candidate;
    await candidate.end();
  }
  throw new Error("no server of this cluster takes writes");
}
