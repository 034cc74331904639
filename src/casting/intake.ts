/** How many ballots a gateway has under way where its own processor is the limit. */
import type { Clock } from "../runtime/clock.ts";
import type { Turns } from "../runtime/turns.ts";

export type IntakeBounds = {
  /** While nothing that is read may have lain unread for longer, everybody is let in. */
  unreadMsMax: number;
  /** Otherwise no more may be under way than were answered in so long, and fewer in proportion as it lay unread longer; */
  windowMs: number;
  /** but so many always. */
  underWayMin: number;
  /** So many are let in all the same where nobody was beyond that for `calmMs`: a crowd on an idle gateway. */
  crowdBallots: number;
  calmMs: number;
};

export type IntakeOptions = IntakeBounds & { turns: Turns; clock: Clock };

const SLOTS = 5;

/**
 * As many are under way as are answered in the time that each of them takes (Little's law). So a bound that follows what
 * was answered lately bounds that time, on any processor, and shrinks while refusing others takes a part of it.
 */
export class Intake {
  /** Read and not yet answered. */
  private underWay = 0;
  /** How many were answered in each fifth of the last window; the newest is `slot`. */
  private readonly answered = new Array<number>(SLOTS).fill(0);
  private slot = 0;
  private answeredInWindow = 0;
  /** When there were last as many under way as may be; and how many more of a crowd are let in. */
  private fullAtMs = Number.NEGATIVE_INFINITY;
  private crowdLeft = 0;

  constructor(private readonly options: IntakeOptions) {}

  /** To be asked once of every ballot, when it is read and before it is looked at. */
  letsIn(): boolean {
    const { turns, unreadMsMax, underWayMin, crowdBallots, calmMs, clock } = this.options;
    const unreadMs = turns.unreadMs();
    if (unreadMs <= unreadMsMax) return true;
    const nowMs = clock.steadyMs();
    this.moveWindow(nowMs);
    if (this.underWay < underWayMin) return true;
    if (this.underWay * unreadMs < this.answeredInWindow * unreadMsMax) return true;
    if (nowMs - this.fullAtMs > calmMs) this.crowdLeft = crowdBallots;
    this.fullAtMs = nowMs;
    return this.crowdLeft-- > 0;
  }

  /** A ballot that was let in is under way. */
  begin(): void {
    this.underWay++;
  }

  /** One that was under way is answered. */
  end(): void {
    this.underWay--;
    this.moveWindow(this.options.clock.steadyMs());
    this.answered[this.slot % SLOTS]!++;
    this.answeredInWindow++;
  }

  private moveWindow(nowMs: number): void {
    const slot = Math.floor((nowMs * SLOTS) / this.options.windowMs);
    for (let passed = Math.max(this.slot, slot - SLOTS) + 1; passed <= slot; passed++) {
      this.answeredInWindow -= this.answered[passed % SLOTS]!;
      this.answered[passed % SLOTS] = 0;
    }
    this.slot = slot;
  }
}
