/** A session: one connection to the primary, with the settings that acknowledging needs, and its warnings kept. */
import type { Duplex } from "node:stream";
import pg from "pg";
import type { DurabilityCheck } from "../recording/durability.ts";
import { afterSilence } from "../runtime/silence.ts";
import { withinTime } from "../runtime/within-time.ts";
import type { AbandonedCommits } from "./abandoned-commits.ts";
import { hostName, hostUrls } from "./connection-string.ts";
import { UnavailableError } from "./passing.ts";

// int8 holds sequence numbers and counts, all far below 2^53.
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, Number);

/** Longer than any transaction that is still cared for is left waiting for its next statement. */
const IDLE_IN_TRANSACTION_MS_MAX = 5_000;

/** A notice of the server. Its severity is not kept: the field that the driver gives is translated text. */
export type Warning = { sqlState: string; message: string };

export type SessionOptions = {
  applicationName: string;
  /** How long connecting may take before the host counts as gone. */
  connectTimeoutMs: number;
  /** How long a statement waits for another transaction's lock: always safe, since it is before a commit. */
  lockTimeoutMs: number;
  /** What the durability gate finds wrong with the cluster as a whole now; without it only settings are judged. */
  gateFaults?: () => readonly DurabilityCheck[];
  /** Go on although the durability gate refuses; every block and receipt made meanwhile says so. */
  overrideGate?: boolean;
  /** Where commits that were abandoned are counted; past their bound none begins. */
  abandoned?: AbandonedCommits;
  /** Sessions that are open or being opened; each takes itself out when it is closed. */
  attached?: Set<Session>;
  /** Throws where this is another database than the one that is meant; asked of every primary, before anything else. */
  verify?: (session: Session) => Promise<void>;
  /** Keep the server's own synchronous_commit: for asking what it is, never for acknowledging. */
  asConfigured?: boolean;
};

export type Statement = { name?: string; text: string };

/** Not a single host of the connection string is a primary that answers. */
export class NoPrimaryError extends UnavailableError {
  override readonly code = "no_primary";
}

/** A server that is frozen or cut off never closes a connection. */
const CLOSE_TIMEOUT_MS = 1_000;

export class Session implements AsyncDisposable {
  /** Warnings not yet taken; a bounded transaction takes them before it is acknowledged. */
  private warnings: Warning[] = [];
  private isClosed = false;

  private constructor(
    private readonly client: pg.Client,
    readonly host: string,
    readonly options: SessionOptions,
  ) {
    // With client_min_messages=warning whatever still arrives is a warning, in every language.
    client.on("notice", ({ code, message }) => {
      this.warnings.push({ sqlState: code ?? "", message: message ?? "" });
    });
    client.on("error", () => this.closed());
    client.on("end", () => this.closed());
    options.attached?.add(this);
  }

  get usable(): boolean {
    return !this.isClosed;
  }

  /** The process id of the server process that serves this session. */
  get backend(): number {
    // The declared types leave it out.
    return (this.client as unknown as { processID: number }).processID;
  }

  /**
   * Runs one statement; several may be under way, they are answered in order. Throws pg's DatabaseError, or
   * {@link UnavailableError} when the connection is lost.
   */
  async query<Row extends object>(statement: Statement, values: unknown[] = []): Promise<Row[]> {
    return (await this.send({ ...statement, values })).rows as Row[];
  }

  /** Like {@link query}, for the command tag: a COMMIT of a failed transaction answers ROLLBACK without an error. */
  async command(text: string): Promise<string> {
    return (await this.send({ text })).command;
  }

  private async send(statement: pg.QueryConfig): Promise<pg.QueryResult> {
    try {
      return await this.client.query(statement);
    } catch (error) {
      if (error instanceof pg.DatabaseError || this.usable) throw error;
      throw new UnavailableError(`lost ${this.host}: ${(error as Error).message}`, { cause: error });
    }
  }

  /** The warnings since the last call. */
  takeWarnings(): Warning[] {
    const taken = this.warnings;
    this.warnings = [];
    return taken;
  }

  /** Cuts the connection at once; whatever is under way fails. Never sends a cancel. */
  destroy(): void {
    this.closed();
    // The declared types leave the socket out.
    (this.client as unknown as { connection: { stream: Duplex } }).connection.stream.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isClosed) return;
    this.closed();
    const late = () => new UnavailableError("not closed in time");
    await withinTime(this.client.end(), CLOSE_TIMEOUT_MS, late).catch(() => this.destroy());
  }

  private closed(): void {
    this.isClosed = true;
    this.options.attached?.delete(this);
  }

  /** Connects to one host, whatever its part in the cluster. */
  static async openHost(url: string, options: SessionOptions): Promise<Session> {
    const client = new pg.Client({
      connectionString: url,
      application_name: options.applicationName,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
      pipeline: true,
      types,
      // Set by us and not hoped for: a role's or database's default could lower any of them.
      options: [
        ...(options.asConfigured ? [] : ["synchronous_commit=on"]),
        "client_min_messages=warning",
        "statement_timeout=0",
        "default_transaction_isolation=read\\ committed",
        `lock_timeout=${options.lockTimeoutMs}`,
        // Whoever freezes in a transaction holds its locks, and so every seal of the contest that it read.
        `idle_in_transaction_session_timeout=${IDLE_IN_TRANSACTION_MS_MAX}`,
      ]
        .map((setting) => `-c ${setting}`)
        .join(" "),
    });
    const session = new Session(client, hostName(url), options);
    try {
      await cutAfter(session, options.connectTimeoutMs, client.connect());
    } catch (error) {
      session.destroy();
      throw error;
    }
    return session;
  }

  /**
   * Connects to the primary: every host is asked at once whether it is in recovery, and the first that is not
   * is taken. Throws {@link NoPrimaryError} with every host's reason.
   */
  static async openPrimary(connectionString: string, options: SessionOptions): Promise<Session> {
    const attempts = hostUrls(connectionString).map((url) => openIfPrimary(url, options));
    try {
      const session = await Promise.any(attempts);
      for (const attempt of attempts) {
        attempt.then((other) => other !== session && other.destroy()).catch(() => undefined);
      }
      return session;
    } catch (error) {
      const reasons = (error as AggregateError).errors.map((reason: Error) => reason.message);
      throw new NoPrimaryError(`no PostgreSQL primary answers: ${reasons.join("; ")}`, { cause: error });
    }
  }
}

/**
 * What `work` on the session settles to; after `timeoutMs` of silence, as {@link afterSilence} counts it, the connection
 * is cut and it throws {@link UnavailableError}: a server that is cut off from the network answers nothing at all.
 */
export async function cutAfter<T>(session: Session, timeoutMs: number, work: Promise<T>): Promise<T> {
  let isLate = false;
  const heard = afterSilence(timeoutMs, () => {
    isLate = true;
    session.destroy();
  });
  try {
    return await work;
  } catch (error) {
    if (!isLate) throw error;
    throw new UnavailableError(`no answer from PostgreSQL within ${timeoutMs} ms`, { cause: error });
  } finally {
    heard();
  }
}

/**
 * Cuts all that are attached to another host, or are being opened to one: a server that is silent would keep each until
 * its time-out. A commit that is under way has an unknown outcome then, and is resolved as after any lost connection.
 */
export function cutAllBut(host: string, attached: ReadonlySet<Session>): void {
  for (const session of attached) if (session.host !== host) session.destroy();
}

async function openIfPrimary(url: string, options: SessionOptions): Promise<Session> {
  let session: Session;
  try {
    session = await Session.openHost(url, options);
  } catch (error) {
    throw new Error(`${hostName(url)}: ${(error as Error).message || (error as { code?: string }).code}`, {
      cause: error,
    });
  }
  try {
    const asked = session.query<{ standby: boolean }>({ text: "SELECT pg_is_in_recovery() AS standby" });
    const [row] = await cutAfter(session, options.connectTimeoutMs, asked);
    if (row?.standby !== false) throw new Error("is a standby");
    if (options.verify) await cutAfter(session, options.connectTimeoutMs, options.verify(session));
    return session;
  } catch (error) {
    session.destroy();
    throw new Error(`${hostName(url)}: ${(error as Error).message}`, { cause: error });
  }
}
