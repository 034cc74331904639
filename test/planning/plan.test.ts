import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Figures } from "../../src/planning/figures.ts";
import { figures } from "../../src/planning/figures.ts";
import { MEASURED } from "../../src/planning/measured.ts";
import { NoPlanError, PARTITIONS_MAX, type Plan, planOf } from "../../src/planning/plan.ts";
import type { PlanRequest } from "../../src/planning/plan-line.ts";

const REQUEST: PlanRequest = {
  ...{ rps: 250_000, voters: 300_000_000, path: "buffered", margin: 1.5, cores: 8, figures: MEASURED },
  connectionsMax: (processes, lanes, recorders) => 10 * processes + lanes + 100 * recorders,
};
const planned = (changes: Partial<PlanRequest> = {}) => planOf({ ...REQUEST, ...changes });
const valueIn = ({ lines }: Plan, name: string) => lines.find((line) => line.name === name)!.value;

/** Of a machine, within what any may have. */
const anyFigures: fc.Arbitrary<Figures> = fc
  .record({
    micros: fc.array(fc.double({ min: 0.5, max: 500, noNaN: true }), { minLength: 7, maxLength: 7 }),
    rates: fc.array(fc.double({ min: 1_000, max: 1e6, noNaN: true }), { minLength: 3, maxLength: 3 }),
    bytes: fc.array(fc.double({ min: 10, max: 5_000, noNaN: true }), { minLength: 7, maxLength: 7 }),
  })
  .map(({ micros: m, rates: r, bytes: b }) => ({
    ...{ machine: "any", measuredOn: "2026-01-01", measuredBy: "chance" },
    gatewayMicros: { direct: m[0]!, accepted: m[1]! },
    ...{ recorderMicros: m[2]!, brokerMicros: m[3]!, standbyMicros: m[4]! },
    primaryMicros: { direct: m[5]!, drained: m[6]! },
    ...{ directPerSecond: r[0]!, ledgerPerSecond: r[1]!, partitionPerSecond: r[2]! },
    ...{ ballotBytes: b[0]!, walBytes: b[1]!, recordBytes: b[2]!, requestBytes: b[3]!, answerBytes: b[4]! },
    ...{ redisBytes: b[5]!, callerBytes: b[6]! },
  }));
const anyRequest = fc.record({
  rps: fc.integer({ min: 1, max: 1_000_000 }),
  voters: fc.integer({ min: 1, max: 1_000_000_000 }),
  margin: fc.double({ min: 1.2, max: 4, noNaN: true }),
  cores: fc.integer({ min: 1, max: 128 }),
  figures: anyFigures,
});

/** Null where the load is more than any election carries. */
function planOrNull(request: Partial<PlanRequest>): Plan | null {
  try {
    return planned(request);
  } catch (error) {
    if (error instanceof NoPlanError) return null;
    throw error;
  }
}

const COUNTS = ["gateways", "partitions", "recorders", "ledgers", "brokers", "connections", "redisMemory"];

describe("whatever the figures are", () => {
  test("a higher peak never takes less of anything", () => {
    const higher = fc.integer({ min: 1, max: 1_000_000 });
    const property = fc.property(anyRequest, higher, (request, more) => {
      const lower = planOrNull(request);
      const larger = planOrNull({ ...request, rps: request.rps + more });
      if (lower === null) return larger === null;
      return larger === null || COUNTS.every((name) => valueIn(larger, name) >= valueIn(lower, name));
    });
    fc.assert(property, { numRuns: 500 });
  });

  test("more voters never take less disk, nor a larger margin fewer processes", () => {
    const property = fc.property(anyRequest, fc.integer({ min: 1, max: 1e9 }), (request, more) => {
      const plan = planOrNull(request);
      const wider = planOrNull({ ...request, voters: request.voters + more });
      const safer = planOrNull({ ...request, margin: request.margin * 1.5 });
      if (plan === null) return wider === null && safer === null;
      const disks = ["brokerDisk", "ledgerDisk", "walInAll"];
      const isWider = disks.every((name) => valueIn(wider!, name) > valueIn(plan, name));
      return (
        isWider && (safer === null || COUNTS.every((name) => valueIn(safer, name) >= valueIn(plan, name)))
      );
    });
    fc.assert(property, { numRuns: 500 });
  });

  test("what is planned carries the peak, also where partitions do not divide evenly", () => {
    const property = fc.property(anyRequest, (request) => {
      const plan = planOrNull(request);
      if (plan === null) return true;
      const { rps, figures } = request;
      const [partitions, ledgers] = [valueIn(plan, "partitions"), valueIn(plan, "ledgers")];
      const busiest = (rps * Math.ceil(partitions / ledgers)) / partitions;
      const recorders = valueIn(plan, "recorders");
      const busiestRecorder = (rps * Math.ceil(partitions / recorders)) / partitions;
      const brokers = valueIn(plan, "brokers") - 1;
      expect(valueIn(plan, "gateways") * 1e6).toBeGreaterThanOrEqual(rps * figures.gatewayMicros.accepted);
      expect(busiest).toBeLessThanOrEqual(figures.ledgerPerSecond);
      expect(busiestRecorder * figures.recorderMicros).toBeLessThanOrEqual(1e6);
      expect(rps / partitions).toBeLessThanOrEqual(figures.partitionPerSecond);
      expect(brokers * valueIn(plan, "brokerCores") * 1e6).toBeGreaterThanOrEqual(rps * figures.brokerMicros);
      expect(valueIn(plan, "brokerCores")).toBeLessThanOrEqual(request.cores);
      return true;
    });
    fc.assert(property, { numRuns: 500 });
  });
});

test("one of anything may be gone, however small the vote", () => {
  const plan = planned({ rps: 1, voters: 1 });
  const counts = ["gateways", "recorders", "admin", "results", "brokers", "ledgers"];
  expect(counts.map((name) => valueIn(plan, name))).toEqual([2, 2, 2, 2, 3, 1]);
});

describe("the path", () => {
  const path = (changes: Partial<PlanRequest>) => planned(changes).path;
  const figures = { ...MEASURED, directPerSecond: 30_000 };

  test("is the direct one exactly as long as one primary carries the peak with its margin", () => {
    expect(path({ path: "auto", rps: 20_000, figures })).toBe("direct");
    expect(path({ path: "auto", rps: 20_001, figures })).toBe("buffered");
    expect(path({ path: "buffered", rps: 1, figures })).toBe("buffered");
  });

  test("can't be the direct one where one primary is not enough, and why is said", () => {
    expect(() => planned({ path: "direct", rps: 20_001, figures })).toThrow(
      "20,001/s × margin 1.5 = 30,002/s, and one primary records 30,000/s directly; say --path buffered",
    );
  });

  test("directly there is one ledger, no log and no recorder, and a connection for each lane", () => {
    const plan = planned({ path: "direct", rps: 1_000 });
    const names = plan.lines.map(({ name }) => name);
    for (const name of ["partitions", "recorders", "brokers", "ledgers", "redisMemory"]) {
      expect(names).not.toContain(name);
    }
    expect(valueIn(plan, "connections")).toBe(10 * (2 + 4) + 2);
    const buffered = planned({ rps: 1_000 });
    expect(valueIn(buffered, "connections")).toBe(10 * (2 + 2 + 4) + 100 * 2);
  });
});

test("more partitions than an election can have are no plan", () => {
  const slow = { ...MEASURED, partitionPerSecond: 1 };
  expect(valueIn(planned({ rps: PARTITIONS_MAX, margin: 1, figures: slow }), "partitions")).toBe(
    PARTITIONS_MAX,
  );
  const words = /it would take 10,001 partitions, .* divide the voters/;
  expect(() => planned({ rps: PARTITIONS_MAX + 1, margin: 1, figures: slow })).toThrow(words);
});

test("a formula shows its numbers, and what was done to the result", () => {
  const figures = { ...MEASURED, gatewayMicros: { direct: 1, accepted: 30.2 } };
  const line = planned({ rps: 100_000, figures }).lines[0]!;
  expect(line).toMatchObject({ name: "gateways", value: 5, amount: "5" });
  expect(line.formula).toBe("100,000/s × margin 1.5 × 30.2 µs = 4.53, rounded up");
  expect(planned({ rps: 1_000, figures }).lines[0]!.formula).toEndWith("= 0.0453, and 2 at least");
});

test("the figures that come with Urna are a figures file", () => {
  expect(figures.parse(JSON.parse(JSON.stringify(MEASURED)))).toEqual(MEASURED);
});
