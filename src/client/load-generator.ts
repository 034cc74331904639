/** Generates load: distinct voters' ballots on many connections, as fast as answers come or at a fixed rate. */
import { BallotTemplate, NonceCounter } from "./ballot-template.ts";
import { Connection, type ExchangeFailure, type Origin, originOf } from "./connection.ts";
import { LatencyHistogram } from "./latency-histogram.ts";
import { PlaceSet } from "./place-set.ts";
import { parseProblem, parseRetryAfterMs } from "./problem.ts";
import type { ResponseReader } from "./response-reader.ts";
import type { TokenStock } from "./token-stock.ts";

export type LoadPlan = {
  url: string;
  contest: string;
  /** How many of the contest's options are voted for, in turn; at most 9. */
  options: number;
  connections: number;
  /** Ballots a second whatever the answers do, or null: each connection casts when it has its answer. */
  ratePerSecond: number | null;
  /**
   * What counts: a 201 with a place in the ledger that no other receipt names; of a buffered contest a 202 with a place in
   * the log that no other one names; or, for peers without a ledger, any 201.
   */
  evidence: "recorded" | "accepted" | "status";
};

/** What was seen while the clock ran. */
export class Measurement {
  clockMs = 0;
  /** Distinct durable ballots, recorded or accepted, answered while the clock ran, and after it had stopped. */
  durable = 0;
  durableLate = 0;
  /** 201 or 202 answers that name a place that another one names, or none. */
  unproved = 0;
  /** Ballots without an answer, and with one that does not tell: each may have been recorded or not. */
  unknown = 0;
  /** Ballots that no connection could be made for. */
  notSent = 0;
  /** By status and code; `no answer` too. */
  readonly answers = new Map<string, number>();
  /** Of ballots answered while the clock ran: those that are durable, and the others. */
  readonly latency = new LatencyHistogram();
  readonly refusalLatency = new LatencyHistogram();

  /** Of all that were answered while the clock ran. */
  get answered(): number {
    return this.latency.count + this.refusalLatency.count;
  }

  time(isDurable: boolean, latencyMs: number): void {
    (isDurable ? this.latency : this.refusalLatency).record(latencyMs);
  }

  count(answer: string): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
  }
}

const PACE_MS = 1;
const REST_MS = 250;
const REST_MS_MAX = 5_000;
const PLACE = /"stream":(\d+),"seq":(\d+),"index":(\d+)/;
const PLACE_IN_LOG = /"partition":(\d+),"offset":(\d+)/;
/** Offsets are kept as places of blocks of so many. */
const OFFSETS_PER_BLOCK = 4096;

type Caster = { connection: Connection; template: BallotTemplate; startedAtMs: number };

/** One round at a time; the connections stay open between rounds. Every ballot is sent once and never repeated. */
export class LoadGenerator {
  private readonly casters: Caster[];
  /** Casters that wait for a ballot to fall due; only with a fixed rate. */
  private readonly idle: Caster[] = [];
  private readonly places = new PlaceSet();
  private stock: TokenStock | null = null;
  private measurement = new Measurement();
  private round = 0;
  private clockRuns = false;
  private startedAtMs = 0;
  private begun = 0;
  private inFlight = 0;
  private finish: () => void = () => {};

  constructor(private readonly plan: LoadPlan) {
    const origin = originOf(plan.url);
    const nonces = new NonceCounter();
    this.casters = Array.from({ length: plan.connections }, () => this.newCaster(origin, nonces));
  }

  /** Runs the clock until the time is up or the tokens are gone, and resolves when no ballot is in flight. */
  async run(stock: TokenStock, durationMs: number, measurement: Measurement): Promise<void> {
    const finished = new Promise<void>((resolve) => {
      this.finish = resolve;
    });
    this.stock = stock;
    this.measurement = measurement;
    this.round++;
    this.begun = 0;
    this.clockRuns = true;
    this.startedAtMs = performance.now();
    const clock = setTimeout(() => this.stopClock(), durationMs);
    const pace = this.plan.ratePerSecond === null ? null : setInterval(() => this.castDue(), PACE_MS);
    this.idle.length = 0;
    for (const caster of this.casters) this.ready(caster);
    await finished;
    clearTimeout(clock);
    if (pace !== null) clearInterval(pace);
  }

  close(): void {
    for (const { connection } of this.casters) connection.close();
  }

  private newCaster(origin: Origin, nonces: NonceCounter): Caster {
    const caster: Caster = {
      connection: new Connection(origin, {
        answered: (response) => this.answered(caster, response),
        failed: (failure) => this.failed(caster, failure),
      }),
      template: new BallotTemplate(origin, this.plan.contest, nonces),
      startedAtMs: 0,
    };
    return caster;
  }

  private ready(caster: Caster): void {
    if (!this.clockRuns) {
      if (this.inFlight === 0) this.finish();
    } else if (this.plan.ratePerSecond === null) {
      this.cast(caster, performance.now());
    } else {
      this.idle.push(caster);
      this.castDue();
    }
  }

  /** A ballot's time runs from when it was due, also when no connection was free then. */
  private castDue(): void {
    const intervalMs = 1000 / this.plan.ratePerSecond!;
    while (this.clockRuns && this.idle.length > 0) {
      const dueAtMs = this.startedAtMs + this.begun * intervalMs;
      if (dueAtMs > performance.now()) return;
      this.cast(this.idle.shift()!, dueAtMs);
    }
  }

  private cast(caster: Caster, startedAtMs: number): void {
    const token = this.stock!.take();
    if (token === null) {
      this.stopClock();
      return;
    }
    caster.startedAtMs = startedAtMs;
    this.inFlight++;
    caster.connection.send(caster.template.fill(token, (this.begun++ % this.plan.options) + 1));
  }

  private answered(caster: Caster, response: ResponseReader): void {
    this.inFlight--;
    const isDurable = response.status === (this.plan.evidence === "accepted" ? 202 : 201);
    if (this.clockRuns) this.measurement.time(isDurable, performance.now() - caster.startedAtMs);
    if (isDurable) {
      this.judge(response);
      this.ready(caster);
      return;
    }
    const code = parseProblem(response.body.toString())?.code ?? "";
    this.measurement.count(`${response.status} ${code}`.trimEnd());
    if (response.status >= 500 && code !== "not_recorded") this.measurement.unknown++;
    if (response.status === 429 || response.status >= 500) this.rest(caster, response.retryAfter);
    else this.ready(caster);
  }

  private judge(response: ResponseReader): void {
    const measurement = this.measurement;
    measurement.count(String(response.status));
    if (this.plan.evidence !== "status" && !this.isNewPlace(response.body.toString("latin1"))) {
      measurement.unproved++;
      return;
    }
    if (this.clockRuns) measurement.durable++;
    else measurement.durableLate++;
  }

  private isNewPlace(body: string): boolean {
    if (this.plan.evidence === "accepted") {
      const [, partition, offset] = (PLACE_IN_LOG.exec(body) ?? []).map(Number);
      if (partition === undefined || offset === undefined) return false;
      return this.places.add(partition, Math.floor(offset / OFFSETS_PER_BLOCK), offset % OFFSETS_PER_BLOCK);
    }
    const [, stream, seq, index] = (PLACE.exec(body) ?? []).map(Number);
    return stream !== undefined && this.places.add(stream, seq!, index!);
  }

  private failed(caster: Caster, { sent, reason }: ExchangeFailure): void {
    this.inFlight--;
    this.measurement.count(sent ? "no answer" : `not sent: ${reason}`);
    if (sent) this.measurement.unknown++;
    else this.measurement.notSent++;
    this.rest(caster, null);
  }

  /** A server that is not well is asked again after a moment; at a fixed rate whoever is due next is somebody else. */
  private rest(caster: Caster, retryAfter: string | null): void {
    if (!this.clockRuns || this.plan.ratePerSecond !== null) {
      this.ready(caster);
      return;
    }
    // Retry-After has whole seconds: without more than that, those who were refused together would come back together.
    const askedMs = Math.min(parseRetryAfterMs(retryAfter, Date.now()) ?? REST_MS, REST_MS_MAX);
    const restMs = askedMs * (1 + Math.random());
    const round = this.round;
    setTimeout(() => {
      // The next round has started every caster anew.
      if (this.clockRuns && round === this.round) this.ready(caster);
    }, restMs);
  }

  private stopClock(): void {
    if (!this.clockRuns) return;
    this.clockRuns = false;
    this.measurement.clockMs += performance.now() - this.startedAtMs;
    if (this.inFlight === 0) this.finish();
  }
}
