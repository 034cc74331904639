/** The log's gate: whether what is appended to a topic now can be lost, as the brokers themselves say. */
import type { DurabilityCheck } from "../recording/durability.ts";
import { Inquiry } from "../recording/inquiry.ts";
import type { Clock } from "../runtime/clock.ts";
import type { LogInspector, Topic } from "./log.ts";

export type LogGateOptions = {
  pollMs: number;
  /** An answer that is older keeps no gate open. */
  ageMsMax: number;
  /** Topics that nobody has appended to for so long are not asked about any more. */
  forgetMs: number;
  clock: Clock;
  /** Told when other checks of a topic fail than a moment ago. */
  onChange: (topic: string, faults: readonly DurabilityCheck[]) => void;
};

type Watched = {
  topic: Topic;
  inquiry: Inquiry<readonly DurabilityCheck[]>;
  usedAtMs: number;
  /** The checks that failed when somebody was last told. */
  told: string;
};

const TOO_OLD: readonly DurabilityCheck[] = [
  {
    check: "log gate",
    ok: false,
    found: "not checked for too long",
    mend: "see whether this process has the CPU time that it needs, and whether Kafka answers",
  },
];

export class LogGate {
  /** By id: a topic that was made anew is another one. */
  private readonly watched = new Map<string, Watched>();
  /** Asked also while nobody appends: a gateway that can't reach the log should get no traffic. */
  private readonly reached: Inquiry<DurabilityCheck>;

  constructor(
    private readonly inspector: LogInspector,
    private readonly options: LogGateOptions,
  ) {
    const reach = () => inspector.reach().then(() => REACHED, unreached);
    this.reached = new Inquiry(reach, options.clock);
  }

  /**
   * What forbids accepting into that topic now. Known at once, so that it may be asked for every ballot, but for the
   * first time, when it comes with the answer, which is in bounded time.
   */
  faultsOf(topic: Topic): readonly DurabilityCheck[] | Promise<readonly DurabilityCheck[]> {
    const watched = this.watch(topic);
    watched.usedAtMs = this.options.clock.steadyMs();
    if (watched.inquiry.answer !== undefined) return this.judge(watched);
    return this.ask(watched).then(() => this.judge(watched));
  }

  /** What forbids accepting into any topic that is in use, or at all. */
  get faults(): readonly DurabilityCheck[] {
    const { answer = NOT_REACHED_YET } = this.reached;
    const ofTopics = [...this.watched.values()].flatMap((watched) =>
      watched.inquiry.answer === undefined ? [] : this.judge(watched),
    );
    return answer.ok ? ofTopics : [answer, ...ofTopics];
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, pollMs, forgetMs } = this.options;
    while (!signal.aborted) {
      void this.reached.put();
      for (const [id, watched] of this.watched) {
        if (clock.steadyMs() - watched.usedAtMs > forgetMs) this.watched.delete(id);
        else void this.ask(watched);
      }
      await clock.pause(pollMs, signal);
    }
  }

  private watch(topic: Topic): Watched {
    let watched = this.watched.get(topic.id);
    if (watched === undefined) {
      const ask = () => this.inspector.inspect(topic).catch((error: Error) => [unanswered(topic, error)]);
      watched = { topic, inquiry: new Inquiry(ask, this.options.clock), usedAtMs: 0, told: "" };
      this.watched.set(topic.id, watched);
    }
    return watched;
  }

  private async ask(watched: Watched): Promise<void> {
    await watched.inquiry.put();
    const faults = this.judge(watched);
    const names = faults.map(({ check }) => check).join("; ");
    if (names === watched.told) return;
    watched.told = names;
    this.options.onChange(watched.topic.name, faults);
  }

  private judge({ inquiry }: Watched): readonly DurabilityCheck[] {
    const faults = inquiry.answer!.filter(({ ok }) => !ok);
    const ageMs = this.options.clock.steadyMs() - inquiry.askedAtMs;
    return faults.length === 0 && ageMs > this.options.ageMsMax ? TOO_OLD : faults;
  }
}

const KAFKA = {
  check: "Kafka",
  mend: "start the brokers, let this machine reach them, or see --kafka (URNA_KAFKA)",
};
const REACHED: DurabilityCheck = { ...KAFKA, ok: true, found: "answers" };
const NOT_REACHED_YET: DurabilityCheck = { ...KAFKA, ok: false, found: "not asked yet" };

function unreached({ message }: Error): DurabilityCheck {
  return { ...KAFKA, ok: false, found: message };
}

function unanswered({ name }: Topic, { message }: Error): DurabilityCheck {
  const mend = "start Kafka's brokers, and let this machine reach them";
  return { check: `${name} asked`, ok: false, found: message, mend };
}
