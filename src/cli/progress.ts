/** Progress of long work: a bar on a terminal, a plain line every few seconds otherwise. */

const BAR_CELLS = 24;
const TERMINAL_INTERVAL_MS = 100;
const PLAIN_INTERVAL_MS = 5_000;

export type ProgressState = { label: string; done: number; total: number; unit: string; elapsedMs: number };

/** One line: `casting  ████░░░░  41% 33,000/80,101 ballots 21,400/s 2 s left`. */
export function renderProgress({ label, done, total, unit, elapsedMs }: ProgressState): string {
  const share = total > 0 ? Math.min(done / total, 1) : 1;
  const filled = Math.floor(share * BAR_CELLS);
  const rate = elapsedMs > 0 ? (done / elapsedMs) * 1000 : 0;
  const bar = "█".repeat(filled) + "░".repeat(BAR_CELLS - filled);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const line = `${label} ${bar} ${percent} ${thousands(done)}/${thousands(total)} ${unit} ${thousands(rate)}/s`;
  return done < total && rate > 0 ? `${line} ${duration((total - done) / rate)} left` : line;
}

export function thousands(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Whole seconds up to a minute, then minutes and seconds, then hours and minutes. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Writes to stderr, so that stdout carries results alone. */
export class Progress {
  private readonly startedAtMs = performance.now();
  private readonly onTerminal = process.stderr.isTTY === true;
  private shownAtMs = performance.now();

  constructor(
    private readonly label: string,
    private readonly total: number,
    private readonly unit: string,
  ) {}

  /** Cheap enough to call for every single thing done. */
  update(done: number): void {
    const nowMs = performance.now();
    if (nowMs - this.shownAtMs < (this.onTerminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS)) return;
    this.shownAtMs = nowMs;
    this.show(done, nowMs);
  }

  /** A line of its own above the bar. */
  note(line: string): void {
    process.stderr.write(this.onTerminal ? `\r\x1b[K${line}\n` : `${line}\n`);
  }

  /** Shows the last state and leaves it standing. */
  finish(done: number): void {
    this.show(done, performance.now());
    if (this.onTerminal) process.stderr.write("\n");
  }

  private show(done: number, nowMs: number): void {
    const line = renderProgress({
      label: this.label,
      done,
      total: this.total,
      unit: this.unit,
      elapsedMs: nowMs - this.startedAtMs,
    });
    process.stderr.write(this.onTerminal ? `\r\x1b[K${line}` : `${line}\n`);
  }
}
