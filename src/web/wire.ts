/** What the pages and the gateway say to each other: the JSON of HTTP contract v1, as far as the pages read it. */

/** Turnout at past instants, oldest first: the last one at `endsAt`, the others `intervalMs` apart. */
export type WireHistory = { intervalMs: number; endsAt: string; turnout: number[] };

/** A problem details object (RFC 9457) with Urna's stable `code`. */
export type WireProblem = {
  code: string;
  title?: string;
  /** One sentence for people, without a capital. */
  detail?: string;
};

/** Narrows parsed JSON of unknown shape to an object whose members can be looked at. */
export function asObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
