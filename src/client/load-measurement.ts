/** Measures a server under load: warms it up, then runs the clock only while tokens are in store. */
import { type LoadGenerator, Measurement } from "./load-generator.ts";
import type { TokenStock } from "./token-stock.ts";

const WARM_UP_MS = 1_000;
const WARM_UP_TOKENS = 30_000;
/** A warming server is slower than a warm one; what is minted too much is only time before the clock starts. */
const SPARE_FACTOR = 1.6;
const ROUND_TOKENS_MAX = 1_000_000;

export type LoadMeasurement = { warmUp: Measurement; measured: Measurement };

/**
 * The clock stands still while `mint` works, so that minting takes nothing from what is measured: a run that needs
 * more tokens than are held at a time is measured in rounds. Ends early when the warm-up recorded nothing, or a
 * round got no answer at all.
 */
export async function measureLoad(
  generator: LoadGenerator,
  durationMs: number,
  ratePerSecond: number | null,
  mint: (tokens: number) => Promise<TokenStock>,
  onSecond: (measured: Measurement) => void,
): Promise<LoadMeasurement> {
  const warmUp = new Measurement();
  const warmUpTokens = Math.min(WARM_UP_TOKENS, ratePerSecond ?? WARM_UP_TOKENS);
  await generator.run(await mint(warmUpTokens), WARM_UP_MS, warmUp);
  const measured = new Measurement();
  // A contest that takes no ballots would be measured for nothing.
  if (warmUp.durable + warmUp.durableLate === 0) return { warmUp, measured };
  while (measured.clockMs < durationMs) {
    const remainingMs = durationMs - measured.clockMs;
    const stock = await mint(tokensFor(remainingMs, ratePerSecond, warmUp));
    const answeredBefore = measured.answered;
    const seconds = setInterval(onSecond, 1_000, measured);
    await generator.run(stock, remainingMs, measured);
    clearInterval(seconds);
    if (measured.answered === answeredBefore) break;
  }
  return { warmUp, measured };
}

function tokensFor(remainingMs: number, ratePerSecond: number | null, warmUp: Measurement): number {
  const seenPerMs = warmUp.clockMs > 0 ? warmUp.answered / warmUp.clockMs : 0;
  const perMs = ratePerSecond === null ? seenPerMs * SPARE_FACTOR : ratePerSecond / 1000;
  return Math.min(Math.ceil(perMs * remainingMs) + WARM_UP_TOKENS, ROUND_TOKENS_MAX);
}
