/** The shapes that the contract's calls take and answer, as JSON Schema (draft 2020-12). */
import { z } from "zod";
import * as shapes from "../contests/shapes.ts";
import { PROBLEMS } from "../runtime/problem.ts";

export type JsonSchema = { [keyword: string]: unknown };

/** What a caller sends, before defaults and conversions. */
function sent(shape: z.ZodType): JsonSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, {
    io: "input",
    // The format says it, and zod's pattern is four lines long.
    override: ({ jsonSchema }) => {
      if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
    },
  });
  return schema;
}

export const ref = (name: keyof typeof SCHEMAS): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

const text = { type: "string" };
const whole = { type: "integer", minimum: 0 };
const time = { type: "string", format: "date-time", description: "UTC, with milliseconds" };
const orNull = (schema: JsonSchema) => ({ anyOf: [schema, { type: "null" }] });
const state = { enum: ["draft", "scheduled", "open", "closing", "final"] };
const voided = orNull(object({ at: time, reason: text }));
const selections = {
  type: "array",
  items: { type: "integer", minimum: 1 },
  description: "option numbers; none is a blank ballot",
};

/** Base64url without padding of that many bytes. */
function bytes(count: number): JsonSchema {
  return { type: "string", pattern: `^[A-Za-z0-9_-]{${Math.ceil((count * 4) / 3)}}$` };
}

/** Every property is required, but for those named. */
function object(properties: Record<string, JsonSchema>, optional: string[] = []): JsonSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required, additionalProperties: false };
}

export const SCHEMAS = {
  Ballot: object({ selections, nonce: { ...bytes(16), description: "chosen by the voter" } }, ["nonce"]),
  Receipt: object(
    {
      contest: { type: "string", format: "uuid" },
      leaf: { ...bytes(32), description: "SHA-256 commitment to contest, selections and nonce" },
      nonce: bytes(16),
      selections,
      stream: whole,
      seq: whole,
      index: whole,
      recordedAt: time,
      durability: { const: "override", description: "the ballot may not be on a standby" },
    },
    ["durability"],
  ),
  AcceptedReceipt: object({
    contest: { type: "string", format: "uuid" },
    leaf: { ...bytes(32), description: "SHA-256 commitment to contest, selections and nonce" },
    nonce: bytes(16),
    selections,
    partition: { ...whole, description: "of the election's topic" },
    offset: { ...whole, description: "of the ballot's record in that partition" },
    acceptedAt: time,
  }),
  RecordedBallot: object({
    status: { const: "recorded" },
    receipt: { $ref: "#/components/schemas/Receipt" },
  }),
  AcceptedBallot: object({
    status: { const: "accepted" },
    receipt: { $ref: "#/components/schemas/AcceptedReceipt" },
  }),
  AnyReceipt: {
    anyOf: [{ $ref: "#/components/schemas/Receipt" }, { $ref: "#/components/schemas/AcceptedReceipt" }],
  },
  Verification: object(
    {
      status: { enum: ["recorded", "accepted", "duplicate", "rejected", "unknown_receipt"] },
      receipt: {
        $ref: "#/components/schemas/Receipt",
        description: "of an accepted ballot that has been recorded",
      },
      reason: text,
    },
    ["receipt", "reason"],
  ),
  Contest: object({
    id: text,
    uuid: { type: "string", format: "uuid" },
    election: text,
    buffered: {
      type: "boolean",
      description: "whether ballots are accepted first, and recorded a moment later",
    },
    title: text,
    method: { const: "single-choice" },
    options: { type: "array", items: object({ number: { type: "integer", minimum: 1 }, title: text }) },
    allowBlank: { type: "boolean" },
    resultsVisible: { enum: ["live", "final"] },
    opensAt: orNull(time),
    closesAt: orNull(time),
    state,
    paused: { type: "boolean" },
    void: voided,
  }),
  Contests: object({ contests: { type: "array", items: { $ref: "#/components/schemas/Contest" } } }),
  Results: object(
    {
      contest: { type: "string", format: "uuid" },
      state,
      paused: { type: "boolean" },
      void: voided,
      turnout: { ...whole, description: "ballots so far" },
      asOf: time,
      final: { type: "boolean" },
      delayed: { const: true, description: "ballots that were recorded since asOf may be missing" },
      ballots: { ...whole, description: "blank and all votes; absent while choices are hidden" },
      blank: whole,
      counts: { type: "array", items: object({ option: { type: "integer", minimum: 1 }, votes: whole }) },
    },
    ["delayed", "ballots", "blank", "counts"],
  ),
  Election: object({
    id: text,
    uuid: { type: "string", format: "uuid" },
    title: text,
    allowedOrigins: { type: "array", items: text },
    buffering: {
      ...orNull(
        object({
          partitions: { type: "integer", minimum: 1 },
          ledgers: {
            type: "array",
            items: text,
            description: "partition p's is the one at p mod their count",
          },
        }),
      ),
      description: "null when ballots are recorded directly",
    },
  }),
  VoterTokens: object({ tokens: { type: "array", items: text } }),
  Liveness: object({ status: { const: "alive" } }),
  Readiness: object({
    status: { enum: ["ready", "not_ready"] },
    reasons: { type: "array", items: object({ check: text, found: text, mend: text }) },
  }),
  NewElection: sent(shapes.election),
  NewContest: sent(shapes.contest),
  VotersToMint: sent(shapes.voterTokens),
  Extension: sent(shapes.extend),
  Voiding: sent(shapes.declareVoid),
  Problem: object({
    type: { type: "string", format: "uri" },
    code: { enum: Object.keys(PROBLEMS), description: "stable; branch on this and on nothing else" },
    title: text,
    status: whole,
    detail: { type: "string", description: "for people" },
  }),
} satisfies Record<string, JsonSchema>;
