/** What the naive peers share: a table of votes, and one INSERT a request out of a pool. */
import { Pool } from "pg";
import { hostUrls } from "../../src/postgres/connection-string.ts";

const POOL_CONNECTIONS = 32;

export class NaiveVotes {
  private constructor(
    private readonly pool: Pool,
    private readonly table: string,
  ) {}

  /** A table of its own, begun anew at every run: the ledger's tables are left alone. */
  static async open(clusterUrl: string, name: string): Promise<NaiveVotes> {
    const pool = await primaryPool(clusterUrl);
    const table = `public.${name}_votes`;
    await pool.query(`DROP TABLE IF EXISTS ${table}`);
    await pool.query(
      `CREATE TABLE ${table} (contest text, voter text, option int, PRIMARY KEY (contest, voter))`,
    );
    return new NaiveVotes(pool, table);
  }

  /** Whether this request recorded it. */
  async record(contest: string, voter: string, selections: readonly number[]): Promise<boolean> {
    const inserted = await this.pool.query(
      `INSERT INTO ${this.table} (contest, voter, option) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
      [contest, voter, selections[0]],
    );
    return inserted.rowCount === 1;
  }
}

/** A pool of the cluster's one server that takes writes. */
async function primaryPool(clusterUrl: string): Promise<Pool> {
  for (const connectionString of hostUrls(clusterUrl)) {
    const candidate = new Pool({ connectionString, max: POOL_CONNECTIONS });
    const { rows } = await candidate.query("SELECT pg_is_in_recovery() AS standby");
    if (!rows[0].standby) return candidate;
    await candidate.end();
  }
  throw new Error("no server of this cluster takes writes");
}
