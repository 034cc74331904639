/**
 * Connections to Kafka's brokers. One request at a time is on a connection: a broker answers a connection's requests one
 * after the other, so that a second one would wait for the first, which may be waiting for records.
 */
import { Connection, GenericError } from "@platformatic/kafka";
import { withinTime } from "../runtime/within-time.ts";
import { type Endpoint, endpointName, type KafkaAddress } from "./address.ts";

/** Of each broker, kept open for the next request. */
const IDLE_MAX = 256;
/** The library's own bound on a request, beyond every one of ours. */
const REQUEST_TIMEOUT_MS = 10 * 60_000;

/** No answer came in time: whether the broker did what it was asked is not known. */
export class SilentBrokerError extends Error {
  constructor(endpoint: Endpoint, timeoutMs: number) {
    super(`broker ${endpointName(endpoint)} did not answer within ${timeoutMs} ms`);
  }
}

/** For concurrent use. Nothing is tried again here. */
export class Connections implements AsyncDisposable {
  /** By endpoint. */
  private readonly idle = new Map<string, Connection[]>();
  private readonly open = new Set<Connection>();
  private isClosed = false;

  constructor(
    private readonly address: KafkaAddress,
    private readonly clientId: string,
    private readonly connectTimeoutMs: number,
  ) {}

  /** Throws when there is none within the time: then nothing has been sent. */
  async take(endpoint: Endpoint): Promise<Connection> {
    const idle = this.idle.get(endpointName(endpoint)) ?? [];
    for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
      if (connection.isConnected()) return connection;
    }
    if (this.isClosed) throw new Error("the connections to Kafka are closed");
    const { isEncrypted, user } = this.address;
    const connection = new Connection(this.clientId, {
      connectTimeout: this.connectTimeoutMs,
      requestTimeout: REQUEST_TIMEOUT_MS,
      ...(isEncrypted ? { tls: {} } : {}),
      ...(user === null
        ? {}
        : { sasl: { mechanism: "SCRAM-SHA-512", username: user.name, password: user.password } }),
    });
    connection.on("error", () => {});
    connection.on("close", () => this.open.delete(connection));
    this.open.add(connection);
    try {
      await connection.connect(endpoint.host, endpoint.port);
      return connection;
    } catch (error) {
      this.drop(connection);
      throw error;
    }
  }

  /** One whose request was answered. */
  giveBack(endpoint: Endpoint, connection: Connection): void {
    const name = endpointName(endpoint);
    const idle = this.idle.get(name) ?? [];
    if (this.isClosed || idle.length >= IDLE_MAX) {
      this.drop(connection);
    } else {
      idle.push(connection);
      this.idle.set(name, idle);
    }
  }

  /** One whose request is given up: what it was asked may still be done. */
  drop(connection: Connection): void {
    this.open.delete(connection);
    connection.socket?.destroy();
  }

  /** One request on a connection of its own. Throws {@link SilentBrokerError} when no answer came in time. */
  async ask<Answer>(
    endpoint: Endpoint,
    timeoutMs: number,
    send: (connection: Connection) => Promise<Answer>,
  ): Promise<Answer> {
    const late = () => new SilentBrokerError(endpoint, timeoutMs);
    const taking = this.take(endpoint);
    const connection = await withinTime(taking, timeoutMs, late).catch((error) => {
      // Also one that is connected and never gets through signing in.
      taking.then((each) => this.giveBack(endpoint, each)).catch(() => undefined);
      throw error;
    });
    try {
      const answer = await withinTime(send(connection), timeoutMs, late);
      this.giveBack(endpoint, connection);
      return answer;
    } catch (error) {
      if (responseOf(error) === undefined) this.drop(connection);
      else this.giveBack(endpoint, connection);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
    for (const connection of this.open) this.drop(connection);
  }
}

/** What a broker answered, where the library threw it because there is an error code in it. */
export function responseOf<Response>(error: unknown): Response | undefined {
  if (!(error instanceof Error) || !GenericError.isGenericError(error)) return undefined;
  return (error as { response?: Response }).response;
}
