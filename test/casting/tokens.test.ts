/** Voter tokens at the gateway: which are taken, and what each other one is answered. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { drawSecret, electionPepper, tokenKey, voterKeyOf } from "../../src/admission/secrets.ts";
import { drawSecrets } from "../../src/admission/secrets-file.ts";
import { mintVoterToken } from "../../src/admission/voter-token.ts";
import { close } from "../../src/contests/transitions.ts";
import type { Contest } from "../../src/election/contest.ts";
import { expectProblem, expectReceipt } from "../support/answers.ts";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

const secretsText = drawSecrets();
const ballot = { selections: [1] };
let gateway: TestGateway;
let contest: Contest;
beforeAll(async () => {
  gateway = await startTestGateway({ secretsText, deadlineMs: 1_000 });
  contest = await gateway.contest();
});
afterAll(() => gateway[Symbol.asyncDispose]());

describe("not a voter token that was issued here: invalid_token", () => {
  const castWith = (authorization?: string) =>
    fetch(`${gateway.url}/v1/contests/${contest.id}/ballots`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(authorization === undefined ? {} : { authorization }),
      },
      body: JSON.stringify(ballot),
    });

  test("missing, empty, of another scheme, two of them, cut, lengthened", async () => {
    const token = await gateway.token(contest, "voter-cut");
    for (const authorization of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      token,
      `Basic ${token}`,
      `Bearer ${token} ${token}`,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer ${token}A`,
      `Bearer ${token}AAAA`,
    ]) {
      const response = await castWith(authorization);
      expect(response.headers.get("www-authenticate")).toStartWith('Bearer realm="urna"');
      await expectProblem(response, "invalid_token");
    }
    for (let length = 1; length < token.length; length++) {
      await expectProblem(await castWith(`Bearer ${token.slice(0, length)}`), "invalid_token");
    }
    await expectReceipt(await castWith(`bearer  ${token} `), 201);
  });

  test("altered in any byte", async () => {
    const token = await gateway.token(contest, "voter-altered");
    const bytes = Buffer.from(token, "base64url");
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [0x01, 0x80]) {
        const altered = Buffer.from(bytes);
        altered[at]! ^= bit;
        await expectProblem(await castWith(`Bearer ${altered.toString("base64url")}`), "invalid_token");
      }
    }
    await expectReceipt(await castWith(`Bearer ${token}`), 201);
  });

  test("signed by a key that this gateway does not have, and by one that borrows a known key's id", async () => {
    const pepper = electionPepper(gateway.secrets.pepper, contest.electionUuid);
    const claims = {
      electionUuid: contest.electionUuid,
      voterKey: voterKeyOf(pepper, "voter-forged"),
      expiresAtMs: Date.now() + 60_000,
    };
    const unknown = tokenKey(Buffer.from(drawSecret(), "base64url"));
    const [known] = gateway.secrets.tokenKeys;
    for (const key of [unknown, { ...unknown, id: known.id }]) {
      await expectProblem(await castWith(`Bearer ${mintVoterToken(key, claims)}`), "invalid_token");
    }
    await expectReceipt(await castWith(`Bearer ${mintVoterToken(known, claims)}`), 201);
  });
});

test("of another election: wrong_election, for casting and finding", async () => {
  const other = await gateway.contest();
  const token = await gateway.token(other, "voter-1");
  await expectProblem(await gateway.cast(contest.id, token, ballot), "wrong_election");
  await expectProblem(await gateway.find(contest.id, token), "wrong_election");
});

describe.concurrent("expired", () => {
  test("without a recorded ballot: invalid_token, and nothing is recorded", async () => {
    const token = await gateway.token(contest, "voter-late", Date.now() - 1_000);
    await expectProblem(await gateway.cast(contest.id, token, ballot), "invalid_token");
    await expectProblem(await gateway.find(contest.id, token), "invalid_token");
    const valid = await gateway.token(contest, "voter-late");
    await expectProblem(await gateway.find(contest.id, valid), "no_such_ballot");
  });

  test("with a recorded ballot: the first receipt or already_voted, until the contest is final", async () => {
    const ended = await gateway.contest();
    const voter = "voter-who-was-in-time";
    const first = await expectReceipt(
      await gateway.cast(ended.id, await gateway.token(ended, voter), ballot),
      201,
    );
    const expired = await gateway.token(ended, voter, Date.now() - 1_000);
    const answersAsBefore = async () => {
      expect(await expectReceipt(await gateway.cast(ended.id, expired, ballot), 200)).toEqual(first);
      expect(await expectReceipt(await gateway.find(ended.id, expired), 200)).toEqual(first);
      await expectProblem(await gateway.cast(ended.id, expired, { selections: [2] }), "already_voted");
    };
    await answersAsBefore();
    await gateway.administration.change(ended.id, close);
    await answersAsBefore();
    await gateway.untilFinal(ended);
    await expectProblem(await gateway.cast(ended.id, expired, ballot), "invalid_token");
    await expectProblem(await gateway.find(ended.id, expired), "invalid_token");
    const valid = await gateway.token(ended, voter);
    expect(await expectReceipt(await gateway.cast(ended.id, valid, ballot), 200)).toEqual(first);
    expect(await expectReceipt(await gateway.find(ended.id, valid), 200)).toEqual(first);
  });

  test("a token expires at its very second", async () => {
    const expiresAtMs = Math.ceil((Date.now() + 1_500) / 1_000) * 1_000;
    const token = await gateway.token(contest, "voter-on-the-edge", expiresAtMs);
    await expectReceipt(await gateway.cast(contest.id, token, ballot), 201);
    const other = await gateway.token(contest, "voter-past-the-edge", expiresAtMs);
    await Bun.sleep(expiresAtMs - Date.now() + 1);
    await expectProblem(await gateway.cast(contest.id, other, ballot), "invalid_token");
  });
});

describe("rotation", () => {
  test("tokens of an older key verify beside those of the new one, and are the same voter", async () => {
    const { databaseUrl } = gateway;
    const rotated = { ...secretsText, tokenKeys: [drawSecret(), ...secretsText.tokenKeys] };
    await using next = await startTestGateway({ secretsText: rotated, databaseUrl });
    const old = await gateway.token(contest, "voter-of-two-keys");
    const fresh = await next.token(contest, "voter-of-two-keys");
    expect(fresh).not.toBe(old);
    const first = await expectReceipt(await next.cast(contest.id, old, ballot), 201);
    expect(await expectReceipt(await next.cast(contest.id, fresh, ballot), 200)).toEqual(first);
    // A gateway that was not told of the new key before it minted.
    await expectProblem(await gateway.cast(contest.id, fresh, ballot), "invalid_token");
  });

  test("tokens of a key that was retired are refused", async () => {
    const { databaseUrl } = gateway;
    const retired = { ...secretsText, tokenKeys: [drawSecret()] };
    await using next = await startTestGateway({ secretsText: retired, databaseUrl });
    const old = await gateway.token(contest, "voter-of-a-retired-key");
    await expectProblem(await next.cast(contest.id, old, ballot), "invalid_token");
  });
});
