/** Reads files that people name, and says in words why one can't be read. */
import { createReadStream, readFileSync } from "node:fs";
import type { Transform } from "node:stream";
import { cannot } from "../runtime/file-fault.ts";

export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw cannot("read", file, error);
  }
}

/** Of any size, piece by piece, through `decoder` if there is one. */
export async function* readBytes(file: string, decoder?: Transform): AsyncGenerator<Uint8Array> {
  const source = createReadStream(file);
  const bytes = decoder === undefined ? source : source.pipe(decoder);
  // A pipe does not carry its source's errors on.
  source.on("error", (error) => bytes.destroy(error));
  try {
    yield* bytes;
  } catch (error) {
    throw cannot("read", file, error);
  } finally {
    source.destroy();
  }
}
