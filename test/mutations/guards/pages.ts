// biome-ignore-all lint/suspicious/noTemplateCurlyInString: code is quoted here
/** Guards: the pages. */
import type { Guard } from "../guard.ts";

export const PAGES: Guard[] = [
  {
    name: "saved-before-sent",
    without: "a ballot is kept before it is first sent",
    file: "src/web/casting-client.ts",
    text: `    this.kept = this.effects.save(savedForm(this.state));
    this.act();`,
    becomes: `    this.act();
    this.kept = this.effects.save(savedForm(this.state));`,
    noticedBy: [
      "test/web/casting-client.test.ts",
      "the ballot is saved with its nonce before the first attempt",
    ],
  },
  {
    name: "doubt-stays",
    without: "doubt stays through answers that settle nothing",
    file: "src/web/casting.ts",
    text: 'return refusal.code === "contest_not_open" && sinceUnknownMs >= IN_FLIGHT_MS_MAX;',
    becomes: "return sinceUnknownMs >= 0 && refusal.code !== null;",
    noticedBy: ["test/web/casting.test.ts", "is not settled by 'not open' while"],
  },
  {
    name: "page-policy",
    without: "a page may load nothing but itself",
    file: "src/web/document.ts",
    text: "`script-src 'sha256-${sha256(script)}'`,",
    becomes: '"script-src *",',
    noticedBy: ["test/web/bundle.test.ts", "is allowed its own script and style"],
  },
];
