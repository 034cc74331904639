import { afterEach, beforeEach, expect, test } from "bun:test";
import { Patience } from "../../src/client/patience.ts";
import { ReceiptFollower } from "../../src/client/receipt-follower.ts";
import type { AcceptedReceipt } from "../../src/election/receipt.ts";
import { eventually } from "../support/eventually.ts";
import { PeerLog } from "./peer-log.ts";
import { problem, startUrnaPeer, type UrnaPeer } from "./urna-peer.ts";

let peer: UrnaPeer;
let log: PeerLog;
let follower: ReceiptFollower;
const BALLOT = { contest: "8f14e45f-ceea-467f-a0e6-2b6f6d9f5a11", selections: [2], nonce: "n".repeat(22) };

beforeEach(() => {
  peer = startUrnaPeer();
  log = new PeerLog(3, new Map());
  peer.contests.set("song", { uuid: BALLOT.contest, log } as never);
  follower = new ReceiptFollower(peer.url, new Patience(2_000));
});
afterEach(async () => {
  follower.close();
  await peer[Symbol.asyncDispose]();
});

test("what the ledger tells is the fate: recorded with its receipt, duplicate, or unknown", async () => {
  const receipt = log.append("alice", BALLOT);
  const fate = await follower.follow(receipt);
  expect(fate).toMatchObject({ fate: "recorded", receipt: { leaf: receipt.leaf, index: 0 } });
  const again = log.append("alice", BALLOT);
  expect(await follower.follow(again)).toEqual(fate);
  const other = log.append("alice", { ...BALLOT, selections: [1] });
  expect(await follower.follow(other)).toMatchObject({
    fate: "duplicate",
    reason: expect.stringContaining("another ballot"),
  });
  const strange: AcceptedReceipt = { ...receipt, offset: 99 };
  expect(await follower.follow(strange)).toMatchObject({ fate: "unknown_receipt" });
});

test("a rejection is told with its reason", async () => {
  const receipt = log.append("alice", BALLOT);
  peer.verifyFault = () => Response.json({ status: "rejected", reason: "too late" });
  expect(await follower.follow(receipt)).toEqual({ fate: "rejected", reason: "too late" });
});

test("one that is not drained yet is asked after again until it is", async () => {
  log.held = true;
  const following = follower.follow(log.append("alice", BALLOT));
  await eventually("it was asked after", () => peer.verifications >= 2);
  log.drain();
  expect(await following).toMatchObject({ fate: "recorded" });
});

test.each([
  ["503", () => problem(503, "not_available", { "retry-after": "0" })],
  ["429", () => problem(429, "too_many_requests", { "retry-after": "0" })],
  ["a proxy's page", () => new Response("<html>", { status: 502 })],
  ["no JSON", () => new Response("<html>")],
  ["null", () => new Response("null")],
  ["a recorded ballot without its receipt", () => Response.json({ status: "recorded" })],
  ["a status that there is not", () => Response.json({ status: "perhaps" })],
])("answered with %s it is asked after again", async (_, answer) => {
  peer.verifyFault = (question) => (question === 1 ? answer() : undefined);
  expect(await follower.follow(log.append("alice", BALLOT))).toMatchObject({ fate: "recorded" });
  expect(peer.verifications).toBe(2);
});

test("a receipt that the server does not take for one is an unknown receipt", async () => {
  peer.verifyFault = () => problem(400, "invalid_request");
  expect(await follower.follow(log.append("alice", BALLOT))).toEqual({
    fate: "unknown_receipt",
    reason: "answered 400 invalid_request: the peer says invalid_request",
  });
});

test("given up it is unsettled, and why", async () => {
  log.held = true;
  const receipt = log.append("alice", BALLOT);
  const impatient = new ReceiptFollower(peer.url, new Patience(100));
  expect(await impatient.follow(receipt)).toEqual({ fate: "unsettled", reason: "it is not recorded yet" });
  peer.verifyFault = () => problem(503, "not_available");
  const words = "503 not_available: the peer says not_available";
  const unanswered = new ReceiptFollower(peer.url, new Patience(100));
  expect(await unanswered.follow(receipt)).toEqual({ fate: "unsettled", reason: words });
});
