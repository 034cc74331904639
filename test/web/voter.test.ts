/** The voter: the token leaves the link, the newest link counts, and two people on one device have two ballots. */
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import {
  ballotKey,
  currentVoter,
  read,
  saveVoter,
  shareVoterWithElection,
  takeTokenFromLink,
  write,
} from "../../src/web/voter.ts";

let stored: Map<string, string>;
let full: boolean;
let shownAddress: string;

beforeEach(() => {
  stored = new Map();
  full = false;
  const localStorage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem(key: string, text: string) {
      if (full) throw new DOMException("no room", "QuotaExceededError");
      stored.set(key, text);
    },
    removeItem: (key: string) => stored.delete(key),
  };
  const history = {
    replaceState(_state: unknown, _title: string, address: string) {
      shownAddress = address;
    },
  };
  Object.assign(globalThis, { localStorage, history });
});

afterEach(() => {
  for (const name of ["localStorage", "history", "location"]) Reflect.deleteProperty(globalThis, name);
});

/** Opens an address, as a tap on a link does. */
function open(pathname: string, hash: string): boolean {
  Object.assign(globalThis, { location: { pathname, search: "", hash } });
  shownAddress = pathname + hash;
  return takeTokenFromLink("pet");
}

test("a link's token is kept, and the address no longer shows it", () => {
  expect(open("/c/pet", "#token=secret-1")).toBe(true);
  expect(shownAddress).toBe("/c/pet");
  expect(currentVoter("pet", null)).toMatchObject({ token: "secret-1", source: "link" });
});

test("an address without a token changes nothing", () => {
  open("/c/pet", "#token=secret-2");
  expect(open("/c/pet", "#results")).toBe(false);
  expect(shownAddress).toBe("/c/pet#results");
  expect(currentVoter("pet", null)).toMatchObject({ token: "secret-2" });
});

test("the token serves the other contests of its election, and the newest link counts", () => {
  const now = spyOn(Date, "now");
  now.mockReturnValue(1_000);
  saveVoter("coin", null, { token: "old", source: "link" });
  shareVoterWithElection("coin", "spring");
  expect(currentVoter("stamp", "spring")).toMatchObject({ token: "old" });
  now.mockReturnValue(2_000);
  saveVoter("stamp", null, { token: "new", source: "link" });
  shareVoterWithElection("stamp", "spring");
  expect(currentVoter("coin", "spring")).toMatchObject({ token: "new" });
  expect(currentVoter("coin", "autumn")).toMatchObject({ token: "old" });
  now.mockRestore();
});

test("two people who follow their links on one device have two ballots", () => {
  const keys = ["a", "b"].map((token) => ballotKey("uuid", { token, source: "link" }));
  expect(new Set(keys).size).toBe(2);
});

test("a browser known by its cookie is one voter, whatever token it has", () => {
  const keys = ["a", "b"].map((token) => ballotKey("uuid", { token, source: "admission" }));
  expect(new Set(keys).size).toBe(1);
});

test("where nothing can be stored, the page still remembers, and says that it will not outlive it", () => {
  full = true;
  expect(write("key", { a: 1 })).toBe(false);
  expect(read<{ a: number }>("key")).toEqual({ a: 1 });
  expect(write("key", null)).toBe(true);
  expect(read("key")).toBeNull();
});
