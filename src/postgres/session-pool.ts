/** A bounded set of sessions to the primary, shared by everything that is not a lane. */
import { UnavailableError } from "./passing.ts";
import { Session, type SessionOptions } from "./session.ts";

export type SessionPoolOptions = SessionOptions & {
  connectionString: string;
  sessionsMax: number;
  waitingMax: number;
};

/**
 * At most `sessionsMax` sessions; callers beyond them wait in order, at most `waitingMax` of them. A session that
 * broke, or whose work failed, is not used again: the next caller finds the primary anew, wherever it is by then.
 * Once disposed of it opens none: work that is under way ends, and its session with it.
 */
export class SessionPool implements AsyncDisposable {
  private readonly idle: Session[] = [];
  private readonly waiting: (() => void)[] = [];
  private open = 0;
  private isClosed = false;

  constructor(private readonly options: SessionPoolOptions) {}

  /** Throws {@link UnavailableError}, or what `work` throws. */
  async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    await this.admit();
    try {
      const session = await this.take();
      let reusable = false;
      try {
        const result = await work(session);
        reusable = session.usable;
        return result;
      } finally {
        if (reusable && !this.isClosed) this.idle.push(session);
        else session.destroy();
      }
    } finally {
      this.leave();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
    await Promise.all(this.idle.splice(0).map((session) => session[Symbol.asyncDispose]()));
  }

  private async admit(): Promise<void> {
    if (this.open < this.options.sessionsMax) {
      this.open++;
      return;
    }
    if (this.waiting.length >= this.options.waitingMax) {
      throw new UnavailableError(`more than ${this.options.waitingMax} callers wait for PostgreSQL`);
    }
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** Hands this place to the caller that has waited longest. */
  private leave(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.open--;
    else next();
  }

  private async take(): Promise<Session> {
    for (let session = this.idle.pop(); session !== undefined; session = this.idle.pop()) {
      if (session.usable) return session;
    }
    if (this.isClosed) throw new UnavailableError("the ledger is being left");
    const session = await Session.openPrimary(this.options.connectionString, this.options);
    if (!this.isClosed) return session;
    session.destroy();
    throw new UnavailableError("the ledger is being left");
  }
}
