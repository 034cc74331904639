/** The one place that decides whether a transaction's commit may be acknowledged. */
import { UnavailableError } from "./passing.ts";
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

/** What a transaction may take, after which the connection is cut: never cancelled. */
type Bounds = { session: Session; timeoutMs: number };

/**
 * Runs `work` in a transaction of `session` and commits it. `work` must write WAL (any changed row, or
 * pg_logical_emit_message), for a commit that wrote nothing waits for no standby.
 *
 * Never throws. After any outcome but `committed` the session may be unusable. Not retried here: the caller knows
 * whether the work may be repeated.
 */
export function commitDurably<T>(
  session: Session,
  timeoutMs: number,
  work: (session: Session) => Promise<T>,
): Promise<CommitOutcome<T>> {
  return inTime({ session, timeoutMs }, async () => {
    let value: T;
    try {
      // Sent together with the first statement of `work`: one round trip less.
      const [begun, worked] = await Promise.allSettled([session.command("BEGIN"), work(session)]);
      if (begun.status === "rejected") {
        // What `work` went on to send was no transaction's.
        session.destroy();
        throw begun.reason;
      }
      if (worked.status === "rejected") throw worked.reason;
      value = worked.value;
      refuseWarnings(session);
    } catch (error) {
      // No COMMIT was ever sent: whatever became of the connection, the server rolls back.
      await session.command("ROLLBACK").catch(() => session.destroy());
      return { outcome: "not_committed", error: error as Error };
    }
    return committed(session, value, session.command("COMMIT"));
  });
}

/**
 * {@link commitDurably} for work of a single statement, in one round trip: COMMIT is sent right behind it. The
 * server makes a ROLLBACK of it when the statement failed.
 */
export function commitStatement<T>(
  session: Session,
  timeoutMs: number,
  statement: (session: Session) => Promise<T>,
): Promise<CommitOutcome<T>> {
  return inTime({ session, timeoutMs }, async () => {
    const begun = session.command("BEGIN");
    const answered = statement(session);
    const tag = session.command("COMMIT");
    const [, answer, commit] = await Promise.allSettled([begun, answered, tag]);
    if (answer.status === "fulfilled") return committed(session, answer.value, tag);
    const isRolledBack = commit.status === "fulfilled" && commit.value === "ROLLBACK";
    if (isRolledBack) return { outcome: "not_committed", error: answer.reason as Error };
    session.destroy();
    return { outcome: "unknown", error: answer.reason as Error };
  });
}

/** What the answer to COMMIT means. */
async function committed<T>(session: Session, value: T, commit: Promise<string>): Promise<CommitOutcome<T>> {
  try {
    const tag = await commit;
    if (tag !== "COMMIT") return { outcome: "not_committed", error: new Error(`COMMIT answered ${tag}`) };
    refuseWarnings(session);
    return { outcome: "committed", value };
  } catch (error) {
    session.destroy();
    return { outcome: "unknown", error: error as Error };
  }
}

async function inTime<T>(
  { session, timeoutMs }: Bounds,
  attempt: () => Promise<CommitOutcome<T>>,
): Promise<CommitOutcome<T>> {
  const { abandoned } = session.options;
  if (abandoned?.areTooMany) {
    const error = new UnavailableError("too many commits of this process still wait for a standby");
    return { outcome: "not_committed", error };
  }
  let timeout: UnavailableError | undefined;
  const timer = setTimeout(() => {
    timeout = new UnavailableError(`no answer from PostgreSQL within ${timeoutMs} ms`);
    session.destroy();
  }, timeoutMs);
  session.takeWarnings();
  try {
    const result = await attempt();
    if (result.outcome === "unknown") abandoned?.add();
    return result.outcome === "committed" || timeout === undefined ? result : { ...result, error: timeout };
  } finally {
    clearTimeout(timer);
  }
}

function refuseWarnings(session: Session): void {
  const warnings = session.takeWarnings();
  if (warnings.length === 0) return;
  throw new UnavailableError(
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
  throw new UnavailableError(`the outcome is unknown, doing it again is safe: ${result.error.message}`, {
    cause: result.error,
  });
}
