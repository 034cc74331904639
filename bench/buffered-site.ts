/** What bench/buffered.ts measures: three Kafka brokers, a primary and its standby, and each role in a process of its own. */
import { randomBytes } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { drawSecrets, writeSecretsFile } from "../src/admission/secrets-file.ts";
import { Administration } from "../src/client/administration.ts";
import type { BufferingRequest } from "../src/client/contract.ts";
import { Patience } from "../src/client/patience.ts";
import { TokenStock } from "../src/client/token-stock.ts";
import type { ContestAnswer } from "../src/election/answers.ts";
import { VOTERS_PER_CALL_MAX } from "../src/election/election.ts";
import { type EmbeddedCluster, startEmbeddedCluster } from "../src/embedded/cluster.ts";
import { createLog } from "../src/runtime/log.ts";
import { KafkaCluster } from "../test/support/kafka/cluster.ts";
import { type PeerProcess, startPeer } from "./peer-process.ts";
import { processorSeconds } from "./processor-time.ts";
import { scratchFolder } from "./scratch-folder.ts";

const READY_TIMEOUT_MS = 60_000;
const GIVE_UP_AFTER_MS = 60_000;
const MAX_WAL_SIZE = "20GB";

export type ProcessName = "gateway" | "recorder" | "primary" | "standby" | "brokers";
export type ProcessorSeconds = Record<ProcessName, number>;

type StartRole = (role: string, ...flags: string[]) => Promise<PeerProcess>;

export class BufferedSite implements AsyncDisposable {
  private recorder: PeerProcess | null = null;
  /** Of recorders that have ended. */
  private recorderSecondsBefore = 0;
  private voters = 0;

  private constructor(
    private readonly opened: AsyncDisposableStack,
    private readonly startRole: StartRole,
    private readonly cluster: EmbeddedCluster,
    private readonly kafka: KafkaCluster,
    readonly gateway: PeerProcess,
    private readonly administration: Administration,
    private readonly results: Administration,
  ) {}

  /** `runtimeFlags` are Bun's, for a role's process. */
  static async start(runtimeFlags: (role: string) => readonly string[] = () => []): Promise<BufferedSite> {
    await using opened = new AsyncDisposableStack();
    const folder = opened.use(scratchFolder("buffered")).path;
    const kafka = opened.use(await KafkaCluster.start());
    const cluster = opened.use(
      await startEmbeddedCluster({
        ...{ folder: join(folder, "data"), log: createLog("text", "error") },
        settings: { max_wal_size: MAX_WAL_SIZE },
      }),
    );
    const secrets = join(folder, "secrets.json");
    writeSecretsFile(secrets, drawSecrets());
    const adminToken = randomBytes(24).toString("hex");
    const where = ["--host", "127.0.0.1", "--port", "0", "--database-url", cluster.connectionString];
    const flags = [...where, "--log-format", "text", "--log-level", "info"];
    const startRole: StartRole = (role, ...more) =>
      startPeer([...runtimeFlags(role), "src/main.ts", role, ...flags, ...more], READY_TIMEOUT_MS);
    const start: StartRole = async (role, ...more) => opened.use(await startRole(role, ...more));
    const toLog = ["--kafka", kafka.address];
    const keys = ["--secrets-file", secrets];
    const admin = await start("admin", ...keys, ...toLog, "--admin-token", adminToken);
    const gateway = await start("gateway", ...keys, ...toLog);
    const results = await start("results");
    const at = ({ url }: PeerProcess) =>
      new Administration({ url, adminToken }, new Patience(GIVE_UP_AFTER_MS));
    return new BufferedSite(
      opened.move(),
      (role, ...more) => startRole(role, ...toLog, ...more),
      cluster,
      kafka,
      gateway,
      at(admin),
      at(results),
    );
  }

  async startRecorder(): Promise<void> {
    this.recorder = await this.startRole("recorder");
  }

  async stopRecorder(): Promise<void> {
    const { recorder } = this;
    if (recorder === null) return;
    this.recorderSecondsBefore += processorSeconds(recorder.pid);
    this.recorder = null;
    await recorder[Symbol.asyncDispose]();
  }

  /** Open, in an election of its own; null: recorded directly. */
  async createContest(buffering: BufferingRequest | null): Promise<ContestAnswer> {
    const asked = { title: "Bench" };
    const election = await this.administration.createElection(
      buffering === null ? asked : { ...asked, buffering },
    );
    const contest = await this.administration.createContest(election.id, {
      ...{ title: "Bench", method: "single-choice", options: ["A", "B", "C"], allowBlank: false },
    });
    return this.administration.open(contest.id);
  }

  async mint({ election }: ContestAnswer, tokens: number): Promise<TokenStock> {
    const stock = new TokenStock();
    for (let left = tokens; left > 0; left -= VOTERS_PER_CALL_MAX) {
      const ids = Array.from({ length: Math.min(left, VOTERS_PER_CALL_MAX) }, () => `bench-${this.voters++}`);
      stock.add(await this.administration.mintVoterTokens(election, ids));
    }
    return stock;
  }

  async turnout({ id }: ContestAnswer): Promise<number> {
    return (await this.results.results(id)).turnout;
  }

  processorSeconds(): ProcessorSeconds {
    const { primary, standby } = this.cluster.nodes;
    return {
      gateway: processorSeconds(this.gateway.pid),
      recorder:
        this.recorderSecondsBefore + (this.recorder === null ? 0 : processorSeconds(this.recorder.pid)),
      primary: processorSeconds(primary.pid!),
      standby: processorSeconds(standby.pid!),
      brokers: this.kafka.brokers.reduce((sum, { pid }) => sum + processorSeconds(pid), 0),
    };
  }

  /** On the first broker's disk, of all topics that are Urna's. */
  logBytes(): number {
    const data = join(this.kafka.brokers[0]!.folder, "data");
    const partitions = readdirSync(data).filter((name) => /^urna-.*-\d+$/.test(name));
    const files = partitions.flatMap((name) =>
      readdirSync(join(data, name))
        .filter((file) => file.endsWith(".log"))
        .map((file) => statSync(join(data, name, file)).size),
    );
    return files.reduce((sum, size) => sum + size, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopRecorder();
    await this.opened.disposeAsync();
  }
}
