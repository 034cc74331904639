/** Voter tokens in store: minted before the clock starts, taken one by one, each used once. */

/** The tokens of one minting call, end to end; `ends[i]` is where token i ends. */
type Chunk = { bytes: Buffer; ends: Uint32Array };

export class TokenStock {
  private readonly chunks: Chunk[] = [];
  /** Of the last chunk, which is the one that tokens are taken from. */
  private taken = 0;

  add(tokens: readonly string[]): void {
    const ends = new Uint32Array(tokens.length);
    let end = 0;
    for (const [i, token] of tokens.entries()) {
      end += token.length;
      ends[i] = end;
    }
    this.chunks.unshift({ bytes: Buffer.from(tokens.join(""), "latin1"), ends });
  }

  /** Null when there are no more. */
  take(): Uint8Array | null {
    const chunk = this.chunks.at(-1);
    if (chunk === undefined) return null;
    if (this.taken === chunk.ends.length) {
      this.chunks.pop();
      this.taken = 0;
      return this.take();
    }
    const start = this.taken === 0 ? 0 : chunk.ends[this.taken - 1]!;
    return chunk.bytes.subarray(start, chunk.ends[this.taken++]!);
  }
}
