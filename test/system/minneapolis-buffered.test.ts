/** The real election of minneapolis.test.ts through the buffered path, while a broker, a recorder and a primary are killed. */
import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drawSecrets, writeSecretsFile } from "../../src/admission/secrets-file.ts";
import type { JournalEntry } from "../../src/cli/replay-journal.ts";
import { ledgerOfStream } from "../../src/election/buffering.ts";
import type { Receipt } from "../../src/election/receipt.ts";
import { type EmbeddedCluster, startEmbeddedCluster } from "../../src/embedded/cluster.ts";
import { createLog } from "../../src/runtime/log.ts";
import { eventually } from "../support/eventually.ts";
import { startFront } from "../support/front.ts";
import { KafkaCluster } from "../support/kafka/cluster.ts";
import { RoleProcess, type RoleProcessOptions } from "../support/role-process.ts";
import { finished, startUrna } from "../support/urna-process.ts";

const EXAMPLE = join(import.meta.dir, "../../examples/minneapolis-2013-mayor");
const RECORDS = join(EXAMPLE, "ballots.csv.gz");
const ELECTION = "minneapolis-2013-mayor";
const CONTEST = "minneapolis-2013-mayor-ballots";
const MINUTE_MS = 60_000;
const PARTITIONS = "6";
const BUFFERED = ["--buffered", "--partitions", PARTITIONS];

type Expected = {
  valid: number;
  undervotes: number;
  overvotes: number;
  firstChoices: Record<string, number>;
};
const expected = JSON.parse(readFileSync(join(EXAMPLE, "expected-first-choices.json"), "utf8")) as Expected;
const RECORDED = expected.valid + expected.undervotes;

class Deployment implements AsyncDisposable {
  private constructor(
    private readonly opened: AsyncDisposableStack,
    readonly folder: string,
    /** What its commands and roles are told in the environment. */
    readonly environment: Record<string, string>,
    readonly kafka: KafkaCluster,
    readonly east: EmbeddedCluster,
    readonly recorders: readonly RoleProcess[],
    private readonly url: string,
  ) {}

  static async start(): Promise<Deployment> {
    await using opened = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), "urna-minneapolis-"));
    chmodSync(folder, 0o755); // PostgreSQL may run as another user.
    opened.defer(() => rmSync(folder, { recursive: true, force: true }));
    const kafka = opened.use(await KafkaCluster.start());
    const log = createLog("text", "silent");
    const [home, east] = await Promise.all(
      ["home", "east"].map(async (name) =>
        opened.use(await startEmbeddedCluster({ folder: join(folder, name), log })),
      ),
    );
    const secretsFile = join(folder, "secrets.json");
    writeSecretsFile(secretsFile, drawSecrets());
    const environment = {
      DATABASE_URL: home!.connectionString,
      URNA_LEDGERS: `east=${east!.connectionString}`,
      URNA_KAFKA: kafka.address,
      URNA_SECRETS_FILE: secretsFile,
      URNA_ADMIN_TOKEN: "an-admin-token-for-tests",
    };
    const start = async (role: RoleProcessOptions["role"], name: string = role) =>
      opened.use(await RoleProcess.start({ role, folder: join(folder, name), environment }));
    const admin = await start("admin");
    const both = (role: "gateway" | "recorder") =>
      Promise.all([start(role, `${role}1`), start(role, `${role}2`)]);
    const [gateways, recorders, results] = await Promise.all([
      both("gateway"),
      both("recorder"),
      start("results"),
    ]);
    const backends = { admin: admin.url, results: results.url, gateways: gateways.map(({ url }) => url) };
    const front = startFront(backends);
    opened.defer(() => front.stop(true));
    const { href: url } = front.url;
    const told = { ...environment, URNA_URL: url };
    return new Deployment(opened.move(), folder, told, kafka, east!, recorders, url);
  }

  urna(...given: string[]) {
    return finished(startUrna(given, this.environment));
  }

  async get<Answer>(path: string): Promise<Answer> {
    const response = await fetch(new URL(path, this.url));
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return (await response.json()) as Answer;
  }

  recorded(count: number): Promise<boolean> {
    return eventually(
      `${count} ballots are recorded`,
      async () => (await this.get<{ turnout: number }>(`/v1/contests/${CONTEST}/results`)).turnout >= count,
      5 * MINUTE_MS,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened.disposeAsync();
  }
}

type Results = {
  ballots: number;
  blank: number;
  final: boolean;
  counts: { option: number; votes: number }[];
};

async function expectCounts(deployment: Deployment): Promise<void> {
  const { options } = await deployment.get<{ options: { number: number; title: string }[] }>(
    `/v1/contests/${CONTEST}`,
  );
  // The admin said that it is final; the results process may have known of another state a second ago.
  const { counts, ...results } = await eventually("the results process knows that it is final", async () => {
    const now = await deployment.get<Results>(`/v1/contests/${CONTEST}/results`);
    if (!now.final) throw new Error("it is not final there");
    return now;
  });
  const titles = new Map(options.map(({ number, title }) => [number, title]));
  expect(Object.fromEntries(counts.map(({ option, votes }) => [titles.get(option), votes]))).toEqual(
    expected.firstChoices,
  );
  expect(results).toMatchObject({ ballots: RECORDED, blank: expected.undervotes, final: true });
}

/** By voter, where the ledger says that the accepted ballot was recorded. */
function recordedReceipts(journal: string): Map<string, Receipt> {
  const entries = readFileSync(journal, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as JournalEntry);
  const recorded = entries.filter(({ fate }) => fate === "recorded");
  return new Map(recorded.map(({ voter, receipt }) => [voter, receipt as Receipt]));
}

test(
  "every vote of the file comes out, whatever is killed on the way, and each accepted ballot's fate is told",
  async () => {
    await using deployment = await Deployment.start();
    const { kafka, east, recorders, folder } = deployment;
    const named = ["--id", ELECTION, "--title", `Replay of ${ELECTION}`];
    const created = await deployment.urna(
      ...["election", "create", ...named, ...BUFFERED, "--ledger", "home", "east"],
    );
    expect(created.stdout).toContain(`(buffered: ${PARTITIONS} partitions; recorded in home, east)`);

    const journal = join(folder, "answers.ndjson");
    const patience = ["--give-up-after", "120", "--connections", "256"];
    const replaying = deployment.urna(
      "replay",
      RECORDS,
      ...BUFFERED,
      ...patience,
      "--journal",
      journal,
      "--json",
    );
    await deployment.recorded(5_000);
    await kafka.brokers[0]!.end("SIGKILL");
    await deployment.recorded(20_000);
    await recorders[0]!.kill();
    await deployment.recorded(35_000);
    process.kill(east.nodes.primary.pid!, "SIGKILL");

    const { exitCode, stdout, stderr } = await replaying;
    if (exitCode !== 0) throw new Error(`the replay failed: ${stdout} ${stderr.slice(-3_000)}`);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ acceptedNow: RECORDED, recorded: RECORDED, refused: { invalid_ballot: expected.overvotes } },
      ...{ recordedNow: 0, recordedBefore: 0, duplicate: 0, rejected: 0, unknownReceipts: 0 },
      ...{ unsettled: 0, unresolved: 0, malformed: 0 },
    });
    const receipts = recordedReceipts(journal);
    expect(receipts.size).toBe(RECORDED);
    const ledgers = new Set([...receipts.values()].map(({ stream }) => ledgerOfStream(stream)));
    expect([...ledgers].sort()).toEqual([0, 1]);

    const closing = await deployment.urna("election", "close", CONTEST, "--wait");
    expect(closing).toMatchObject({ exitCode: 0 });
    await expectCounts(deployment);
    const recount = await deployment.urna("recount");
    expect(recount).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("clean") });
  },
  15 * MINUTE_MS,
);
