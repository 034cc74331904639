/** Loading what a page cannot do without: again and again, ever less often, until it is there. */
import { backoffMs } from "./backoff.ts";

const LOAD = { firstMs: 1_000, mostMs: 60_000 };

/** The first result of `load` that is not null; `failed` is told of each one that was. Unlimited, at a bounded rate. */
export async function untilLoaded<T>(load: () => Promise<T | null>, failed: () => void): Promise<T> {
  for (let attempt = 2; ; attempt++) {
    const loaded = await load();
    if (loaded !== null) return loaded;
    failed();
    const waitMs = backoffMs(LOAD, attempt, 0, Math.random());
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}
