/** What `urna dev` sets up by itself, so that one command is all there is to do. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MintForContest } from "../admission/open-admission.ts";
import { parseSecrets, type Secrets } from "../admission/secrets.ts";
import { drawSecrets, readSecretsFile, writeSecretsFile } from "../admission/secrets-file.ts";
import type { Administration } from "../contests/administration.ts";
import type { ContestDirectory } from "../contests/directory.ts";
import { findContest } from "../contests/find-contest.ts";
import type { ContestStore } from "../contests/store.ts";
import { open } from "../contests/transitions.ts";
import { startEmbeddedCluster } from "../embedded/cluster.ts";
import type { Log } from "../runtime/log.ts";
import { TOKEN_LIFETIME_MS } from "./admin.ts";
import { updateSchema } from "./schema.ts";

/** The operator's PostgreSQL if one is named, otherwise an embedded one; its schema brought up to date. */
export async function openDatabase(
  opened: AsyncDisposableStack,
  { databaseUrl, data }: { databaseUrl?: string; data: string },
  log: Log,
): Promise<string> {
  let url = databaseUrl;
  if (url === undefined) {
    const startedMs = performance.now();
    const cluster = opened.use(await startEmbeddedCluster({ folder: data, log }));
    url = cluster.connectionString;
    const { primary, standby } = cluster.nodes;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    log.info(
      { primary: primary.port, standby: standby.port, seconds },
      "PostgreSQL is up, with a synchronous standby",
    );
  }
  await updateSchema(url, log);
  return url;
}

/** The data folder's secrets, drawn when they are needed for the first time, and never again behind elections' back. */
export async function openSecrets(data: string, store: ContestStore, log: Log): Promise<Secrets> {
  const file = join(data, "secrets.json");
  if (!existsSync(file)) {
    const elections = await store.allElections();
    if (elections.length > 0) {
      throw new Error(
        `${file} is missing, and the ledger has ${elections.length} elections that were made with it: ` +
          "restore it from a backup (docs/operations/secrets.md says what its loss means)",
      );
    }
    mkdirSync(data, { recursive: true });
    writeSecretsFile(file, drawSecrets());
    log.info(`the pepper and the first token key are in ${file}: back it up`);
  }
  return parseSecrets(readSecretsFile(file));
}

/** The data folder's admin token, drawn once: a replay that outlives a restart goes on with it. */
export function keptAdminToken(data: string): string {
  const file = join(data, "admin-token");
  if (!existsSync(file)) writeFileSync(file, `${randomBytes(24).toString("base64url")}\n`, { mode: 0o600 });
  return readFileSync(file, "utf8").trim();
}

/** One contest to try things with, where there is none yet. */
export async function offerDemo(administration: Administration): Promise<void> {
  if (await administration.hasPublicContests()) return;
  await administration.createElection({ id: "demo", title: "A first try", allowedOrigins: [] });
  await administration.createContest("demo", {
    id: "demo",
    title: "Which song shall win tonight?",
    method: "single-choice",
    options: ["Harbour Lights", "Seven Bridges", "Snow in June", "The Long Way Home"],
    allowBlank: true,
    resultsVisible: "live",
    opensAtMs: null,
    closesAtMs: null,
  });
  await administration.change("demo", open);
}

export function mintForContest(administration: Administration, directory: ContestDirectory): MintForContest {
  return async (contestId, voterId) => {
    const contest = await findContest(directory, contestId);
    const expiresAtMs = Date.now() + TOKEN_LIFETIME_MS;
    const [token] = await administration.mintVoterTokens(contest.electionId, [voterId], expiresAtMs);
    return token!;
  };
}

export type Announcement = { url: string; adminToken: string; databaseUrl: string; pid: number };

/** Tells people and, through a file of mode 0600 in the data folder, other commands where this Urna is. */
export function announce(data: string, announcement: Announcement): Disposable {
  const file = join(data, "dev.json");
  writeFileSync(file, `${JSON.stringify(announcement, null, 2)}\n`, { mode: 0o600 });
  const { url, adminToken } = announcement;
  console.log(
    `\n  Urna         ${url}\n  Admin token  ${adminToken}\n\n  Ctrl-C stops it; its data stays in ${data}\n`,
  );
  return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
}
