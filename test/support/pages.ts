/** The pages as a person uses them: voting, watching, and what an accessibility checker says. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";

/** A screen and a colour scheme that the pages must be good on. */
export type Look = { name: string; width: number; height: number; colorScheme: "light" | "dark" };

export const LOOKS: Look[] = (["light", "dark"] as const).flatMap((colorScheme) => [
  { name: `phone, ${colorScheme}`, width: 360, height: 740, colorScheme },
  { name: `desktop, ${colorScheme}`, width: 1280, height: 800, colorScheme },
]);

/** A browser of somebody else: with its own cookies and storage, so with an open admission another voter. */
export function newPerson(browser: Browser, look: Look = LOOKS[0]!): Promise<BrowserContext> {
  const { width, height, colorScheme } = look;
  return browser.newContext({
    viewport: { width, height },
    colorScheme,
    reducedMotion: "reduce",
    locale: "en-US",
  });
}

/** Chooses an option (or the blank ballot) by its title, and confirms. The answer is still to come. */
export async function castBallot(page: Page, title: string): Promise<void> {
  await page.getByRole("radio", { name: title, exact: true }).check();
  await page.getByRole("button", { name: "Vote", exact: true }).click();
  await page.getByRole("button", { name: "Cast ballot" }).click();
}

/** Waits until the page's message has a title like this. */
export async function messageTitled(page: Page, title: string | RegExp): Promise<void> {
  await page.getByRole("status").getByRole("heading", { name: title }).waitFor();
}

/** The nonce on the receipt that the page shows. */
export async function receiptNonce(page: Page): Promise<string> {
  await page.getByRole("heading", { name: "Receipt" }).waitFor();
  return page.locator(".receipt dt:text-is('Nonce') + dd").innerText();
}

/** The votes that the live page shows for an option. */
export async function votesShown(page: Page, title: string): Promise<number> {
  const row = page.getByRole("listitem").filter({ has: page.getByText(title, { exact: true }) });
  const text = await row.locator(".option-figures").innerText();
  return Number(text.slice(0, text.indexOf("vote")).replaceAll(/\D/g, ""));
}

/** Waits until the live page shows this many votes for an option. */
export async function untilVotesShown(page: Page, title: string, votes: number): Promise<void> {
  await page
    .getByRole("listitem")
    .filter({ has: page.getByText(title, { exact: true }) })
    .getByText(new RegExp(`^${votes.toLocaleString("en-US")} votes? `))
    .waitFor();
}

const axeSource = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

/** What axe-core finds serious or critical, one line a fault. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // By the debugger and not by a script element, which the page's content security policy would refuse.
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    type Axe = {
      run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
    };
    const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run();
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
}

/** Whether the page is wider than the screen: on a phone somebody would have to scroll sideways. */
export function overflows(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
}
