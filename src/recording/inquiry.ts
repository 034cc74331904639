/** One question that is put again and again. */
import type { Clock } from "../runtime/clock.ts";

/**
 * Its answer stands until the next one, or until it is forgotten. One question is under way at a time, so that whoever
 * does not answer costs one connection.
 */
export class Inquiry<Answer> {
  private standing: { answer: Answer; askedAtMs: number } | undefined;
  private underWay: { settled: Promise<void>; askedAtMs: number } | undefined;

  constructor(
    /** In bounded time; never throws. */
    private readonly ask: () => Promise<Answer>,
    private readonly clock: Clock,
  ) {}

  get answer(): Answer | undefined {
    return this.standing?.answer;
  }

  /** When the question was put that {@link answer} is to, by the steady clock; -Infinity without one. */
  get askedAtMs(): number {
    return this.standing?.askedAtMs ?? Number.NEGATIVE_INFINITY;
  }

  /** How long the question under way has had no answer; 0 when none is. */
  get silentMs(): number {
    return this.underWay === undefined ? 0 : this.clock.steadyMs() - this.underWay.askedAtMs;
  }

  get isUnderWay(): boolean {
    return this.underWay !== undefined;
  }

  /** Resolves when the question is answered; one that is under way already is not put again. */
  put(): Promise<void> {
    if (this.underWay === undefined) {
      const askedAtMs = this.clock.steadyMs();
      this.underWay = { askedAtMs, settled: this.settle(askedAtMs) };
    }
    return this.underWay.settled;
  }

  /** The question under way goes on, and its answer counts. */
  forget(): void {
    this.standing = undefined;
  }

  private async settle(askedAtMs: number): Promise<void> {
    const answer = await this.ask();
    this.standing = { answer, askedAtMs };
    this.underWay = undefined;
  }
}
