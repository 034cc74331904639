/** Contenders that take turns, so that each figure has a neighbour in time to be compared with: the machine changes within minutes. */

export type Contender = {
  name: string;
  /** One sample: how many a second. */
  measure: () => Promise<number>;
};

export type Turns = {
  name: string;
  perSecond: Spread;
  /** Of what the first contender did in the same round. */
  ratio: Spread;
};

/** Of several rounds. */
export type Spread = { median: number; least: number; most: number };

/** The first one is what the others are compared with. Every other round goes backwards, so that nobody is always behind the same one. */
export async function inTurns(contenders: readonly Contender[], rounds: number): Promise<Turns[]> {
  const samples: number[][] = contenders.map(() => []);
  for (let round = 0; round < rounds; round++) {
    const order = [...contenders.keys()];
    if (round % 2 === 1) order.reverse();
    for (const i of order) samples[i]!.push(await contenders[i]!.measure());
  }
  return contenders.map(({ name }, i) => ({
    name,
    perSecond: spreadOf(samples[i]!),
    ratio: spreadOf(samples[i]!.map((sample, round) => sample / samples[0]![round]!)),
  }));
}

export function spreadOf(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median, least: sorted[0]!, most: sorted.at(-1)! };
}
