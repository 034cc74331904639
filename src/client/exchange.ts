/** One request after the other on one connection, each awaited. */
import { Connection, type ExchangeFailure, type Origin } from "./connection.ts";
import type { ResponseReader } from "./response-reader.ts";

/** The response may be read until the next request. */
export type Exchanged = { response: ResponseReader } | { failure: ExchangeFailure };

/** Not for concurrent use; repeats nothing by itself. */
export class Exchange {
  private readonly connection: Connection;
  private settle: (exchanged: Exchanged) => void = () => {};

  constructor(origin: Origin) {
    this.connection = new Connection(origin, {
      answered: (response) => this.settle({ response }),
      failed: (failure) => this.settle({ failure }),
    });
  }

  /** Never rejects. */
  send(request: Buffer): Promise<Exchanged> {
    return new Promise((resolve) => {
      this.settle = resolve;
      this.connection.send(request);
    });
  }

  close(): void {
    this.connection.close();
  }
}
