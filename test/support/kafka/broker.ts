/** One broker of a test cluster: a Java process that can be killed, frozen, and started again on what it has. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { GuardedProcess } from "../guarded-process.ts";

const READY_WITHIN_MS = 60_000;
const JAVA = [
  "java",
  ...["-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
  "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
];
const READY = "Kafka Server started";

export class Broker {
  /** Owned by launch(). */
  private process: GuardedProcess | undefined;
  private readonly log: string;

  constructor(
    readonly nodeId: number,
    readonly port: number,
    readonly securePort: number,
    /** Its data is in `data` there. */
    readonly folder: string,
    private readonly classPath: string,
    private readonly settings: Record<string, string | number>,
  ) {
    this.log = join(folder, "broker.log");
  }

  /** The process alone: a cluster's first brokers become ready only together. */
  async launch(): Promise<void> {
    const file = join(this.folder, "broker.properties");
    writeFileSync(
      file,
      Object.entries(this.settings)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(""),
    );
    writeFileSync(this.log, "");
    const command = [...JAVA, "-cp", this.classPath, "kafka.Kafka", file];
    this.process = await GuardedProcess.start({ command, folder: this.folder, log: this.log });
  }

  /** Until it takes requests. */
  async ready(): Promise<void> {
    const { process } = this;
    await eventually(
      `broker ${this.nodeId} is ready`,
      () => process!.hasEnded || process!.lastWords.includes(READY),
      READY_WITHIN_MS,
    );
    if (process!.hasEnded) throw new Error(`broker ${this.nodeId} ended: ${process!.lastWords}`);
  }

  /** Again, on the same data and ports. */
  async start(): Promise<void> {
    await this.launch();
    await this.ready();
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.process?.end(signal);
  }

  freeze(): Disposable {
    return this.process!.freeze();
  }

  /** The end of what it said since it was launched. */
  get lastWords(): string {
    return this.process?.lastWords ?? "";
  }

  get isRunning(): boolean {
    return this.process !== undefined && !this.process.hasEnded;
  }

  get pid(): number {
    return this.process!.pid;
  }
}
