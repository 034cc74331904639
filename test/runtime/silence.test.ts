/** That somebody is silent is said of them only when this process has listened. */
import { expect, test } from "bun:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterSilence } from "../../src/runtime/silence.ts";
import { beBusy } from "../support/be-busy.ts";

test("who has not been heard is called late, and who has is not", async () => {
  const late = Promise.withResolvers<void>();
  const heard = afterSilence(20, () => {
    throw new Error("it was heard");
  });
  heard();
  afterSilence(300, late.resolve);
  await late.promise;
});

test("time in which this process was busy counts as one look, however long it was", async () => {
  let isLate = false;
  const heard = afterSilence(500, () => {
    isLate = true;
  });
  beBusy(1_000);
  for (let turns = 0; turns < 4; turns++) await nextTurn();
  expect(isLate).toBe(false);
  heard();
});
