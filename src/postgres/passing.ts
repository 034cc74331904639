/** Which failures speak of PostgreSQL's state at the moment, and not of what it was asked. */
import pg from "pg";
import { NotDurableError } from "../recording/durability.ts";

/** PostgreSQL can't be asked, has not answered, or its answer may not be relied on: trying again may help. */
export class UnavailableError extends Error {
  readonly code: string = "ledger_unavailable";
}

/**
 * Classes of SQLSTATE (PostgreSQL 18 manual, appendix A): connection, read-only transaction, rollback and deadlock,
 * resources, lock not available, shutdown and start, system error.
 */
const PASSING_CLASSES = new Set(["08", "25", "40", "53", "55", "57", "58"]);

/** Whether trying again may help. Whatever is not known to pass is a bug, and is told as one. */
export function isPassing(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return PASSING_CLASSES.has(error.code?.slice(0, 2) ?? "");
  return error instanceof UnavailableError || error instanceof NotDurableError;
}
