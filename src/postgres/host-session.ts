/** A session to one host, whatever its part in the cluster, that questions share. */
import type { Clock } from "../runtime/clock.ts";
import { afterSilence } from "../runtime/silence.ts";
import { UnavailableError } from "./passing.ts";
import { Session, type SessionOptions } from "./session.ts";

export type HostSessionOptions = SessionOptions & {
  clock: Clock;
  /**
   * Past that age it connects anew for the next question: what the host's name stands for and the settings of roles and
   * databases come with a connection. One costs as much as thirty questions
   * (docs/decisions/0014-what-the-gate-asks.md).
   */
  keptMsMax: number;
};

/** Not for concurrent use. Disposing of it ends the question that is under way, and no other one is asked. */
export class HostSession implements Disposable {
  private session: Session | undefined;
  private openedAtMs = Number.NEGATIVE_INFINITY;
  private isClosed = false;

  constructor(
    private readonly url: string,
    private readonly options: HostSessionOptions,
  ) {}

  /** Connecting and all within `connectTimeoutMs`; throws {@link UnavailableError}: why there is no answer. */
  async ask<Answer>(question: (session: Session) => Promise<Answer>): Promise<Answer> {
    const { connectTimeoutMs } = this.options;
    let isLate = false;
    const heard = afterSilence(connectTimeoutMs, () => {
      isLate = true;
      this.cut();
    });
    try {
      const session = await this.connected();
      if (isLate) throw new Error("connected too late");
      return await question(session);
    } catch (error) {
      // Whatever went wrong may be the connection's fault.
      this.cut();
      const { message, code } = error as Error & { code?: string };
      const reason = isLate ? `no answer from PostgreSQL within ${connectTimeoutMs} ms` : message || code;
      throw new UnavailableError(reason, { cause: error });
    } finally {
      heard();
    }
  }

  [Symbol.dispose](): void {
    this.isClosed = true;
    this.cut();
  }

  private async connected(): Promise<Session> {
    const { clock, keptMsMax } = this.options;
    const nowMs = clock.steadyMs();
    if (this.session?.usable && nowMs - this.openedAtMs < keptMsMax) return this.session;
    this.cut();
    this.expectOpen();
    this.session = await Session.openHost(this.url, { ...this.options, asConfigured: true });
    this.openedAtMs = nowMs;
    this.expectOpen();
    return this.session;
  }

  /** Throws once it was disposed of, which may be while it connects. */
  private expectOpen(): void {
    if (this.isClosed) throw new UnavailableError("nothing is asked any more");
  }

  private cut(): void {
    this.session?.destroy();
    this.session = undefined;
  }
}
