/** Contenders that take turns, so that each figure has a neighbour in time to be compared with: the machine changes within minutes. */

/** How many a second, and whatever else was measured with it. */
export type Sample = { perSecond: number } & Record<string, number>;

export type Contender = { name: string; measure: () => Promise<Sample> };

/** Of several rounds. */
export type Spread = { median: number; least: number; most: number };

export type Compared = {
  name: string;
  figures: { perSecond: Spread } & Record<string, Spread>;
  /** By contender: this one's rate, of what that one's was in the same round. */
  of: Record<string, Spread>;
};

/** Every other round goes backwards, so that nobody is always behind the same one. */
export async function inTurns(
  contenders: readonly Contender[],
  rounds: number,
  onSample: (name: string, sample: Sample) => void = () => undefined,
): Promise<Compared[]> {
  const samples: Sample[][] = contenders.map(() => []);
  for (let round = 0; round < rounds; round++) {
    const order = [...contenders.keys()];
    if (round % 2 === 1) order.reverse();
    for (const i of order) {
      const sample = await contenders[i]!.measure();
      samples[i]!.push(sample);
      onSample(contenders[i]!.name, sample);
    }
  }
  return contenders.map(({ name }, i) => {
    const own = samples[i]!;
    const names = Object.keys(own[0]!);
    const figures = Object.fromEntries(
      names.map((figure) => [figure, spreadOf(own.map((sample) => sample[figure]!))]),
    ) as Compared["figures"];
    const of = Object.fromEntries(
      contenders.map((other, j) => [
        other.name,
        spreadOf(own.map(({ perSecond }, round) => perSecond / samples[j]![round]!.perSecond)),
      ]),
    );
    return { name, figures, of };
  });
}

export function spreadOf(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median, least: sorted[0]!, most: sorted.at(-1)! };
}

/** `1,234 (1,200–1,300)`, or with so many digits behind the point. */
export function spreadWords({ median, least, most }: Spread, digits = 0): string {
  const words = (value: number) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${words(median)} (${words(least)}–${words(most)})`;
}
