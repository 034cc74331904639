/** Where Redis is: what `--redis` names. */
import { InvalidSecretError } from "./invalid-secret.ts";

export type RedisHost = { host: string; port: number };

export type RedisAddress = {
  /** Several are nodes of one Redis Cluster. */
  hosts: readonly RedisHost[];
  tls: boolean;
  user: string | null;
  password: string | null;
  database: number;
};

const EXAMPLE =
  "redis://user:password@host:6379/0, rediss:// for TLS, or several hosts of a cluster with commas";

/** Throws {@link InvalidSecretError}: a password may stand in an address, and no message quotes one. */
export function parseRedisAddress(text: string): RedisAddress {
  const parts = /^(rediss?):\/\/(?:([^@/]*)@)?([^@/?#]*)(?:\/([^?#]*))?$/.exec(text);
  if (parts === null) throw wrong("is not an address");
  const [, scheme, user, hostList = "", database = ""] = parts;
  const hosts = hostList.split(",").map(parseHost);
  if (!/^\d{0,4}$/.test(database)) throw wrong("must have the number of a database behind the /, or nothing");
  if (hosts.length > 1 && Number(database) !== 0) {
    throw wrong("names a cluster, which has database 0 alone");
  }
  return { hosts, tls: scheme === "rediss", ...parseUser(user), database: Number(database) };
}

/** For people, without user and password. */
export function redisHostName({ host, port }: RedisHost): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function parseHost(text: string): RedisHost {
  const [, bracketed, name, port = "6379"] = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d+))?$/i.exec(text) ?? [];
  const host = bracketed ?? name;
  if (host === undefined) throw wrong("has a host that is none");
  if (Number(port) < 1 || Number(port) > 65_535) throw wrong("has a port that is not from 1 to 65535");
  return { host, port: Number(port) };
}

function parseUser(text: string | undefined): Pick<RedisAddress, "user" | "password"> {
  if (text === undefined) return { user: null, password: null };
  const [, user = "", password] = /^([^:]*)(?::(.*))?$/.exec(text) ?? [];
  if (password === undefined || password === "") throw wrong("has a user without a password");
  try {
    return { user: decodeURIComponent(user) || null, password: decodeURIComponent(password) };
  } catch {
    throw wrong("has a user or password that is not percent-encoded");
  }
}

function wrong(fault: string): InvalidSecretError {
  return new InvalidSecretError(`--redis (URNA_REDIS) ${fault}: write ${EXAMPLE}`);
}
