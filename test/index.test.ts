/** The library: its tokens are the administration call's. */
import { expect, test } from "bun:test";
import { drawSecrets } from "../src/admission/secrets-file.ts";
import { EXPIRES_AT_MS_MAX } from "../src/admission/voter-token.ts";
import { mintVoterToken, type VoterTokenRequest } from "../src/index.ts";
import { expectReceipt } from "./support/answers.ts";
import { startTestGateway } from "./support/test-gateway.ts";

const secretsText = drawSecrets();
const request: VoterTokenRequest = {
  pepper: secretsText.pepper,
  tokenKey: secretsText.tokenKeys[0]!,
  electionUuid: "00112233-4455-6677-8899-aabbccddeeff",
  voter: "ana@example.org",
  expiresAt: new Date("2030-01-01T00:00:00.999Z"),
};

test("a token is the one that the administration call mints, and casts a ballot", async () => {
  await using gateway = await startTestGateway({ secretsText });
  const contest = await gateway.contest();
  const voters = ["ana@example.org", " Ana ", "é", "\u{1f5f3}".repeat(128)];
  const response = await gateway.administer(`/v1/elections/${contest.electionId}/voter-tokens`, {
    voters,
    expiresAt: request.expiresAt.toISOString(),
  });
  const { tokens } = (await response.json()) as { tokens: string[] };
  const { electionUuid } = contest;
  const own = voters.map((voter) => mintVoterToken({ ...request, electionUuid, voter }));
  expect(own).toEqual(tokens);
  expect(mintVoterToken({ ...request, electionUuid: electionUuid.toUpperCase() })).toBe(own[0]!);
  await expectReceipt(await gateway.cast(contest.id, own[0]!, { selections: [1] }), 201);
});

test.each<[string, Partial<VoterTokenRequest>, ErrorConstructor, RegExp]>([
  ["a short pepper", { pepper: request.pepper.slice(1) }, Error, /the pepper/],
  ["a token key that is none", { tokenKey: "" }, Error, /token key/],
  ["an election's short id", { electionUuid: "song" }, TypeError, /uuid/],
  ["no voter", { voter: "" }, TypeError, /empty/],
  ["a long voter", { voter: "é".repeat(257) }, TypeError, /512 bytes/],
  ["half a surrogate pair", { voter: "\ud800" }, TypeError, /Unicode/],
  ["no time", { expiresAt: new Date(Number.NaN) }, RangeError, /expir/],
  ["a time before 1970", { expiresAt: new Date(-1) }, RangeError, /expir/],
  ["a time after 2106", { expiresAt: new Date(EXPIRES_AT_MS_MAX + 1_000) }, RangeError, /expir/],
])("%s is refused", (_, change, type, message) => {
  const mint = () => mintVoterToken({ ...request, ...change });
  expect(mint).toThrow(type);
  expect(mint).toThrow(message);
});
