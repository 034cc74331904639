/** A bound on how often one caller may call, shared by all processes where they have something to share it through. */
import { createHash, randomBytes } from "node:crypto";
import { PROBLEMS, Problem } from "../runtime/problem.ts";
import { WindowCounts } from "../runtime/window-counts.ts";
import { tooManyCalls } from "./respond.ts";

/**
 * Calls of all processes together. Nothing is durable: counts may be lost, and begin anew then. It answers within a
 * few milliseconds, or throws; nothing is retried. Concurrent.
 */
export interface SharedCalls {
  /** Counts a call, and says whether there were more than `callsMax` in the window that it belongs to. */
  add(caller: string): Promise<{ isOver: boolean; leftMs: number }>;
}

export type CallLimiterOptions = {
  callsMax: number;
  windowMs: number;
  /** Null where this process is alone. */
  shared: SharedCalls | null;
  steadyMs: () => number;
  /** A call was refused. */
  onRefused: () => void;
};

/** 256 KB; one caller in 65,000 shares another's count. */
const SLOTS = 2 ** 16;

/**
 * Every process counts in memory, too: what is over by itself is over in all, and need not be shared; and when nobody
 * answers, that is the bound. Slots are chosen by a keyed hash, so that nobody can aim at another's.
 */
export class CallLimiter {
  private readonly counts: WindowCounts;
  private readonly slotKey = randomBytes(16);

  constructor(private readonly options: CallLimiterOptions) {
    this.counts = new WindowCounts({ ...options, slots: SLOTS });
  }

  /** Counts a call: how long its caller must wait, in milliseconds; 0 when there is room. Never throws. */
  async add(caller: string): Promise<number> {
    const { callsMax, shared } = this.options;
    const slot = this.slotOf(caller);
    if (this.counts.add(slot) > callsMax) return this.refuse(this.counts.leftMs);
    if (shared === null) return 0;
    const { isOver, leftMs } = await shared.add(caller).catch(() => ({ isOver: false, leftMs: 0 }));
    if (!isOver) return 0;
    this.counts.raise(slot, callsMax);
    return this.refuse(leftMs);
  }

  /** The same without counting one, by what this process knows. */
  waitMs(caller: string): number {
    const isOver = this.counts.of(this.slotOf(caller)) >= this.options.callsMax;
    return isOver ? this.refuse(this.counts.leftMs) : 0;
  }

  private refuse(waitMs: number): number {
    this.options.onRefused();
    return Math.max(1, waitMs);
  }

  private slotOf(caller: string): number {
    return createHash("sha256").update(this.slotKey).update(caller).digest().readUInt16LE();
  }
}

/** What of a caller is counted: every call, or those alone that showed a wrong token. */
export type CallLimit = { limiter: CallLimiter; counts: "calls" | "wrong_tokens" };

/** The handler's answer, or that the caller must wait. Throws what the handler throws. */
export async function withinLimit(
  { limiter, counts }: CallLimit,
  caller: string,
  handle: () => Response | Promise<Response>,
): Promise<Response> {
  const waitMs = counts === "calls" ? await limiter.add(caller) : limiter.waitMs(caller);
  if (waitMs > 0) return tooManyCalls(waitMs);
  try {
    return await handle();
  } catch (error) {
    const isWrongToken = error instanceof Problem && PROBLEMS[error.code].status === 401;
    if (counts === "wrong_tokens" && isWrongToken) await limiter.add(caller);
    throw error;
  }
}
