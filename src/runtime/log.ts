/** Logs: JSON lines for machines, short lines for a person at a terminal. */
import pino, { type Logger } from "pino";
import { Problem } from "./problem.ts";

export type Log = Logger;

export type LogFormat = "json" | "text";

/** Writes to standard error: standard output belongs to what a command prints. */
export function createLog(format: LogFormat, level: string): Log {
  const destination = format === "json" ? pino.destination({ fd: 2, sync: true }) : { write: writeLine };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

function writeLine(line: string): void {
  const { level, time, msg, err, ...others } = JSON.parse(line) as Record<string, unknown>;
  const name = pino.levels.labels[Number(level)] ?? "";
  const reason = err === undefined ? "" : ` (${(err as { message?: string }).message ?? String(err)})`;
  const fields = Object.entries(others).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
  process.stderr.write(`${String(time).slice(11, 19)} ${name.padEnd(5)} ${msg}${reason}${fields.join("")}\n`);
}

/**
 * `write` at most once every `intervalMs`, however often the result is called: with the first call's arguments, and how
 * many calls went unwritten since the time before.
 */
export function atMostEvery<Arguments extends unknown[]>(
  intervalMs: number,
  write: (unwritten: number, ...given: Arguments) => void,
): (...given: Arguments) => void {
  let writtenMs = Number.NEGATIVE_INFINITY;
  let unwritten = 0;
  return (...given) => {
    if (performance.now() - writtenMs < intervalMs) {
      unwritten++;
      return;
    }
    write(unwritten, ...given);
    writtenMs = performance.now();
    unwritten = 0;
  };
}

/** Logs why requests failed: a bug each time, what a caller was told in other words at most once a second. */
export function failureLog(log: Log): (error: unknown) => void {
  const refused = atMostEvery(1_000, (unwritten, { code, message, cause }: Problem) =>
    log.warn({ err: cause, code, unwritten }, message),
  );
  return (error) => {
    if (error instanceof Problem) refused(error);
    else log.error({ err: error }, "a request failed unexpectedly");
  };
}
