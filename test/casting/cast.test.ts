import { afterAll, beforeAll, expect, test } from "bun:test";
import { startTestGateway, type TestGateway } from "../support/test-gateway.ts";

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

test("a thousand parallel copies of one voter's ballot: one is recorded, and all answers agree", async () => {
  const contest = await gateway.contest();
  const token = await gateway.token(contest, "voter-1");
  const responses = await Promise.all(
    Array.from({ length: 1_000 }, () => gateway.cast(contest.id, token, { selections: [2] })),
  );
  const answers = await Promise.all(responses.map((response) => response.json()));
  expect(responses.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(responses.filter(({ status }) => status === 200)).toHaveLength(999);
  expect(new Set(answers.map(({ receipt }) => JSON.stringify(receipt))).size).toBe(1);
});
