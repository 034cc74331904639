/** Refusals as the contract tells them: RFC 9457 problem details with a stable `code`. */

export type Problem = { code: string; detail: string };

/** The problem in an answer's body, or null when there is none (a proxy's error page, an empty body). */
export function parseProblem(body: string): Problem | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { code, detail, title } = value as Record<string, unknown>;
  if (typeof code !== "string") return null;
  return { code, detail: typeof detail === "string" ? detail : typeof title === "string" ? title : "" };
}

/** Retry-After's seconds or date (RFC 9110, section 10.2.3) as milliseconds from now; null when absent or unreadable. */
export function parseRetryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null || header.trim() === "") return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
