/** An election: what an organiser runs; its contests share their voters' tokens. */
import type { Buffering } from "./buffering.ts";

export type Election = {
  uuid: string;
  /** The public id used in URLs: a short slug, or the uuid. */
  id: string;
  title: string;
  /** Of the election's pepper; minting with another pepper would give every voter a second key. */
  pepperFingerprint: Buffer;
  /** Origins of other sites whose pages may cast ballots and read results (CORS). */
  allowedOrigins: string[];
  /** Null when ballots are recorded directly. */
  buffering: Buffering | null;
};

/** How many voters' tokens one call mints at most. */
export const VOTERS_PER_CALL_MAX = 10_000;
