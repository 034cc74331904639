/** The same seed is the same schedule. */
import { expect, test } from "bun:test";
import { Random } from "./random.ts";

const draws = (seed: number) => {
  const random = new Random(seed);
  return [
    random.fraction(),
    random.whole(1, 6),
    random.one(["a", "b", "c"]),
    random.bytes(4).toString("hex"),
  ];
};

test("a seed draws the same again, another one something else", () => {
  expect(draws(7)).toEqual(draws(7));
  expect(draws(7)).not.toEqual(draws(8));
});

test("whole numbers include both ends, and nothing else", () => {
  const random = new Random(1);
  const drawn = new Set(Array.from({ length: 1_000 }, () => random.whole(2, 4)));
  expect([...drawn].sort()).toEqual([2, 3, 4]);
});

test("a fork draws the same whatever its parent draws after it", () => {
  const [one, other] = [new Random(3), new Random(3)];
  const fork = one.fork();
  one.fraction();
  expect(fork.fraction()).toBe(other.fork().fraction());
});
