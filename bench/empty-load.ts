/** The empty handler under the load generator: what HTTP costs by itself on this machine. */
import { randomBytes } from "node:crypto";
import { latencyFigures } from "../src/cli/load-figures.ts";
import { LoadGenerator } from "../src/client/load-generator.ts";
import { measureLoad } from "../src/client/load-measurement.ts";
import { TokenStock } from "../src/client/token-stock.ts";
import { startPeer } from "./peer-process.ts";

const READY_TIMEOUT_MS = 20_000;
/** As long as a voter token. */
const TOKEN_BYTES = 57;

export async function measureEmptyHandler({
  connections,
  seconds,
}: {
  connections: number;
  seconds: number;
}) {
  await using peer = await startPeer(["bench/peers/empty-handler.ts"], READY_TIMEOUT_MS);
  const generator = new LoadGenerator({
    ...{ url: peer.url, contest: "bench", options: 3, connections },
    ...{ ratePerSecond: null, evidence: "status" },
  });
  const mint = async (tokens: number) => drawTokens(tokens);
  const { measured } = await measureLoad(generator, seconds * 1000, null, mint, () => {});
  generator.close();
  const perSecond = Math.round((measured.durable / measured.clockMs) * 1000);
  return { perSecond, latencyMs: latencyFigures(measured.latency) };
}

function drawTokens(tokens: number): TokenStock {
  const stock = new TokenStock();
  stock.add(Array.from({ length: tokens }, () => randomBytes(TOKEN_BYTES).toString("base64url")));
  return stock;
}
