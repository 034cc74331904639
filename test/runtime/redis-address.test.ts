/** What --redis takes, and what it says of everything else. */
import { describe, expect, test } from "bun:test";
import { parseRedisAddress } from "../../src/runtime/redis-address.ts";

const PLAIN = { tls: false, user: null, password: null, database: 0 };

test.each([
  ["redis://cache", { ...PLAIN, hosts: [{ host: "cache", port: 6379 }] }],
  ["redis://127.0.0.1:7000/", { ...PLAIN, hosts: [{ host: "127.0.0.1", port: 7000 }] }],
  ["redis://[::1]:7000/3", { ...PLAIN, hosts: [{ host: "::1", port: 7000 }], database: 3 }],
  ["rediss://cache/3", { ...PLAIN, tls: true, hosts: [{ host: "cache", port: 6379 }], database: 3 }],
  [
    "redis://urna:p%40ss%3Aword@cache:1",
    { ...PLAIN, user: "urna", password: "p@ss:word", hosts: [{ host: "cache", port: 1 }] },
  ],
  ["redis://:only@cache", { ...PLAIN, password: "only", hosts: [{ host: "cache", port: 6379 }] }],
  [
    "rediss://u:p@a:1,b,c:3",
    {
      ...{ ...PLAIN, tls: true, user: "u", password: "p" },
      hosts: [
        { host: "a", port: 1 },
        { host: "b", port: 6379 },
        { host: "c", port: 3 },
      ],
    },
  ],
])("%s", (text, address) => {
  expect(parseRedisAddress(text)).toEqual(address);
});

describe("what can't be used is named, and not quoted", () => {
  test.each([
    ["", "is not an address"],
    ["cache:6379", "is not an address"],
    ["http://:secret@cache", "is not an address"],
    ["redis://:secret@cache?tls=true", "is not an address"],
    ["redis://:secret@", "host"],
    ["redis://:secret@a,,b", "host"],
    ["redis://:secret@a b", "host"],
    ["redis://:secret@cache:0", "port"],
    ["redis://:secret@cache:65536", "port"],
    ["redis://:secret@cache:no", "host"],
    ["redis://:secret@cache/first", "database"],
    ["redis://:secret@a,b/1", "cluster"],
    ["redis://secret@cache", "password"],
    ["redis://:secret%@cache", "percent"],
  ])("%p: %s", (text, fault) => {
    const parsing = () => parseRedisAddress(text);
    expect(parsing).toThrow(new RegExp(`^--redis \\(URNA_REDIS\\) .*${fault}.*: write redis://`));
    expect(parsing).not.toThrow(/secret/);
  });
});
