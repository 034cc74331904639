/** Logs: JSON lines for machines, short lines for a person at a terminal. */
import pino, { type Logger } from "pino";

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
