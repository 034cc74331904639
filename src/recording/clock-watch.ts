/** Watches whether this machine's clock is right enough to say what came before a contest's close. */
import type { Clock } from "../runtime/clock.ts";
import type { DurabilityCheck } from "./durability.ts";

/** How far another clock is ahead of this machine's, give or take half of what the answer took. */
export type ClockReading = { aheadMs: number; doubtMs: number };

export type ClockWatchOptions = {
  pollMs: number;
  differMsMax: number;
  clock: Clock;
  /** Told when it becomes right or wrong. */
  onChange: (check: DurabilityCheck) => void;
};

const NOT_COMPARED: DurabilityCheck = {
  ...{ check: "this machine's clock", ok: false, found: "not compared yet" },
  mend: "wait a moment",
};

/** What was found stays so while there is no other answer that decides it: clocks drift slowly. */
export class ClockWatch {
  private judged = NOT_COMPARED;

  constructor(
    /** Of the clock that the deployment goes by. In bounded time; throws where it can't be read. */
    private readonly read: () => Promise<ClockReading>,
    private readonly options: ClockWatchOptions,
  ) {}

  get check(): DurabilityCheck {
    return this.judged;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.compare();
      await this.options.clock.pause(this.options.pollMs, signal);
    }
  }

  async compare(): Promise<void> {
    let reading: ClockReading;
    try {
      reading = await this.read();
    } catch {
      return;
    }
    if (isUndecided(reading, this.options.differMsMax)) return;
    const wasOk = this.judged.ok;
    this.judged = clockCheck("this machine's clock", reading, this.options.differMsMax);
    if (this.judged.ok !== wasOk) this.options.onChange(this.judged);
  }
}

/** The answer took so long that the clock may be right, and may be wrong. */
function isUndecided({ aheadMs, doubtMs }: ClockReading, differMsMax: number): boolean {
  const apartMs = Math.abs(aheadMs);
  return apartMs - doubtMs <= differMsMax && apartMs + doubtMs > differMsMax;
}

export function clockCheck(
  check: string,
  { aheadMs, doubtMs }: ClockReading,
  differMsMax: number,
): DurabilityCheck {
  return {
    check,
    ok: Math.abs(aheadMs) - doubtMs <= differMsMax,
    found: `the ledger's is ${Math.abs(aheadMs)} ms ${aheadMs < 0 ? "behind" : "ahead of"} this machine's (± ${doubtMs})`,
    mend: `synchronise both clocks by NTP: they may differ by ${differMsMax} ms`,
  };
}
