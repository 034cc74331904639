/** Snapshots of a ledger's tally through Redis: a channel on which they are told, and a lease on who tells them. */
import { randomUUID } from "node:crypto";
import type { SnapshotRelay } from "../results/shared-tally.ts";
import type { Clock } from "../runtime/clock.ts";
import type { RedisConnection } from "./connection.ts";
import { keyOf } from "./keys.ts";
import { RedisSharedText } from "./shared-text.ts";

/**
 * Takes or keeps the lease. What stands under its key and is no lease, another type, or without an end in sight, would
 * never pass by itself: it is replaced.
 */
const LEAD = `
  local kind = redis.call('TYPE', KEYS[1]).ok
  if kind == 'string' and redis.call('GET', KEYS[1]) ~= ARGV[1] then
    local left = redis.call('PTTL', KEYS[1])
    if left > 0 and left <= tonumber(ARGV[2]) then return 0 end
  end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1`;

const RESIGN = `if redis.pcall('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

/** While another process leads, which tells ten a second. */
const UNHEARD_MS_MAX = 3_000;
/** Older snapshots are of no use to anybody. */
const LATEST_LIFETIME_MS = 5_000;
/** As long as a snapshot may be (results/snapshot.ts): all its characters are ASCII. */
const LATEST_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Whoever was away when something was told never hears it; whoever comes hears at once what was told last, whether or not
 * anybody leads at that moment. Messages go to everybody who has the channel, also across a cluster's nodes. Failures of
 * Redis are the connection's to tell.
 */
export class RedisSnapshotRelay implements SnapshotRelay {
  private readonly process = randomUUID();
  private readonly channel: string;
  private readonly lease: string;
  private readonly latest: RedisSharedText;
  /** By the steady clock; or when the subscription was last made again. */
  private heardAtMs: number;

  constructor(
    private readonly connection: RedisConnection,
    owner: string,
    private readonly clock: Clock,
  ) {
    this.heardAtMs = clock.steadyMs();
    this.channel = keyOf(owner, "tally");
    this.lease = keyOf(owner, "tally-leader");
    const key = { owner, name: "tally-latest", lifetimeMs: LATEST_LIFETIME_MS, bytesMax: LATEST_BYTES_MAX };
    this.latest = new RedisSharedText(connection, key);
  }

  onMessage(hear: (text: string) => void): void {
    this.connection.subscribe(this.channel, (text) => {
      this.heardAtMs = this.clock.steadyMs();
      hear(text);
    });
    void this.latest.read().then((text) => text !== null && hear(text));
  }

  tell(text: string): void {
    this.connection.run((client) => client.publish(this.channel, text)).catch(() => undefined);
    this.latest.write(text);
  }

  async lead(leaseMs: number): Promise<boolean> {
    const asked = this.connection.run((client) => client.eval(LEAD, 1, this.lease, this.process, leaseMs));
    const answer = await asked.catch(() => null);
    if (answer === 0) this.expectMessages();
    return answer === 1;
  }

  async resign(): Promise<void> {
    await this.connection
      .run((client) => client.eval(RESIGN, 1, this.lease, this.process))
      .catch(() => undefined);
  }

  /** Another process leads, and is heard, unless the connection is one whose other end is gone without a word. */
  private expectMessages(): void {
    const nowMs = this.clock.steadyMs();
    if (nowMs - this.heardAtMs < UNHEARD_MS_MAX) return;
    this.heardAtMs = nowMs;
    this.connection.renewSubscription();
  }
}
