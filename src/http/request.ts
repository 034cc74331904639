/** Reading requests: bearer tokens and bounded JSON bodies. */
import type { ZodType } from "zod";
import { Problem } from "../runtime/problem.ts";
import { shapeFault } from "../runtime/shape-fault.ts";
import { withinTime } from "../runtime/within-time.ts";

/** The bearer token of the Authorization header (RFC 6750, section 2.1), or null. */
export function bearerToken(request: Request): string | null {
  const header = request.headers.get("authorization");
  if (header === null) return null;
  // What nearly everybody sends, read without the expression, which costs more than the rest of this file.
  if (header.startsWith("Bearer ") && header.indexOf(" ", 7) === -1) return header.slice(7) || null;
  return /^bearer +([^ ]+) *$/i.exec(header)?.[1] ?? null;
}

export type BodyBounds = { bytesMax: number; timeoutMs: number };

/** The whole body as text. Throws {@link Problem}: the wrong content type, too large, too slow, or cut off. */
export async function readJsonBody(request: Request, { bytesMax, timeoutMs }: BodyBounds): Promise<string> {
  const contentType = request.headers.get("content-type") ?? "";
  if (
    contentType !== "application/json" &&
    !/^application\/(?:[\w.+-]+\+)?json *(?:;|$)/i.test(contentType)
  ) {
    throw new Problem("unsupported_media_type", "send the body with Content-Type: application/json");
  }
  const length = request.headers.get("content-length");
  if (Number(length ?? 0) > bytesMax) throw tooLarge(bytesMax);
  const arriving = length === null ? readChunks(request, bytesMax) : request.bytes();
  const late = () => new Problem("request_timeout", `the body did not arrive whole within ${timeoutMs} ms`);
  return decode(await withinTime(arriving, timeoutMs, late));
}

/** A body that does not say how long it is: read no further than it may go. */
async function readChunks(request: Request, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(bytesMax: number): Problem {
  return new Problem("payload_too_large", `the body may have ${bytesMax} bytes`);
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** Strictly: with replacement characters two different voter ids would become one, and one of them lose the vote. */
function decode(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new Problem("malformed_json", "the body is not UTF-8");
  }
}

/** A JSON body of a known shape; none is `{}`. Throws {@link Problem} that names the field that is wrong. */
export async function readBody<T>(request: Request, shape: ZodType<T>, bounds: BodyBounds): Promise<T> {
  const value = request.body === null ? {} : await readJson(request, bounds);
  const parsed = shape.safeParse(value, { error: shapeFault });
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(
    ({ path, message }) => `${path.join(".") || "the body"}: ${message}`,
  );
  throw new Problem("invalid_request", faults.slice(0, 5).join("; "));
}

/** What a JSON body says, whatever its shape. Throws {@link Problem}. */
export async function readJson(request: Request, bounds: BodyBounds): Promise<unknown> {
  const text = await readJsonBody(request, bounds);
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem("malformed_json", "the body must be JSON");
  }
}
