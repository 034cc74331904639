/** The built pages: small, self-contained, and allowed to do nothing but what they do. */
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { hash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { buildPages, type Page } from "../../src/web/bundle.ts";

const production = await buildPages({ openAdmission: false });
const development = await buildPages({ openAdmission: true });

test("the voter page is below 50 KB with everything in it, and 20 KB on the wire", () => {
  for (const { vote } of [production, development]) {
    expect(Buffer.byteLength(vote.html)).toBeLessThan(50_000);
    expect(vote.gzip.length).toBeLessThan(20_000);
  }
});

test("the code that asks for an open admission is not in production pages", () => {
  const asks = ({ html }: Page) => html.includes("/dev/admission");
  expect(asks(development.vote)).toBe(true);
  expect(Object.values(production).map(asks)).toEqual([false, false, false]);
});

describe.each(Object.entries(production))("the %s page", (_name, page) => {
  const inline = (element: string) =>
    new RegExp(`<${element}[^>]*>([\\s\\S]*?)</${element}>`).exec(page.html)?.[1] ?? "";
  const sha256 = (text: string) => `'sha256-${hash("sha256", text, "base64")}'`;

  test("is allowed its own script and style, by hash, and no other", () => {
    const directives = page.contentSecurityPolicy.split("; ");
    expect(directives).toContain("default-src 'none'");
    expect(directives).toContain(`script-src ${sha256(inline("script"))}`);
    expect(directives).toContain(`style-src ${sha256(inline("style"))}`);
    expect(page.contentSecurityPolicy).not.toContain("unsafe");
  });

  test("loads nothing", () => {
    expect(page.html).not.toMatch(
      /<(script|img|iframe)[^>]+src=|<link[^>]+stylesheet|@import|url\((?!data:)/,
    );
  });

  test("is the same gzipped, with a validator of its own", () => {
    expect(gunzipSync(page.gzip).toString() === page.html).toBe(true);
    expect(page.etag).toMatch(/^"[\w+/]{22}"$/);
  });
});

test("pages with other code have other validators", () => {
  expect(production.vote.etag).not.toBe(development.vote.etag);
});

test("building does not depend on the working directory", () => {
  const bundle = fileURLToPath(new URL("../../src/web/bundle.ts", import.meta.url));
  const script = `const { buildPages } = await import(${JSON.stringify(bundle)});
    process.stdout.write((await buildPages({ openAdmission: false })).vote.etag);`;
  const { stdout } = spawnSync(process.execPath, ["-e", script], { cwd: "/", encoding: "utf8" });
  expect(stdout).toBe(production.vote.etag);
});
