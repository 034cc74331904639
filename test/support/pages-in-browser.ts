/** What the pages must do in a real browser against a real server, for the test file that has one to hand over. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, BrowserContext } from "playwright-core";
import { openBrowser } from "./browser.ts";
import {
  accessibilityFaults,
  castBallot,
  LOOKS,
  messageTitled,
  newPerson,
  overflows,
  receiptNonce,
  untilVotesShown,
  votesShown,
} from "./pages.ts";

/** An open contest of a server with open admission, whose results are live; `option` is one of its titles. */
export type ContestUnderTest = { baseUrl: string; contest: string; option: string };

export function describePages(underTest: () => ContestUnderTest): void {
  let browser: Browser;
  const people: BrowserContext[] = [];
  const person = async (look = LOOKS[0]!) => {
    const context = await newPerson(browser, look);
    people.push(context);
    return context.newPage();
  };
  const votePage = () => `${underTest().baseUrl}/c/${underTest().contest}`;
  const ballots = `**/v1/contests/*/ballots`;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(async () => {
    for (const context of people) await context.close();
    await browser?.close();
  });

  test("a vote in one window moves the live page of another", async () => {
    const { option } = underTest();
    const [voter, viewer] = [await person(), await person(LOOKS[1])];
    await viewer.goto(`${votePage()}/live`);
    await viewer.getByRole("listitem").first().waitFor();
    const before = await votesShown(viewer, option);
    await voter.goto(votePage());
    await castBallot(voter, option);
    await messageTitled(voter, "Your ballot is recorded");
    await untilVotesShown(viewer, option, before + 1);
  });

  test("a ballot whose answer is lost is told as unknown, survives a reload, and is recorded once", async () => {
    const voter = await person();
    const nonces: string[] = [];
    await voter.route(ballots, async (route) => {
      nonces.push((route.request().postDataJSON() as { nonce: string }).nonce);
      await route.fetch();
      await route.abort("connectionreset");
    });
    await voter.goto(votePage());
    await castBallot(voter, underTest().option);
    await messageTitled(voter, /^We do not know yet/);
    await voter.unroute(ballots);
    await voter.reload();
    await messageTitled(voter, "Your ballot is recorded");
    expect(new Set(nonces).add(await receiptNonce(voter)).size).toBe(1);
  });

  test("a returning voter sees the receipt, and a second ballot is not offered", async () => {
    const voter = await person();
    await voter.goto(votePage());
    await castBallot(voter, underTest().option);
    const nonce = await receiptNonce(voter);
    await voter.reload();
    expect(await receiptNonce(voter)).toBe(nonce);
    expect(await voter.getByRole("radio").count()).toBe(0);
  });

  test("the receipt is saved as the file that can be verified", async () => {
    const voter = await person();
    await voter.goto(votePage());
    await castBallot(voter, underTest().option);
    const nonce = await receiptNonce(voter);
    const download = voter.waitForEvent("download");
    await voter.getByRole("button", { name: "Save receipt" }).click();
    const receipt = (await Bun.file(await (await download).path()).json()) as { nonce: string; leaf: string };
    expect(receipt).toMatchObject({ nonce, leaf: expect.any(String) });
  });

  test("a voting link's token leaves the address bar", async () => {
    const voter = await person();
    await voter.route(ballots, (route) => route.abort());
    await voter.goto(`${votePage()}#token=not-a-token`);
    await voter.getByRole("radio").first().waitFor();
    expect(voter.url()).toBe(votePage());
    const sent = voter.waitForRequest(ballots);
    await castBallot(voter, underTest().option);
    expect((await sent).headers().authorization).toBe("Bearer not-a-token");
  });

  test("a voter needs nothing but a keyboard", async () => {
    const voter = await person();
    await voter.goto(votePage());
    await voter.getByRole("radio").first().focus();
    await voter.keyboard.press("Space");
    await voter.getByRole("button", { name: "Vote", exact: true }).focus();
    await voter.keyboard.press("Enter");
    // The focus is on the question, so the next thing that Tab reaches is its answer.
    expect(await voter.evaluate(() => document.activeElement?.id)).toBe("confirm-title");
    await voter.keyboard.press("Tab");
    await voter.keyboard.press("Enter");
    await messageTitled(voter, "Your ballot is recorded");
    expect(await voter.evaluate(() => document.activeElement?.id)).toBe("notice-title");
  });

  describe.each(LOOKS)("on $name", (look) => {
    test("axe-core finds nothing serious, and nothing is wider than the screen", async () => {
      const page = await person(look);
      const check = async (what: string) => {
        expect({ what, faults: await accessibilityFaults(page), wide: await overflows(page) }).toEqual({
          what,
          faults: [],
          wide: false,
        });
      };
      await page.goto(underTest().baseUrl);
      await page.getByRole("link", { name: /^Vote/ }).first().waitFor();
      await check("start page");
      await page.goto(votePage());
      await page.getByRole("radio").first().waitFor();
      await check("ballot");
      await page.getByRole("button", { name: "Vote", exact: true }).click();
      await check("ballot without a choice");
      await page.getByRole("radio", { name: underTest().option, exact: true }).check();
      await page.getByRole("button", { name: "Vote", exact: true }).click();
      await check("last question");
      await page.getByRole("button", { name: "Cast ballot" }).click();
      await page.getByRole("heading", { name: "Receipt" }).waitFor();
      await check("receipt");
      await page.goto(`${votePage()}/live`);
      await page.getByRole("listitem").first().waitFor();
      await check("live results");
    });
  });
}
