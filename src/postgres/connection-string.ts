/** libpq's several-hosts connection strings, which node-postgres does not read, taken apart into one URL a host. */

const CONNECTION_STRING = /^(postgres(?:ql)?:\/\/)([^@/]*@)?([^/?]+)(\/[^?]*)?(\?.*)?$/;

/**
 * `postgres://user:pw@a:5432,b:5433/urna` → one URL for a, one for b (libpq, section 34.1.1.3).
 * Throws an Error that names the variable when it is not such a string.
 */
export function hostUrls(connectionString: string): string[] {
  const parts = CONNECTION_STRING.exec(connectionString);
  if (parts === null) {
    throw new Error(
      "DATABASE_URL is not a PostgreSQL connection string: write postgres://user:password@host:5432/database " +
        "(several hosts: host1:5432,host2:5432)",
    );
  }
  const [, scheme, user = "", hosts, database = "", query = ""] = parts;
  return hosts!.split(",").map((host) => `${scheme}${user}${host}${database}${query}`);
}

/** The host and port of a one-host URL, for people: never the password. */
export function hostName(url: string): string {
  return new URL(url).host;
}
