/** What may happen to gateways and their ledger, and in which order: what the properties are tried on. */
import fc from "fast-check";
import type { Fate } from "../recording/simulated-connection.ts";

export const VOTERS = 5;
export const CONTESTS = 2;

type What =
  | {
      what: "cast";
      gateway: number;
      voter: number;
      contest: number;
      selection: number;
      /** `again`: what the voter cast last in this contest, if anything. `anonymous`: without a nonce of the client's. */
      ballot: "new" | "again" | "anonymous";
      patienceMs: number;
    }
  | { what: "seal"; contest: number; replicatesMs: number }
  /** Another writer takes the stream over, or its next place. */
  | { what: "fence" | "intrude"; stream: number; voter: number; contest: number }
  | { what: "restart" | "fail_over" | "freeze" | "thaw" | "shut" | "open" };

export type Step = { afterMs: number } & What;

export type Schedule = {
  gateways: number;
  /** In each gateway. */
  lanes: number;
  batchBallotsMax: number;
  steps: Step[];
  /** Of the calls to the ledger, in their order; when they are used up, the rest goes smoothly. */
  fates: Fate[];
  /** In place of Math.random(), again and again. */
  jitter: number[];
};

const below = (end: number) => fc.nat({ max: end - 1 });

/** Mostly soon; sometimes past time-outs and deadlines. */
const DELAY_MS = fc.oneof(
  { weight: 6, arbitrary: below(20) },
  { weight: 2, arbitrary: below(400) },
  { weight: 1, arbitrary: below(3_000) },
);

/** Mostly late: only what the standby does not have yet can be lost in a failover. */
const REPLICATES_MS = fc.oneof(below(20), below(400), below(3_000));

const FATE: fc.Arbitrary<Fate> = fc.record({
  does: fc.oneof(
    { weight: 5, arbitrary: fc.constant("works" as const) },
    { weight: 1, arbitrary: fc.constantFrom("refuses" as const, "is_lost" as const) },
  ),
  arrivesMs: DELAY_MS,
  replicatesMs: REPLICATES_MS,
  answersMs: DELAY_MS,
  cutMs: fc.oneof(
    { weight: 3, arbitrary: fc.constant(Number.POSITIVE_INFINITY) },
    { weight: 1, arbitrary: below(40) },
  ),
});

const CAST: fc.Arbitrary<What> = fc.record({
  what: fc.constant("cast" as const),
  gateway: below(3),
  voter: below(VOTERS),
  contest: below(CONTESTS),
  selection: fc.integer({ min: 1, max: 2 }),
  ballot: fc.constantFrom("new" as const, "again" as const, "anonymous" as const),
  patienceMs: fc.oneof(fc.constantFrom(0, 150, 2_000), below(1_500)),
});

const EVENT: fc.Arbitrary<What> = fc.oneof(
  fc.record({ what: fc.constant("seal" as const), contest: below(CONTESTS), replicatesMs: REPLICATES_MS }),
  fc.record({
    what: fc.constantFrom("fence" as const, "intrude" as const),
    stream: below(6),
    voter: below(VOTERS),
    contest: below(CONTESTS),
  }),
  fc.record({
    what: fc.constantFrom(
      ...(["restart", "fail_over", "fail_over", "freeze", "thaw", "shut", "open"] as const),
    ),
  }),
);

const step = (what: fc.Arbitrary<What>): fc.Arbitrary<Step> =>
  fc.tuple(DELAY_MS, what).map(([afterMs, rest]) => ({ afterMs: afterMs % 500, ...rest }));

const STEP = step(fc.oneof({ weight: 3, arbitrary: CAST }, { weight: 1, arbitrary: EVENT }));

/** The standby falls behind, things go on, and then the primary is gone: rare, if it were left to chance. */
const CALAMITY: fc.Arbitrary<Step[]> = fc
  .tuple(
    step(fc.constant({ what: "freeze" })),
    fc.array(STEP, { minLength: 1, maxLength: 5 }),
    step(fc.constantFrom({ what: "fail_over" }, { what: "restart" })),
  )
  .map(([freeze, meanwhile, end]) => [freeze, ...meanwhile, end, { afterMs: 50, what: "thaw" }]);

const STEPS = fc
  .array(fc.oneof({ weight: 6, arbitrary: STEP.map((one) => [one]) }, { weight: 1, arbitrary: CALAMITY }), {
    minLength: 1,
    maxLength: 20,
    size: "max",
  })
  .map((parts) => parts.flat());

export const SCHEDULES: fc.Arbitrary<Schedule> = fc.record({
  gateways: fc.integer({ min: 1, max: 3 }),
  lanes: fc.integer({ min: 1, max: 2 }),
  batchBallotsMax: fc.integer({ min: 1, max: 4 }),
  steps: STEPS,
  fates: fc.array(FATE, { maxLength: 40, size: "max" }),
  jitter: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 3 }),
});
