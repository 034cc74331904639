/**
 * The voter page and a ballot that was accepted, in a real browser: what it says while the ballot is on its way, and what
 * when real ledgers say what has become of it. The log that the ballot waits in is the test's.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { receiptRoutes } from "../../src/auditing/routes.ts";
import { contestJson } from "../../src/contests/contest-json.ts";
import type { Contest } from "../../src/election/contest.ts";
import { json } from "../../src/http/respond.ts";
import { type HttpServer, serve } from "../../src/http/server.ts";
import { PostgresLeafFinder } from "../../src/postgres/leaf-finder.ts";
import { PostgresRecordFinder } from "../../src/postgres/record-finder.ts";
import { buildPages } from "../../src/web/bundle.ts";
import { pageRoutes } from "../../src/web/routes.ts";
import { openBrowser } from "../support/browser.ts";
import { BufferedLedgers } from "../support/buffered-ledgers.ts";
import { accessibilityFaults, castBallot, messageTitled, newPerson, receiptNonce } from "../support/pages.ts";

const PARTITION = 1;
const CLOSES_AT_MS = Date.now() + 3_600_000;

let ledgers: BufferedLedgers;
let contest: Contest;
let server: HttpServer;
let browser: Browser;
const people: BrowserContext[] = [];

beforeAll(async () => {
  ledgers = await BufferedLedgers.open([0, 1]);
  contest = await ledgers.contest({ closesAtMs: CLOSES_AT_MS });
  const bounds = { timeoutMs: 10_000, askersMax: 100, keysMax: 100 };
  const finders = ledgers.ledgers.map(({ number, pool }) => {
    const leaves = new PostgresLeafFinder(pool, bounds);
    return [number, { leaves, records: new PostgresRecordFinder(pool, bounds) }] as const;
  });
  const shown = () => json(contestJson(contest, Date.now()));
  server = serve({
    hostname: "127.0.0.1",
    port: 0,
    bodyBytesMax: 65_536,
    routes: [
      ...pageRoutes(await buildPages({ openAdmission: false })),
      { method: "GET", path: "/v1/contests/:contest", handle: shown },
      ...receiptRoutes({ contests: ledgers.lookUp, ledgers: new Map(finders) }),
    ],
    onUnexpected: (error) => {
      throw error;
    },
  });
  browser = await openBrowser();
});

afterAll(async () => {
  for (const person of people) await person.close();
  await browser?.close();
  await server?.stop();
  await ledgers?.[Symbol.asyncDispose]();
});

/** A voter's page, whose ballot is appended to the log and answered as a gateway answers then. */
async function voterPage(
  voter: number,
  acceptedAtMs = Date.now(),
): Promise<{ page: Page; posts: () => number }> {
  const person = await newPerson(browser);
  people.push(person);
  const page = await person.newPage();
  let posts = 0;
  await page.route("**/v1/contests/*/ballots", async (route) => {
    posts++;
    const { nonce, selections } = route.request().postDataJSON() as { nonce: string; selections: number[] };
    const ballot = ledgers.ballot(contest, PARTITION, voter, { nonce, selections, acceptedAtMs });
    const [receipt] = ledgers.append(PARTITION, ballot);
    await route.fulfill({ status: 202, json: { status: "accepted", receipt } });
  });
  await page.goto(`${server.url}/c/${contest.id}#token=a-voter-token-${voter}`);
  return { page, posts: () => posts };
}

const place = (page: Page) => page.locator(".receipt dt:text-is('Place') + dd").innerText();

describe("a ballot that was accepted", () => {
  test("is told as on its way, also after a reload, then as recorded with its place, and is sent once", async () => {
    const { page, posts } = await voterPage(1);
    await castBallot(page, "B");
    await messageTitled(page, "Accepted: your ballot is on its way");
    const nonce = await receiptNonce(page);
    expect(await place(page)).toBe("partition 1, offset 0");
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.reload();
    await messageTitled(page, "Accepted: your ballot is on its way");
    await ledgers.drain();
    await messageTitled(page, "Your ballot is recorded");
    expect(await receiptNonce(page)).toBe(nonce);
    expect(await place(page)).toMatch(/^stream \d+, block 1, ballot 0$/);
    await page.reload();
    await messageTitled(page, "Your ballot is recorded");
    expect(posts()).toBe(1);
  });

  test("whose voter has another one is told so", async () => {
    ledgers.append(PARTITION, ledgers.ballot(contest, PARTITION, 2));
    const { page } = await voterPage(2);
    await castBallot(page, "C");
    await messageTitled(page, "Accepted: your ballot is on its way");
    await ledgers.drain();
    await messageTitled(page, "You have already voted");
  });

  test("that was rejected is told why, also after a reload, and the ballot is offered again", async () => {
    const { page } = await voterPage(3, CLOSES_AT_MS);
    await castBallot(page, "A");
    await messageTitled(page, "Accepted: your ballot is on its way");
    await ledgers.drain();
    await messageTitled(page, "Your ballot does not count");
    await page.reload();
    await page.getByText("it came after the contest had closed").waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Back to the ballot" }).click();
    await page.getByRole("radio").first().waitFor();
  });
});
