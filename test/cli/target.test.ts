import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolveTarget } from "../../src/cli/target.ts";

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "urna-target-"));
});
afterEach(() => rmSync(data, { recursive: true }));

const writeDev = (content: unknown) => writeFileSync(join(data, "dev.json"), JSON.stringify(content));
const DEV = { url: "http://127.0.0.1:8080", adminToken: "dev-token", databaseUrl: "postgres://x", pid: 1 };

test("flags alone are enough", () => {
  expect(resolveTarget({ url: "https://votes.example.org/", adminToken: "t", data })).toEqual({
    url: "https://votes.example.org",
    adminToken: "t",
  });
});

test("without an address, the running urna dev's", () => {
  writeDev(DEV);
  expect(resolveTarget({ data })).toMatchObject({ url: DEV.url, adminToken: "dev-token" });
  expect(resolveTarget({ data, adminToken: "mine" })).toEqual({ url: DEV.url, adminToken: "mine" });
});

test("urna dev's admin token goes to urna dev alone", () => {
  writeDev(DEV);
  expect(resolveTarget({ data, url: "http://127.0.0.1:8080/" }).adminToken).toBe("dev-token");
  expect(resolveTarget({ data, url: "https://votes.example.org" }).adminToken).toBeNull();
});

test("neither address nor urna dev: says both ways out", () => {
  expect(() => resolveTarget({ data })).toThrow(
    /urna dev.*URNA_URL.*URNA_ADMIN_TOKEN.*dev\.json.*URNA_DATA/s,
  );
});

test.each([
  "http://127.0.0.1:8080/urna",
  "http://127.0.0.1:8080/?a=b",
  "http://u:p@127.0.0.1",
  "http://[::1",
  "",
])("%p is no server's address", (url) =>
  expect(() => resolveTarget({ data, url })).toThrow("it must be like".slice(3)),
);

test("an address that is none, and a dev.json that is none, are named", () => {
  expect(() => resolveTarget({ data, url: "votes.example.org" })).toThrow("http://127.0.0.1:8080");
  writeDev({ url: DEV.url });
  expect(() => resolveTarget({ data })).toThrow("dev.json");
});
