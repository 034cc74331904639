/** What of the changes that were not durable a disk had written all the same when the power failed. */

/**
 * `none`: nothing, what the least reliable disk may do. Otherwise each sector by itself, in any of the states that it
 * went through, so that a page may be torn; drawn from the seed.
 */
export type Survival = "none" | { seed: number; sectorBytes: 512 | 4096 };

/** Draws how many of `count` changes, the oldest ones, survive. */
export type Draw = (count: number) => number;

export function drawing(survival: Survival): Draw {
  if (survival === "none") return () => 0;
  const random = generator(survival.seed);
  return (count) => Math.floor(random() * (count + 1));
}

/** The smallest unit that survives or does not. */
export function sectorOf(survival: Survival): number {
  return survival === "none" ? 4096 : survival.sectorBytes;
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
