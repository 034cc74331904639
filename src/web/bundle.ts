/** Builds the pages in memory when a process starts. The one file here that needs Bun. */
import { join } from "node:path";
import { makePage, type Page } from "./document.ts";

export type { Page };

export type Pages = { start: Page; vote: Page; live: Page };

export type PagesOptions = {
  /** Whether visitors without a voting link may ask POST /dev/admission for a token. Otherwise the pages lack that code. */
  openAdmission: boolean;
};

/** Takes about 0.05 s; the paths do not depend on the working directory. Throws when the pages do not build. */
export async function buildPages(options: PagesOptions): Promise<Pages> {
  const [start, vote, live] = await Promise.all([
    buildPage("start", "Urna", options),
    buildPage("vote", "Vote · Urna", options),
    buildPage("live", "Live results · Urna", options),
  ]);
  return { start, vote, live };
}

/** A build for each page: built together, each page would carry what any other one needs of the shared modules. */
async function buildPage(name: string, title: string, { openAdmission }: PagesOptions): Promise<Page> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, `${name}-page.tsx`), join(import.meta.dir, `${name}-page.css`)],
    target: "browser",
    format: "esm",
    minify: true,
    jsx: { runtime: "automatic", importSource: "preact", development: false },
    define: { OPEN_ADMISSION: String(openAdmission), "process.env.NODE_ENV": '"production"' },
  });
  const textOf = (type: string) => {
    const file = built.outputs.find((output) => output.type.startsWith(type));
    if (file === undefined) throw new Error(`the ${name} page was built without its ${type}`);
    return file.text();
  };
  const [css, script] = await Promise.all([textOf("text/css"), textOf("text/javascript")]);
  return makePage({ title, css, script });
}
