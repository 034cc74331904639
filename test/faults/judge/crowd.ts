/**
 * A crowd at once, each voter with one request, on as many connections as that takes. fetch has at most 256 requests
 * under way, and would hold back the very load that is wanted.
 */
import { setTimeout as pause } from "node:timers/promises";
import { ballotRequest } from "../../../src/client/ballot-request.ts";
import { Connection, originOf } from "../../../src/client/connection.ts";
import type { Random } from "../random.ts";
import { type Journal, saidBy } from "./journal.ts";
import type { Gateway, Polls } from "./voters.ts";

export type CrowdOptions = Polls & { journal: Journal; random: Random };

const CONNECTIONS_MAX = 4_000;
const TICK_MS = 10;
/** Far below the gateways' deadline. */
const AT_ONCE_MS = 500;

export class Crowd implements Disposable {
  private readonly options: CrowdOptions;
  private readonly idle: Caster[] = [];
  private readonly casters: Caster[] = [];
  private arrived = 0;

  constructor(options: CrowdOptions) {
    this.options = options;
  }

  /** The most that is recorded or accepted in a second: so many voters at a time, the next one when one was answered. */
  async peak(voters: number, durationMs: number): Promise<number> {
    const { journal } = this.options;
    const promised = () => journal.acknowledged + journal.accepted;
    const before = promised();
    const untilMs = performance.now() + durationMs;
    const queue = async () => {
      while (performance.now() < untilMs) await this.cast();
    };
    await Promise.all(Array.from({ length: voters }, queue));
    return ((promised() - before) * 1000) / durationMs;
  }

  /**
   * So many voters a second, whatever becomes of them. Past the bound on connections they do not get through at all.
   * Resolves with how many were refused at once.
   */
  async rush(perSecond: number, durationMs: number): Promise<number> {
    const startedMs = performance.now();
    const casts: Promise<boolean>[] = [];
    for (let elapsedMs = 0; elapsedMs < durationMs; elapsedMs = performance.now() - startedMs) {
      while (casts.length < (elapsedMs * perSecond) / 1000) casts.push(this.cast());
      await pause(TICK_MS);
    }
    const areRefused = await Promise.all(casts);
    return areRefused.filter((isRefused) => isRefused).length;
  }

  /** Whether it was refused at once. */
  private async cast(): Promise<boolean> {
    const { journal, random, contest } = this.options;
    const caster = this.idle.pop() ?? this.connect();
    if (caster === undefined) return false;
    const voter = `crowd-${++this.arrived}`;
    const ballot = {
      voter,
      selections: [random.whole(1, contest.options)],
      nonce: random.bytes(16).toString("base64url"),
    };
    const id = journal.request(caster.gateway.name, ballot);
    const startedMs = performance.now();
    const code = await caster.cast(id, { contest: contest.id, token: contest.mint(voter), ...ballot });
    this.idle.push(caster);
    return code === "not_recorded" && performance.now() - startedMs < AT_ONCE_MS;
  }

  private connect(): Caster | undefined {
    if (this.casters.length >= CONNECTIONS_MAX) return undefined;
    const { gateways, journal } = this.options;
    const caster = new Caster(gateways[this.casters.length % gateways.length]!, journal);
    this.casters.push(caster);
    return caster;
  }

  [Symbol.dispose](): void {
    for (const caster of this.casters) caster.close();
  }
}

/** One connection to one gateway, with one ballot under way. */
class Caster {
  private readonly connection: Connection;
  /** Owned by {@link cast}. */
  private request = 0;
  private settle: (code: string | null) => void = () => undefined;

  constructor(
    readonly gateway: Gateway,
    journal: Journal,
  ) {
    this.connection = new Connection(originOf(gateway.url), {
      answered: ({ status, body }) => {
        const said = saidBy("cast", status, JSON.parse(body.toString()));
        journal.answer(this.request, said);
        this.settle(said.code);
      },
      failed: ({ reason }) => {
        journal.failure(this.request, reason);
        this.settle(null);
      },
    });
  }

  /** Resolves with the code that it was refused with, or null. */
  cast(
    request: number,
    { voter: _, ...ballot }: Parameters<typeof ballotRequest>[1] & { voter: string },
  ): Promise<string | null> {
    this.request = request;
    return new Promise((resolve) => {
      this.settle = resolve;
      this.connection.send(ballotRequest(originOf(this.gateway.url), ballot));
    });
  }

  close(): void {
    this.connection.close();
  }
}
