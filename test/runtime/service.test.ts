/** How services are stopped. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import { once } from "node:events";
import { runUntilSignalled, type Service } from "../../src/runtime/service.ts";

/** What each run leaves on this process, which many tests share. */
const SIGNALS = ["SIGINT", "SIGTERM"] as const;
let before: NodeJS.SignalsListener[];
const listeners = () => SIGNALS.flatMap((signal) => process.listeners(signal) as NodeJS.SignalsListener[]);
beforeEach(() => {
  before = listeners();
});
afterEach(() => {
  for (const listener of listeners().filter((each) => !before.includes(each)))
    for (const signal of SIGNALS) process.off(signal, listener);
});

const failing: Service = { name: "failing", run: () => Promise.reject(new Error("a bug")) };

test("they are drained in order, each when the one before has ended", async () => {
  const steps: string[] = [];
  const service = (name: string): Service => ({
    name,
    run: async (signal) => {
      await once(signal, "abort");
      steps.push(`${name} ended`);
    },
    drain: () => steps.push(`${name} drains`),
  });
  const run = runUntilSignalled([service("a"), failing, service("b")], 60_000, () => steps.push("stopping"));
  await expect(run).rejects.toThrow("failing failed: a bug");
  expect(steps).toEqual(["stopping", "a drains", "a ended", "b drains", "b ended"]);
});

// One bound each would take more than a minute and a half.
test("those that do not end share one bound", async () => {
  const hanging: Service = { name: "hanging", run: () => new Promise(() => undefined) };
  const services = [failing, ...Array.from({ length: 1_000 }, () => hanging)];
  await expect(runUntilSignalled(services, 100, () => undefined)).rejects.toThrow("a bug");
}, 20_000);
