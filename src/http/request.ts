/** Reading requests: bearer tokens and bounded JSON bodies. */
import type { ZodType } from "zod";
import { Problem } from "../runtime/problem.ts";

/** The bearer token of the Authorization header (RFC 6750, section 2.1), or null. */
export function bearerToken(request: Request): string | null {
  const header = request.headers.get("authorization");
  if (header === null) return null;
  return /^bearer +([^ ]+) *$/i.exec(header)?.[1] ?? null;
}

export type BodyBounds = { bytesMax: number; timeoutMs: number };

/** The whole body as text. Throws {@link Problem}: the wrong content type, too large, too slow, or cut off. */
export async function readJsonBody(request: Request, { bytesMax, timeoutMs }: BodyBounds): Promise<string> {
  const contentType = request.headers.get("content-type") ?? "";
  if (!/^application\/(?:[\w.+-]+\+)?json *(?:;|$)/i.test(contentType)) {
    throw new Problem("unsupported_media_type", "send the body with Content-Type: application/json");
  }
  const tooLarge = () => new Problem("payload_too_large", `the body may have ${bytesMax} bytes`);
  if (Number(request.headers.get("content-length") ?? 0) > bytesMax) throw tooLarge();
  const text = await withinTime(request.text(), timeoutMs);
  if (Buffer.byteLength(text) > bytesMax) throw tooLarge();
  return text;
}

/** A JSON body of a known shape. Throws {@link Problem} that names the field that is wrong. */
export async function readBody<T>(request: Request, shape: ZodType<T>, bounds: BodyBounds): Promise<T> {
  const text = await readJsonBody(request, bounds);
  let value: unknown;
  try {
    value = JSON.parse(text === "" ? "{}" : text);
  } catch (error) {
    throw new Problem("malformed_json", (error as Error).message);
  }
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(
    ({ path, message }) => `${path.join(".") || "the body"}: ${message}`,
  );
  throw new Problem("invalid_request", faults.slice(0, 5).join("; "));
}

function withinTime(text: Promise<string>, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Problem("request_timeout", `the body did not arrive whole within ${timeoutMs} ms`));
    }, timeoutMs);
    text.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
