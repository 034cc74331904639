/** What a validator finds, in words for people. Its own are for those who wrote the shape. */
import type { z } from "zod";

type Issue = z.core.$ZodRawIssue;

const KINDS: Record<string, string> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object with named fields",
};

const FIELD_CHARACTERS_MAX = 40;

/** For zod's `error` parameter. A shape's own words go before these. */
export function shapeFault(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      if (issue.input === undefined) return "it is missing";
      return `it must be ${KINDS[issue.expected] ?? issue.expected}`;
    case "too_small":
      if (isNumber(issue.origin)) {
        const least = issue.inclusive === false ? "more than" : "at least";
        return `it must be ${least} ${issue.minimum.toLocaleString("en-US")}`;
      }
      return issue.minimum === 1
        ? "it must not be empty"
        : `it must have at least ${bound(issue, issue.minimum)}`;
    case "too_big":
      if (isNumber(issue.origin)) return `it must be at most ${issue.maximum.toLocaleString("en-US")}`;
      return `it must have at most ${bound(issue, issue.maximum)}`;
    case "invalid_value":
      return `it must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
    case "invalid_format":
      return issue.format === "datetime"
        ? "it must be a time with its zone, like 2026-05-09T20:15:00Z"
        : "it is not written as it must be";
    case "unrecognized_keys":
      return `there is no field ${issue.keys.map((key) => JSON.stringify(key.slice(0, FIELD_CHARACTERS_MAX))).join(", ")}`;
    default:
      return "it is not as it must be";
  }
}

function isNumber(origin: string): boolean {
  return origin === "number" || origin === "int";
}

/** Of texts and lists. */
function bound({ origin }: Issue & { origin: string }, most: number | bigint): string {
  return `${most.toLocaleString("en-US")} ${origin === "string" ? "characters" : "entries"}`;
}
