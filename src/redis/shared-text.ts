/** A text that processes share: a key of the deployment's, which passes by itself. */
import type { SharedText } from "../contests/contests-ahead.ts";
import type { RedisConnection } from "./connection.ts";
import { keyOf } from "./keys.ts";

export type RedisSharedTextOptions = {
  owner: string;
  name: string;
  lifetimeMs: number;
  /** Longer ones are not kept; and of what others put under the key no more is read, which is no text of ours then. */
  bytesMax: number;
};

/** Whatever stands under its key is replaced. Failures of Redis are the connection's to tell. */
export class RedisSharedText implements SharedText {
  private readonly key: string;

  constructor(
    private readonly connection: RedisConnection,
    private readonly options: RedisSharedTextOptions,
  ) {
    this.key = keyOf(options.owner, options.name);
  }

  async read(): Promise<string | null> {
    await this.connection.settled();
    const last = this.options.bytesMax - 1;
    const text = await this.connection.run((client) => client.getrange(this.key, 0, last)).catch(() => "");
    return text === "" ? null : text;
  }

  write(text: string): void {
    const { lifetimeMs, bytesMax } = this.options;
    if (Buffer.byteLength(text) > bytesMax) return;
    this.connection.run((client) => client.set(this.key, text, "PX", lifetimeMs)).catch(() => undefined);
  }
}
