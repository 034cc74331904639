/** Connections to a simulated ledger, each call with a fate of its own: refused, lost, late, answered late or never. */
import type {
  BallotFinder,
  BallotKey,
  Batch,
  RecordedBallot,
  RecordOutcome,
  StreamHead,
  StreamWriter,
} from "../../src/recording/ledger.ts";
import type { VirtualClock } from "../support/virtual-clock.ts";
import type { SimulatedLedger } from "./simulated-ledger.ts";

/** What becomes of one call. */
export type Fate = {
  /** `is_lost`: it never arrives. `refuses`: nothing is done, and the caller is told so. */
  does: "works" | "refuses" | "is_lost";
  /** From sending to arriving. Past the time-out it arrives all the same: whoever sent it has given it up by then. */
  arrivesMs: number;
  /** From committing to the standby's having it, unless that is frozen. */
  replicatesMs: number;
  answersMs: number;
  /** The connection is cut so long after sending, if there is no answer yet. */
  cutMs: number;
};

export const SMOOTH: Fate = { does: "works", arrivesMs: 1, replicatesMs: 1, answersMs: 1, cutMs: Infinity };

/** After so long the caller cuts the connection itself. */
export const TIMEOUT_MS = 300;

/** What all connections share. */
export type Network = {
  clock: VirtualClock;
  ledger: SimulatedLedger;
  isShut: () => boolean;
  nextFate: () => Fate;
  /** Told of what no schedule may lead to. */
  onBroken: (what: string) => void;
  /** Told when the ledger takes what was given up before. */
  onLate?: () => void;
};

type Asked<T> = { is: "answered"; value: T } | { is: "refused" } | { is: "unknown" };

/** One connection to one life of the primary. */
class Connection {
  private readonly life: number;
  private readonly onCut = new Set<() => void>();
  private isCut = false;

  constructor(private readonly network: Network) {
    this.life = network.ledger.life;
    network.ledger.onEndOfLife.add(this.cut);
  }

  get usable(): boolean {
    return !this.isCut;
  }

  /** `work` is what the server does; its answer is told when the standby has all that was committed by then. */
  ask<T>(work: (replicatesMs: number) => T): Promise<Asked<T>> {
    const { clock, ledger, nextFate } = this.network;
    const { does, arrivesMs, replicatesMs, answersMs, cutMs } = nextFate();
    return new Promise((resolve) => {
      const lose = () => resolve({ is: "unknown" });
      if (this.isCut) return lose();
      this.onCut.add(lose);
      let isAnswered = false;
      const answer = (asked: Asked<T>) =>
        clock.after(answersMs, () => {
          isAnswered = true;
          this.onCut.delete(lose);
          resolve(asked);
        });
      clock.after(Math.min(cutMs, TIMEOUT_MS), () => {
        if (!isAnswered) this.cut();
      });
      clock.after(arrivesMs, () => {
        // What was sent to a primary that is gone has gone with it.
        if (does === "is_lost" || ledger.life !== this.life) return;
        if (does === "refuses") return answer({ is: "refused" });
        if (this.isCut) this.network.onLate?.();
        const value = work(replicatesMs);
        ledger.whenReplicated(() => answer({ is: "answered", value }));
      });
    });
  }

  readonly cut = (): void => {
    this.isCut = true;
    this.network.ledger.onEndOfLife.delete(this.cut);
    for (const lose of this.onCut) lose();
    this.onCut.clear();
  };
}

async function connectTo(network: Network): Promise<Connection> {
  if (network.isShut()) throw new Error("the gate is shut");
  const { does, arrivesMs } = network.nextFate();
  await network.clock.pause(Math.min(arrivesMs, TIMEOUT_MS));
  if (does !== "works" || arrivesMs > TIMEOUT_MS) throw new Error("no primary answers");
  return new Connection(network);
}

export class SimulatedWriter implements StreamWriter {
  /** Batches whose first attempt has been sent. */
  readonly sent = new Set<Batch>();
  attempts = 0;
  private connection: Connection | undefined;
  /** The attempt whose outcome is open. */
  private open: { head: StreamHead; batch: Batch } | undefined;

  constructor(private readonly network: Network) {}

  async connect(): Promise<void> {
    if (this.network.isShut()) throw new Error("the gate is shut");
    if (!this.connection?.usable) this.connection = await connectTo(this.network);
  }

  async openStream(): Promise<StreamHead> {
    const { ledger } = this.network;
    return answerOf(await this.connection!.ask((replicatesMs) => ledger.openStream(replicatesMs)));
  }

  async record(head: StreamHead, batch: Batch): Promise<RecordOutcome> {
    this.expectPlaceKept(head, batch);
    if (this.network.isShut()) return { outcome: "not_recorded", error: new Error("the gate is shut") };
    this.attempts++;
    this.sent.add(batch);
    const { ledger } = this.network;
    const looksUp = this.attempts % 2 === 0;
    const asked = await this.connection!.ask((replicatesMs) =>
      ledger.record(head, batch, replicatesMs, looksUp),
    );
    if (asked.is === "refused") return { outcome: "not_recorded", error: new Error("refused") };
    this.open = asked.is === "unknown" ? { head, batch } : undefined;
    return asked.is === "answered"
      ? asked.value
      : { outcome: "unknown", error: new Error("the answer is lost") };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  private expectPlaceKept(head: StreamHead, batch: Batch): void {
    if (this.open === undefined) return;
    const { streamId, nextSeq } = this.open.head;
    const isSame = this.open.batch === batch && streamId === head.streamId && nextSeq === head.nextSeq;
    if (!isSame) this.network.onBroken(`place ${streamId}/${nextSeq} was left while its outcome was open`);
  }
}

export class SimulatedFinder implements BallotFinder {
  constructor(private readonly network: Network) {}

  async find(keys: readonly BallotKey[]): Promise<RecordedBallot[]> {
    const { ledger } = this.network;
    const connection = await connectTo(this.network);
    return answerOf(await connection.ask((replicatesMs) => ledger.find(keys, replicatesMs)));
  }
}

function answerOf<T>(asked: Asked<T>): T {
  if (asked.is !== "answered") throw new Error(`the ledger's answer is ${asked.is}`);
  return asked.value;
}
