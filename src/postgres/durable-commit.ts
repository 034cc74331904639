/** The one place that decides whether a transaction's commit may be acknowledged. */
import type { Session } from "./session.ts";

/**
 * - `committed`: the primary and a synchronous standby have it; it may be acknowledged.
 * - `not_committed`: it has had no effect and never will.
 * - `unknown`: it may be committed, here only, everywhere, or later (PostgreSQL 18 manual, 19.6.1; a cancelled or
 *   terminated synchronous wait answers a WARNING and then an ordinary success).
 */
export type CommitOutcome<T> =
  | { outcome: "committed"; value: T }
  | { outcome: "not_committed"; error: Error }
  | { outcome: "unknown"; error: Error };

/** A WARNING arrived where only an unconditional success may be acknowledged. */
export class CommitWarningError extends Error {
  readonly code = "commit_warning";
}

/** The transaction took longer than it may. */
export class CommitTimeoutError extends Error {
  readonly code = "commit_timeout";
}

/**
 * Runs `work` in a transaction of `session` and commits it. `work` must write WAL (any changed row, or
 * pg_logical_emit_message), for a commit that wrote nothing waits for no standby.
 *
 * Never throws. After `timeoutMs` the connection is cut, never cancelled; after any outcome but `committed` the
 * session may be unusable. Not retried here: the caller knows whether the work may be repeated.
 */
export async function commitDurably<T>(
  session: Session,
  timeoutMs: number,
  work: (session: Session) => Promise<T>,
): Promise<CommitOutcome<T>> {
  let timeout: CommitTimeoutError | undefined;
  const timer = setTimeout(() => {
    timeout = new CommitTimeoutError(`no answer from PostgreSQL within ${timeoutMs} ms`);
    session.destroy();
  }, timeoutMs);
  try {
    return await attempt(session, work, () => timeout);
  } finally {
    clearTimeout(timer);
  }
}

async function attempt<T>(
  session: Session,
  work: (session: Session) => Promise<T>,
  timeout: () => Error | undefined,
): Promise<CommitOutcome<T>> {
  let value: T;
  session.takeWarnings();
  try {
    // Sent together with the first statement of `work`: one round trip less.
    const begun = session.command("BEGIN");
    [, value] = await Promise.all([begun, work(session)]);
    refuseWarnings(session);
  } catch (error) {
    // No COMMIT was ever sent: whatever became of the connection, the server rolls back.
    await session.command("ROLLBACK").catch(() => session.destroy());
    return { outcome: "not_committed", error: timeout() ?? (error as Error) };
  }
  try {
    const tag = await session.command("COMMIT");
    if (tag !== "COMMIT") return { outcome: "not_committed", error: new Error(`COMMIT answered ${tag}`) };
    refuseWarnings(session);
    return { outcome: "committed", value };
  } catch (error) {
    session.destroy();
    return { outcome: "unknown", error: timeout() ?? (error as Error) };
  }
}

function refuseWarnings(session: Session): void {
  const warnings = session.takeWarnings();
  if (warnings.length === 0) return;
  throw new CommitWarningError(
    warnings.map(({ sqlState, message }) => `WARNING ${sqlState}: ${message}`).join("; "),
  );
}

/** {@link commitDurably} for callers to whom anything but `committed` is an error to report. */
export async function commitOrThrow<T>(
  session: Session,
  timeoutMs: number,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const result = await commitDurably(session, timeoutMs, work);
  if (result.outcome === "committed") return result.value;
  if (result.outcome === "not_committed") throw result.error;
  throw new Error(`the outcome is unknown, doing it again is safe: ${result.error.message}`, {
    cause: result.error,
  });
}
