/** Sends requests that were prepared before the clock starts, each connection with one under way, and counts the answers. */
import { Connection, type Origin } from "../src/client/connection.ts";
import { LatencyHistogram } from "../src/client/latency-histogram.ts";
import type { ResponseReader } from "../src/client/response-reader.ts";

/** `expects` is the status that it should be answered with. */
export type PreparedRequest = { bytes: Uint8Array; expects: number };

/** What a gateway says that has too much to do. */
const REFUSED = 503;

export class PreparedLoad {
  /** By status, of those that were answered as expected. */
  readonly latency = new Map<number, LatencyHistogram>();
  private refused = 0;
  private readonly unexpected = new Map<string, number>();
  private next = 0;
  private underWay = 0;
  private startedAtMs = 0;
  private endedAtMs = 0;

  private constructor(
    private readonly requests: readonly PreparedRequest[],
    private readonly milliseconds: number,
    private readonly settle: () => void,
  ) {}

  /** Ends when the time is up or there are no more requests. Throws where an answer is neither the expected one nor a refusal. */
  static async run(
    origin: Origin,
    requests: readonly PreparedRequest[],
    { connections, milliseconds }: { connections: number; milliseconds: number },
  ): Promise<{
    perSecond: number;
    refused: number;
    sent: number;
    latency: ReadonlyMap<number, LatencyHistogram>;
  }> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const load = new PreparedLoad(requests, milliseconds, resolve);
    const casters = Array.from({ length: connections }, () => load.connect(origin));
    load.startedAtMs = performance.now();
    for (const caster of casters) caster.send();
    await promise;
    for (const { connection } of casters) connection.close();
    if (load.unexpected.size > 0) {
      throw new Error(`unexpected answers: ${JSON.stringify(Object.fromEntries(load.unexpected))}`);
    }
    const answered = load.latency.values().reduce((sum, { count }) => sum + count, 0);
    const perSecond = (answered * 1000) / (load.endedAtMs - load.startedAtMs);
    return { perSecond, refused: load.refused, sent: load.next, latency: load.latency };
  }

  private connect(origin: Origin) {
    let request: PreparedRequest;
    let sentAtMs = 0;
    const send = () => {
      sentAtMs = performance.now();
      if (this.next === this.requests.length || sentAtMs - this.startedAtMs > this.milliseconds) {
        this.endedAtMs ||= sentAtMs;
        if (this.underWay === 0) this.settle();
        return;
      }
      this.underWay++;
      request = this.requests[this.next++]!;
      connection.send(request.bytes);
    };
    const connection = new Connection(origin, {
      answered: (response) => {
        this.underWay--;
        this.count(request, response, performance.now() - sentAtMs);
        send();
      },
      failed: ({ reason }) => {
        this.underWay--;
        this.unexpected.set(reason, (this.unexpected.get(reason) ?? 0) + 1);
        send();
      },
    });
    return { connection, send };
  }

  private count({ expects }: PreparedRequest, { status, body }: ResponseReader, latencyMs: number): void {
    if (status === expects) {
      const latency = this.latency.getOrInsertComputed(status, () => new LatencyHistogram());
      // What is answered after the end belongs to nobody's rate.
      if (this.endedAtMs === 0) latency.record(latencyMs);
    } else if (status === REFUSED) this.refused++;
    else {
      const answer = `${status} for ${expects}: ${body.toString()}`;
      this.unexpected.set(answer, (this.unexpected.get(answer) ?? 0) + 1);
    }
  }
}
