/** Every setting of the roles: one table that drives flags, environment names, --help and the checks at start. */
import { InvalidArgumentError, Option } from "commander";
import { InvalidSecretError } from "./invalid-secret.ts";
import { parseRedisAddress } from "./redis-address.ts";

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

export type NamedLedger = { name: string; databaseUrl: string };

const LEDGER = /^([a-z0-9][a-z0-9-]{0,62})=(postgres(?:ql)?:\/\/\S+)$/;
/** A further ledger's number is below 128. */
const LEDGERS_MAX = 127;

/** `east=postgres://… west=postgres://…`; what is wrong is told without what may be a password. */
export function parseLedgers(text: string): NamedLedger[] {
  const ledgers = text.split(/\s+/).filter((each) => each !== "");
  const named = ledgers.map((each, i) => {
    const [, name, databaseUrl] = LEDGER.exec(each) ?? [];
    if (name !== undefined && name !== "home") return { name, databaseUrl: databaseUrl! };
    throw new InvalidSecretError(
      `--ledgers (URNA_LEDGERS), ledger ${i + 1}: write name=postgres://user:password@host1,host2/database, ` +
        "several of them with a space between; a name has a-z, 0-9 and -, and is not home",
    );
  });
  if (named.length > LEDGERS_MAX) {
    throw new InvalidSecretError(`--ledgers (URNA_LEDGERS): ${LEDGERS_MAX} at most`);
  }
  const names = named.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new InvalidSecretError(`--ledgers (URNA_LEDGERS): ledger ${twice} is named twice`);
  return named;
}

/** docs/decisions/0013-one-lane.md */
export const LANES_BY_DEFAULT = 1;

const ADMIN_TOKEN_CHARACTERS_MIN = 16;

/** A bearer token (RFC 6750, section 2.1) that nobody guesses; with a space in it no request could ever show it. */
function adminToken(text: string): string {
  if (text.length >= ADMIN_TOKEN_CHARACTERS_MIN && /^[\w.~+/-]+=*$/.test(text)) return text;
  throw new InvalidSecretError(
    "--admin-token (URNA_ADMIN_TOKEN) must have at least " +
      `${ADMIN_TOKEN_CHARACTERS_MIN} characters, of A-Z a-z 0-9 - . _ ~ + / and = at the end`,
  );
}

/** A field name of HTTP (RFC 9110, section 5.1). */
function headerName(text: string): string {
  if (/^[!#$%&'*+.^_`|~\w-]+$/.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError("It must be a header's name, like X-Forwarded-For.");
}

function option(flags: string, environment: string, description: string): Option {
  return new Option(flags, description).env(environment);
}

export const OPTIONS = {
  port: () =>
    option("--port <number>", "URNA_PORT", "port to listen on; 0 takes a free one")
      .default(8080)
      .argParser(wholeNumber(0, 65_535)),
  host: (fallback: string) =>
    option("--host <address>", "URNA_HOST", "address to listen on").default(fallback),
  data: () => option("--data <folder>", "URNA_DATA", "data folder").default(".urna"),
  adminToken: () =>
    option(
      "--admin-token <token>",
      "URNA_ADMIN_TOKEN",
      `what administration calls must show; at least ${ADMIN_TOKEN_CHARACTERS_MIN} characters`,
    ).argParser(adminToken),
  databaseUrl: () =>
    option(
      "--database-url <url>",
      "DATABASE_URL",
      "the ledger: postgres://user:password@host1:5432,host2:5432/database, with every host that may be primary",
    ),
  ledgers: () =>
    option(
      "--ledgers <ledgers>",
      "URNA_LEDGERS",
      "further ledgers that record buffered elections' ballots: name=postgres://…, several with a space between",
    )
      .default([], "none")
      .argParser(parseLedgers),
  kafka: () =>
    option(
      "--kafka <url>",
      "URNA_KAFKA",
      "Kafka, for buffered elections: kafka://host1:9092,host2:9092, or kafkas://user:password@… with TLS",
    ),
  partitions: () =>
    option(
      "--partitions <number>",
      "URNA_PARTITIONS",
      "partitions of a buffered election's topic, where its organiser names no number",
    )
      .default(32)
      .argParser(wholeNumber(1, 10_000)),
  redis: () =>
    option(
      "--redis <address>",
      "URNA_REDIS",
      "what processes share, if there is one: redis://user:password@host:6379/0, rediss:// for TLS, or several hosts of a cluster",
    ).argParser(parseRedisAddress),
  clientAddressHeader: () =>
    option(
      "--client-address-header <name>",
      "URNA_CLIENT_ADDRESS_HEADER",
      "header in which whatever stands before this role says who called; its last address is believed",
    ).argParser(headerName),
  url: () => option("--url <url>", "URNA_URL", "where Urna answers (default: the running urna dev)"),
  secretsFile: () =>
    option(
      "--secrets-file <file>",
      "URNA_SECRETS_FILE",
      "file with the pepper and the token keys (see urna keys)",
    ),
  overrideGate: () =>
    option(
      "--unsafe-override-gate",
      "URNA_UNSAFE_OVERRIDE_GATE",
      "record although PostgreSQL could lose it; every receipt will say so",
    ).default(false),
  deadlineMs: () =>
    option("--deadline-ms <ms>", "URNA_DEADLINE_MS", "within this time every ballot has an answer")
      .default(5_000)
      .argParser(wholeNumber(100, 60_000)),
  drainMs: () =>
    option(
      "--drain-ms <ms>",
      "URNA_DRAIN_MS",
      "so long after the close a ballot that arrived before it may still be recorded",
    )
      .default(3_000)
      .argParser(wholeNumber(0, 600_000)),
  lanes: () =>
    option("--lanes <number>", "URNA_LANES", "batches in flight at once; each has a connection and a stream")
      .default(LANES_BY_DEFAULT)
      .argParser(wholeNumber(1, 64)),
  batchBallotsMax: () =>
    option(
      "--batch-ballots-max <number>",
      "URNA_BATCH_BALLOTS_MAX",
      "ballots in a batch; so many may wait for a lane's next one, and further ones are refused at once",
    )
      .default(4_000)
      .argParser(wholeNumber(1, 10_000)),
  ballotsPerSecondMax: () =>
    option(
      "--ballots-per-second-max <number>",
      "URNA_BALLOTS_PER_SECOND_MAX",
      "what this gateway is rated for: more are refused at once (by default it takes what it can)",
    ).argParser(wholeNumber(1, 1_000_000)),
  logFormat: (fallback: string) =>
    option("--log-format <format>", "URNA_LOG_FORMAT", "how log lines look")
      .choices(["json", "text"])
      .default(fallback),
  logLevel: () =>
    option("--log-level <level>", "URNA_LOG_LEVEL", "the least that is logged")
      .choices(["debug", "info", "warn", "error"])
      .default("info"),
};
