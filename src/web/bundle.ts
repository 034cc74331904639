/** Builds the pages in memory when a process starts. The one file here that needs Bun. */
import { join } from "node:path";
import { makePage, type Page } from "./document.ts";

export type { Page };

export type Pages = { start: Page; vote: Page; live: Page };

export type PagesOptions = {
  /** Whether visitors without a voting link may ask POST /dev/admission for a token. Otherwise the pages lack that code. */
  openAdmission: boolean;
};

const TITLES = { start: "Urna", vote: "Vote · Urna", live: "Live results · Urna" };

/** Takes about 0.1 s; the paths do not depend on the working directory. Throws when the pages do not build. */
export async function buildPages({ openAdmission }: PagesOptions): Promise<Pages> {
  const built = await Bun.build({
    entrypoints: Object.keys(TITLES).flatMap((name) => [
      join(import.meta.dir, `${name}-page.tsx`),
      join(import.meta.dir, `${name}-page.css`),
    ]),
    target: "browser",
    format: "esm",
    minify: true,
    naming: "[name].[ext]",
    jsx: { runtime: "automatic", importSource: "preact", development: false },
    define: { OPEN_ADMISSION: String(openAdmission), "process.env.NODE_ENV": '"production"' },
  });
  const files = new Map(
    await Promise.all(
      built.outputs.map(async (file) => [file.path.replace(/^.*[\\/]/, ""), await file.text()] as const),
    ),
  );
  const page = (name: keyof typeof TITLES) =>
    makePage({
      title: TITLES[name],
      css: files.get(`${name}-page.css`) ?? "",
      script: files.get(`${name}-page.js`) ?? "",
    });
  return { start: page("start"), vote: page("vote"), live: page("live") };
}
