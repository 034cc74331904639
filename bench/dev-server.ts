/** `urna dev` on a data folder of its own, for as long as a benchmark needs it, with what its processes take told apart. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readDevFile } from "../src/cli/target.ts";
import { Administration } from "../src/client/administration.ts";
import { Patience } from "../src/client/patience.ts";
import type { ContestAnswer } from "../src/election/answers.ts";
import { VOTERS_PER_CALL_MAX } from "../src/election/election.ts";
import { DataFolder } from "../src/embedded/data-folder.ts";
import { type PeerProcess, startPeer } from "./peer-process.ts";
import { memoryBytes, processorSeconds } from "./processor-time.ts";
import { scratchFolder } from "./scratch-folder.ts";

const READY_TIMEOUT_MS = 120_000;
const GIVE_UP_AFTER_MS = 60_000;

export class DevServer implements AsyncDisposable {
  readonly administration: Administration;
  private voters = 0;

  private constructor(
    private readonly opened: AsyncDisposableStack,
    private readonly process: PeerProcess,
    readonly databaseUrl: string,
    private readonly postgres: { primary: number; standby: number },
    adminToken: string,
  ) {
    const target = { url: process.url, adminToken };
    this.administration = new Administration(target, new Patience(GIVE_UP_AFTER_MS));
  }

  static async start(): Promise<DevServer> {
    await using opened = new AsyncDisposableStack();
    const folder = opened.use(scratchFolder("dev")).path;
    const args = ["src/main.ts", "dev", "--port", "0", "--data", folder];
    const process = opened.use(await startPeer(args, READY_TIMEOUT_MS));
    const { databaseUrl, adminToken } = readDevFile(folder)!;
    const data = new DataFolder(folder);
    const postgres = {
      primary: postmasterOf(data.node("primary")),
      standby: postmasterOf(data.node("standby")),
    };
    return new DevServer(opened.move(), process, databaseUrl, postgres, adminToken);
  }

  get url(): string {
    return this.process.url;
  }

  /** So far: of the process that is gateway, admin and results in one; and of both PostgreSQL nodes. */
  processorSeconds(): { gateway: number; postgres: number } {
    const postgres = processorSeconds(this.postgres.primary) + processorSeconds(this.postgres.standby);
    return { gateway: processorSeconds(this.process.pid) - postgres, postgres };
  }

  /** Resident, of the gateway's process. */
  memoryMegabytes(): number {
    return memoryBytes(this.process.pid) / 2 ** 20;
  }

  /** Open, of so many options, in an election of its own. */
  async contest(options: number): Promise<ContestAnswer> {
    const election = await this.administration.createElection({ title: "Bench" });
    const contest = await this.administration.createContest(election.id, {
      ...{ title: "Bench", method: "single-choice", allowBlank: false },
      options: Array.from({ length: options }, (_, i) => `Option ${i + 1}`),
    });
    return this.administration.open(contest.id);
  }

  /** Tokens of so many voters who never had one. */
  async mint({ election }: ContestAnswer, tokens: number): Promise<string[]> {
    const minted: string[][] = [];
    for (let left = tokens; left > 0; left -= VOTERS_PER_CALL_MAX) {
      const ids = Array.from({ length: Math.min(left, VOTERS_PER_CALL_MAX) }, () => `bench-${this.voters++}`);
      minted.push(await this.administration.mintVoterTokens(election, ids));
    }
    return minted.flat();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.opened.disposeAsync();
  }
}

function postmasterOf(node: string): number {
  return Number(readFileSync(join(node, "postmaster.pid"), "utf8").split("\n")[0]);
}
