/** The shapes of administration calls' bodies; the contract's schemas are made from them too. */
import { z } from "zod";
import { voterIdFault } from "../admission/voter-id.ts";
import { EXPIRES_AT_MS_MAX } from "../admission/voter-token.ts";
import { VOTERS_PER_CALL_MAX } from "../election/election.ts";
import { PUBLIC_ID } from "../election/public-id.ts";

const OPTIONS_MAX = 1_000;
const PARTITIONS_MAX = 10_000;

const id = z
  .string()
  .regex(PUBLIC_ID, "an id has 1 to 64 of a-z, 0-9 and -, and does not begin with -")
  .describe("chosen by the client, which makes the call safe to repeat; drawn when absent");

const WELL_FORMED = "it must be well-formed Unicode without NUL";

/** PostgreSQL's text takes neither NUL nor half of a surrogate pair. */
const title = z
  .string()
  .trim()
  .min(1)
  .max(500)
  .refine((text) => text.isWellFormed() && !text.includes("\0"), { message: WELL_FORMED });

/** ISO 8601 with a zone; milliseconds since the epoch once read. */
const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

/** An origin as browsers send it: scheme, host and port, nothing behind. */
const origin = z.string().refine((text) => URL.canParse(text) && new URL(text).origin === text, {
  message: "an origin is scheme://host or scheme://host:port",
});

export const nothing = z.strictObject({});

const buffering = z
  .strictObject({
    partitions: z.int().min(1).max(PARTITIONS_MAX).optional(),
    ledgers: z.array(z.string()).min(1).max(128).optional(),
  })
  .describe(
    "through Kafka: ballots are answered 202 accepted, and recorded a moment later; can't be changed",
  );

export const election = z
  .strictObject({
    id: id.optional(),
    title,
    allowedOrigins: z.array(origin).max(100).default([]),
    buffering: buffering.optional(),
  })
  .transform(({ id, buffering, ...others }) => ({
    ...others,
    ...(id === undefined ? {} : { id }),
    ...(buffering === undefined ? {} : { buffering }),
  }));

export const contest = z
  .strictObject({
    id: id.optional(),
    title,
    method: z.literal("single-choice").default("single-choice"),
    options: z
      .array(title)
      .min(1)
      .max(OPTIONS_MAX)
      .refine((titles) => new Set(titles).size === titles.length, {
        message: "two options have the same title",
      }),
    allowBlank: z.boolean().default(false),
    resultsVisible: z.enum(["live", "final"]).default("live"),
    opensAt: instant.nullish(),
    closesAt: instant.nullish(),
  })
  .refine(({ opensAt, closesAt }) => closesAt == null || opensAt == null || closesAt > opensAt, {
    message: "it must close after it opens",
    path: ["closesAt"],
  })
  .transform(({ id, opensAt, closesAt, ...others }) => ({
    ...others,
    ...(id === undefined ? {} : { id }),
    opensAtMs: opensAt ?? null,
    closesAtMs: closesAt ?? null,
  }));

const voterId = z
  .string()
  .min(1)
  .check(({ value, issues }) => {
    // That of an empty one is told already, by what the contract shows.
    const fault = value === "" ? null : voterIdFault(value);
    if (fault !== null) issues.push({ code: "custom", message: fault, input: value });
  });

export const voterTokens = z.strictObject({
  voters: z.array(voterId).min(1).max(VOTERS_PER_CALL_MAX),
  expiresAt: instant
    .refine((ms) => ms <= EXPIRES_AT_MS_MAX, { message: "a token can't expire later than 2106-02-07" })
    .optional(),
});

export const extend = z.strictObject({ closesAt: instant });

export const declareVoid = z.strictObject({ reason: title });
