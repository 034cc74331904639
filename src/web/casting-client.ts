/** The casting client: carries out what the casting state machine asks for, and tells who watches it. */
import type { AcceptedReceipt } from "../election/receipt.ts";
import type { Answer, Fate } from "./answer.ts";
import {
  type Ballot,
  type Casting,
  type CastingEvent,
  type SavedCasting,
  savedForm,
  step,
} from "./casting.ts";

/** What the client does to the world. */
export interface CastingEffects {
  /** Keeps (or with null forgets) what outlives the page; false when this browser keeps nothing. Never throws. */
  save(saved: SavedCasting | null): boolean;
  /** What the last `save` kept, perhaps from another tab. Never throws. */
  load(): SavedCasting | null;
  /** One attempt. Never rejects: no answer is the answer "unknown". */
  post(ballot: Ballot): Promise<Answer>;
  /** Asks once what has become of an accepted ballot. Never rejects. */
  verify(receipt: AcceptedReceipt): Promise<Fate>;
  later(delayMs: number, run: () => void): void;
  /** 16 random bytes in base64url. */
  drawNonce(): string;
  nowMs(): number;
  /** In [0, 1). */
  random(): number;
}

/** One at a time for a contest and a voter; at most one attempt or timer is under way. */
export class CastingClient {
  state: Casting = { phase: "idle" };
  /** Whether the ballot would outlive the page; the voter is told when it would not. */
  kept = true;

  constructor(
    private readonly effects: CastingEffects,
    private readonly changed: () => void,
  ) {}

  /** Continues with the ballot that an earlier page, or another tab, left. Returns whether there was one. */
  resume(): boolean {
    const saved = this.effects.load();
    if (saved === null) return false;
    this.dispatch({ event: "resume", saved, nowMs: this.effects.nowMs() });
    return true;
  }

  /** Casts; a ballot that another tab has cast meanwhile is continued instead: one voter, one nonce. */
  cast(selections: number[]): void {
    if (this.state.phase === "idle" && this.resume()) return;
    this.dispatch({ event: "cast", ballot: { nonce: this.effects.drawNonce(), selections } });
  }

  /** Back to the form, after a refusal. */
  dismiss(): void {
    this.dispatch({ event: "dismiss" });
  }

  private dispatch(event: CastingEvent): void {
    const before = this.state;
    this.state = step(before, event);
    if (this.state === before) return;
    // Saved before it is acted on: an attempt must never be ahead of what a reload would know.
    this.kept = this.effects.save(savedForm(this.state));
    this.act();
    this.changed();
  }

  private act(): void {
    const { state, effects } = this;
    const moment = () => ({ nowMs: effects.nowMs(), random: effects.random() });
    if (state.phase === "sending") {
      effects.post(state.ballot).then((answer) => this.dispatch({ event: "answer", answer, ...moment() }));
    } else if (state.phase === "waiting") {
      effects.later(state.delayMs, () => this.dispatch({ event: "retry" }));
    } else if (state.phase === "accepted") {
      effects.later(state.delayMs, () => {
        effects.verify(state.receipt).then((fate) => this.dispatch({ event: "verified", fate, ...moment() }));
      });
    }
  }
}
