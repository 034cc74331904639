/** The pages of a whole Urna in a real browser. */
import { afterAll, beforeAll } from "bun:test";
import { describePages } from "../support/pages-in-browser.ts";
import { DevServer } from "../support/urna-process.ts";

let server: DevServer;
beforeAll(async () => {
  server = await DevServer.start();
}, 60_000);
afterAll(() => server[Symbol.asyncDispose](), 60_000);

describePages(() => ({ baseUrl: server.url, contest: "demo", option: "Seven Bridges" }));
