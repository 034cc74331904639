/** The gate's own commits: the only honest way to know that a standby confirms what is written is to write. */
import pg from "pg";
import type { DurabilityCheck } from "../recording/durability.ts";
import { afterSilence } from "../runtime/silence.ts";
import { UnavailableError } from "./passing.ts";
import { cutAfter, Session, type SessionOptions } from "./session.ts";

/** What PostgreSQL calls the sessions that commit for the gate, one of each process. */
export const GATE_COMMITS = "urna gate commits";

export type GateCommitOptions = Omit<SessionOptions, "applicationName"> & {
  connectionString: string;
  /** A commit that takes longer is not confirmed; it is waited for all the same. */
  timeoutMs: number;
};

type Answer = "confirmed" | "lost" | { refused: string };

const CHECK = {
  check: "a standby confirms a commit",
  mend: "see on the primary, in pg_stat_replication, which standby does not flush; start it, thaw it, or mend its disk or network",
};

const CONFIRMED: DurabilityCheck = { ...CHECK, ok: true, found: "in time" };

export function notConfirmed(found: string): DurabilityCheck {
  return { ...CHECK, ok: false, found };
}

/**
 * Makes one tiny commit at a time, on a session of its own. A commit without an answer is never cancelled, and no other
 * one is made while its server process still waits: however long no standby confirms, this takes one connection.
 * Not for concurrent use.
 */
export class GateCommit implements AsyncDisposable {
  private session: Session | undefined;
  private isClosed = false;
  /** The commit that has no answer yet, and the server process that makes it. */
  private open: { backend: number; answer: Promise<Answer> } | undefined;
  private readonly options: GateCommitOptions & SessionOptions;

  constructor(options: GateCommitOptions) {
    this.options = { ...options, applicationName: GATE_COMMITS };
  }

  /**
   * Whether a standby confirms a commit. Never throws. Known within `timeoutMs` and five times `connectTimeoutMs`: two to
   * find the primary before the commit and two after it, one to ask there whether it still waits.
   */
  confirm(): Promise<DurabilityCheck> {
    return this.outcome().catch((error: Error) => notConfirmed(`(none could be made: ${error.message})`));
  }

  /** Once disposed of it connects no more; a commit without an answer is left to its server process. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
    await this.session?.[Symbol.asyncDispose]();
  }

  private async outcome(): Promise<DurabilityCheck> {
    this.open ??= await this.begin();
    const { backend, answer } = this.open;
    let heard = () => {};
    const late = new Promise<"late">((resolve) => {
      heard = afterSilence(this.options.timeoutMs, () => resolve("late"));
    });
    const outcome = await Promise.race([answer, late]);
    heard();
    const isOpen = (outcome === "late" || outcome === "lost") && (await this.stillWaits(backend));
    if (isOpen) return notConfirmed("(none in time)");
    this.open = undefined;
    if (outcome === "confirmed") return CONFIRMED;
    // Whatever that server still says is of no use: the next commit is made wherever the primary is then.
    this.session?.destroy();
    return notConfirmed(typeof outcome === "string" ? "(none in time)" : `(refused: ${outcome.refused})`);
  }

  private async begin() {
    const session = await this.connected();
    const confirmed = this.options.abandoned?.beforeCommit();
    session.takeWarnings();
    const sent = session.query({ text: "SELECT pg_logical_emit_message(true, 'urna', 'gate')" });
    const answer = sent.then(
      (): Answer => {
        const [warning] = session.takeWarnings();
        if (warning !== undefined) return { refused: `WARNING ${warning.sqlState}: ${warning.message}` };
        confirmed?.();
        return "confirmed";
      },
      (error): Answer => (error instanceof pg.DatabaseError ? { refused: error.message } : "lost"),
    );
    return { backend: session.backend, answer };
  }

  private async connected(): Promise<Session> {
    if (this.session?.usable) return this.session;
    const session = await Session.openPrimary(this.options.connectionString, this.options);
    if (this.isClosed) {
      session.destroy();
      throw new UnavailableError("the ledger is being left");
    }
    this.session = session;
    return session;
  }

  /** Asked of the primary, which may be another one by now; where nobody can be asked it may well. */
  private async stillWaits(backend: number): Promise<boolean> {
    try {
      const options = { ...this.options, applicationName: "urna gate" };
      const session = await Session.openPrimary(options.connectionString, options);
      try {
        const asked = session.query({ text: STILL_WAITS }, [backend, GATE_COMMITS]);
        return (await cutAfter(session, this.options.connectTimeoutMs, asked)).length > 0;
      } finally {
        session.destroy();
      }
    } catch {
      return true;
    }
  }
}

const STILL_WAITS = `
  SELECT pid FROM pg_stat_activity WHERE pid = $1 AND application_name = $2 AND state = 'active'`;
