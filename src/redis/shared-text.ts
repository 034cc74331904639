/** A text that processes share: a key of the deployment's, which passes by itself. */
import type { SharedText } from "../contests/contests-ahead.ts";
import type { RedisConnection } from "./connection.ts";
import { keyOf } from "./keys.ts";

/** Whatever stands under its key is replaced. Failures of Redis are the connection's to tell. */
export class RedisSharedText implements SharedText {
  private readonly key: string;

  constructor(
    private readonly connection: RedisConnection,
    private readonly options: { owner: string; name: string; lifetimeMs: number },
  ) {
    this.key = keyOf(options.owner, options.name);
  }

  async read(): Promise<string | null> {
    await this.connection.settled();
    return this.connection.run((client) => client.get(this.key)).catch(() => null);
  }

  write(text: string): void {
    this.connection
      .run((client) => client.set(this.key, text, "PX", this.options.lifetimeMs))
      .catch(() => undefined);
  }
}
