/** The pages in a real browser, against a whole `urna dev`: voting, watching, and the end of a contest. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { openBrowser } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";
import {
  castBallot,
  LOOKS,
  messageTitled,
  newPerson,
  receiptNonce,
  untilVotesShown,
} from "../support/pages.ts";
import { describePages } from "../support/pages-in-browser.ts";
import { DevServer } from "../support/urna-process.ts";

let server: DevServer;
let browser: Browser;

beforeAll(async () => {
  server = await DevServer.start();
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

/** An administration call; the server's answer. */
async function administer<T>(path: string, body: object): Promise<T> {
  const response = await fetch(`${server.url}/v1${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${server.announcement.adminToken}`,
      "content-type": "application/json",
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  return (await response.json()) as T;
}

async function newContest(id: string, changes: object = {}): Promise<void> {
  await administer("/elections", { id: `${id}-election`, title: "Election" });
  const definition = {
    id,
    title: `Contest ${id}`,
    method: "single-choice",
    options: ["Yes", "No"],
    allowBlank: true,
  };
  await administer(`/elections/${id}-election/contests`, { ...definition, ...changes });
}

async function linkFor(contest: string, voter: string): Promise<string> {
  const path = `/elections/${contest}-election/voter-tokens`;
  const { tokens } = await administer<{ tokens: string[] }>(path, { voters: [voter] });
  return `${server.url}/c/${contest}#token=${tokens[0]}`;
}

describePages(() => ({ baseUrl: server.url, contest: "demo", option: "Seven Bridges" }));

describe("personal voting links", () => {
  test("two people vote on one device, each once, each with a receipt of their own", async () => {
    await newContest("shared");
    await administer("/contests/shared/open", {});
    const device = await newPerson(browser);
    const page = await device.newPage();
    const [ada, bela] = [await linkFor("shared", "ada"), await linkFor("shared", "bela")];
    const nonces: string[] = [];
    for (const link of [ada, bela, ada]) {
      await page.goto(link);
      await page.getByRole("radio").or(page.locator(".receipt")).first().waitFor();
      if ((await page.locator(".receipt").count()) === 0) await castBallot(page, "Cast a blank ballot");
      nonces.push(await receiptNonce(page));
    }
    expect(nonces[2]).toBe(nonces[0]!);
    expect(nonces[1]).not.toBe(nonces[0]!);
    await eventually("both ballots are counted", async () => (await server.turnout("shared")) === 2);
    await device.close();
  });

  test("a voter who voted elsewhere is told so", async () => {
    await newContest("elsewhere");
    await administer("/contests/elsewhere/open", {});
    const link = await linkFor("elsewhere", "ada");
    for (const [option, told] of [
      ["Yes", "Your ballot is recorded"],
      ["No", "You have already voted"],
    ] as const) {
      const device = await newPerson(browser);
      const page = await device.newPage();
      await page.goto(link);
      await castBallot(page, option);
      await messageTitled(page, told);
      await device.close();
    }
  });
});

test("a contest opens by itself, is watched live, and ends: both pages say so at every step", async () => {
  const opensAt = new Date(Date.now() + 6_000).toISOString();
  await newContest("evening", { opensAt });
  const [voter, viewer] = await Promise.all(
    [LOOKS[0], LOOKS[1]].map(async (look) => (await newPerson(browser, look)).newPage()),
  );
  await voter!.goto(`${server.url}/c/evening`);
  await viewer!.goto(`${server.url}/c/evening/live`);
  await messageTitled(voter!, /^Voting opens at/);
  await viewer!.getByText("Not open yet").waitFor();

  await castBallot(voter!, "Yes");
  await messageTitled(voter!, "Your ballot is recorded");
  await untilVotesShown(viewer!, "Yes", 1);
  await viewer!.getByText("Live", { exact: true }).waitFor();

  const late = await (await newPerson(browser)).newPage();
  await late.goto(`${server.url}/c/evening`);
  await late.getByRole("radio").first().waitFor();
  await administer("/contests/evening/close", {});
  await viewer!.getByText("Final", { exact: true }).waitFor();
  await castBallot(late, "No");
  await messageTitled(late, /no ballots now|Voting has closed/);
  await untilVotesShown(viewer!, "Yes", 1);
});
