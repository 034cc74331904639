/** What all processes of a cluster under test share: a folder, PostgreSQL's binaries and user, passwords and secrets. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SecretsText } from "../../../src/admission/secrets.ts";
import { drawSecrets, writeSecretsFile } from "../../../src/admission/secrets-file.ts";
import { findBinaries } from "../../../src/embedded/binaries.ts";
import { findServerUser } from "../../../src/embedded/server-user.ts";

export type Site = Awaited<ReturnType<typeof openSite>>;

export async function openSite(opened: AsyncDisposableStack) {
  const folder = opened.adopt(makeFolder(), (path) => rmSync(path, { recursive: true, force: true }));
  const binaries = await findBinaries();
  const user = await findServerUser(folder, binaries.postgres);
  const password = randomBytes(24).toString("hex");
  const passwordFile = join(folder, "password");
  user.write(passwordFile, `${password}\n`);
  const secrets: SecretsText = drawSecrets();
  const secretsFile = join(folder, "secrets.json");
  writeSecretsFile(secretsFile, secrets);
  const adminToken = randomBytes(24).toString("base64url");
  return { folder, binaries, user, password, passwordFile, secrets, secretsFile, adminToken };
}

function makeFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "urna-faults-")));
  chmodSync(folder, 0o755); // PostgreSQL may run as another user
  return folder;
}
