/** Numbers and times as people read them, in the reader's own locale. */

const whole = new Intl.NumberFormat();
const share = new Intl.NumberFormat(undefined, {
  style: "percent",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const short = new Intl.NumberFormat(undefined, { notation: "compact" });
const minutes = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function formatCount(count: number): string {
  return whole.format(count);
}

/** "1 vote", "2 votes". */
export function formatCounted(count: number, one: string, many: string): string {
  return `${whole.format(count)} ${count === 1 ? one : many}`;
}

export function formatShare(part: number, all: number): string {
  return share.format(all === 0 ? 0 : part / all);
}

/** "1.2K": for the axis of a chart. */
export function formatShort(count: number): string {
  return short.format(count);
}

/** The time of day, with the date unless it is today. */
export function formatInstant(atMs: number, nowMs: number): string {
  const sameDay = new Date(atMs).toDateString() === new Date(nowMs).toDateString();
  return (sameDay ? clock : calendar).format(atMs);
}

/** The time of day to the minute. */
export function formatMinute(atMs: number): string {
  return minutes.format(atMs);
}

/** "12 seconds", "3 minutes", "2 hours": one unit, rounded down. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  if (seconds < 60) return formatCounted(seconds, "second", "seconds");
  if (seconds < 3600) return formatCounted(Math.floor(seconds / 60), "minute", "minutes");
  return formatCounted(Math.floor(seconds / 3600), "hour", "hours");
}
