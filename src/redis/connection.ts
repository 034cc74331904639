/**
 * The connection to Redis: commands that are answered within milliseconds or not at all, and one channel's messages.
 *
 * Nobody waits for Redis: a command that has no answer in time fails, and after such a failure every further one fails
 * at once, until a single one that is let through is answered. Both connections are made, and made again, by
 * themselves, for as long as it takes.
 */
import { once } from "node:events";
import { ReplyError } from "ioredis";
import type { Clock } from "../runtime/clock.ts";
import type { RedisAddress } from "../runtime/redis-address.ts";
import { CONNECT_TIMEOUT_MS, openClient, type RedisClient } from "./client.ts";

export type RedisConnectionOptions = {
  address: RedisAddress;
  /** A command that is not answered within this time has failed. */
  commandTimeoutMs: number;
  clock: Clock;
  /** Redis is of use, or is not any more; with what was said last. */
  onChange: (isUp: boolean, error: Error | null) => void;
};

/** Redis can't be asked now, or did not answer in time. What was sent may have been done. */
export class RedisAwayError extends Error {
  readonly code = "redis_away";
}

/** So often it is tried whether Redis answers again. */
const SHUT_MS = 250;
/** A connection with so many commands on their way takes no more. */
const COMMANDS_MAX = 1_000;

export class RedisConnection implements Disposable {
  /** For libraries that want one: to be used within {@link run} alone. */
  readonly client: RedisClient;
  /** Opened by the first subscription. */
  private subscriber: RedisClient | null = null;
  private readonly channels = new Map<string, (text: string) => void>();
  /** By the steady clock: until then no command is sent. */
  private shutUntilMs = 0;
  private isShut = false;
  private isProbing = false;
  private underWay = 0;
  private failureCount = 0;
  /** Whoever waits for the connection waits for the same. */
  private settling: Promise<void> | null = null;
  private lastError: Error | null = null;
  /** Why the last attempt to connect failed, since when there is no connection. */
  private connectionError: Error | null = null;

  constructor(private readonly options: RedisConnectionOptions) {
    this.client = openClient(options.address, { commandTimeout: options.commandTimeoutMs });
    this.client.on("error", (error: Error) => {
      this.connectionError = error;
    });
    this.client.on("ready", () => {
      this.connectionError = null;
    });
  }

  /** Whether it is connected, and commands are being sent. */
  get isUp(): boolean {
    return !this.isShut && this.client.status === "ready";
  }

  /** Commands that had no answer, or were not sent. */
  get failures(): number {
    return this.failureCount;
  }

  /** Resolves when Redis is of use, or when it is known not to be. */
  async settled(): Promise<void> {
    if (this.client.status === "ready") return;
    this.settling ??= this.untilSettled();
    await this.settling;
  }

  /**
   * What Redis answers to the command: within the bound, or {@link RedisAwayError}; a refusal, such as WRONGTYPE or OOM,
   * is thrown as it came. Nothing is retried. Concurrent.
   */
  async run<T>(command: (client: RedisClient) => Promise<T>): Promise<T> {
    const isProbe = this.isShut;
    if (!this.mayBeSent()) {
      this.failureCount++;
      throw new RedisAwayError("Redis does not answer", { cause: this.lastError });
    }
    this.underWay++;
    if (isProbe) this.isProbing = true;
    try {
      const answer = await command(this.client);
      this.open();
      return answer;
    } catch (error) {
      if (isRefusal(error)) {
        this.open();
        throw error;
      }
      this.failureCount++;
      // Why there is no connection says more than that a command could not be sent.
      this.shut(this.connectionError ?? (error as Error));
      throw new RedisAwayError("Redis did not answer", { cause: this.lastError });
    } finally {
      this.underWay--;
      if (isProbe) this.isProbing = false;
    }
  }

  /** The channel's messages, of other processes and of this one; those sent while Redis was away are lost. */
  subscribe(channel: string, onMessage: (text: string) => void): void {
    this.channels.set(channel, onMessage);
    this.subscriber ??= this.openSubscriber();
    if (this.subscriber.status === "ready") this.subscriber.subscribe(channel).catch(() => undefined);
  }

  /** Makes the subscription's connection again: for whoever hears nothing and ought to. */
  renewSubscription(): void {
    this.subscriber?.disconnect(true);
  }

  [Symbol.dispose](): void {
    for (const each of [this.client, this.subscriber]) each?.disconnect();
  }

  private async untilSettled(): Promise<void> {
    const end = new AbortController();
    // Which an error ends too.
    const ready = once(this.client, "ready", { signal: end.signal }).catch(() => undefined);
    await Promise.race([ready, this.options.clock.pause(CONNECT_TIMEOUT_MS, end.signal)]);
    end.abort();
    this.settling = null;
  }

  private openSubscriber(): RedisClient {
    const subscriber = openClient(this.options.address, {});
    // Its silence is noticed by whoever listens; unheard it would be printed.
    subscriber.on("error", () => undefined);
    // The client subscribes again by itself, but not to what it never was subscribed to.
    subscriber.on("ready", () => subscriber.subscribe(...this.channels.keys()).catch(() => undefined));
    subscriber.on("message", (channel: string, text: string) => this.channels.get(channel)?.(text));
    return subscriber;
  }

  private mayBeSent(): boolean {
    if (this.underWay >= COMMANDS_MAX) return false;
    if (!this.isShut) return true;
    return !this.isProbing && this.options.clock.steadyMs() >= this.shutUntilMs;
  }

  private open(): void {
    if (!this.isShut) return;
    this.isShut = false;
    this.options.onChange(true, null);
  }

  private shut(error: Error): void {
    this.shutUntilMs = this.options.clock.steadyMs() + SHUT_MS;
    this.lastError = error;
    if (this.isShut) return;
    this.isShut = true;
    this.options.onChange(false, error);
  }
}

/** An answer of Redis, in words: it is there. Not so where a node says that its cluster is not. */
function isRefusal(error: unknown): boolean {
  const { message } = error as Error;
  return error instanceof ReplyError && !/^(CLUSTERDOWN|LOADING|MASTERDOWN|NOAUTH|WRONGPASS)/.test(message);
}
