/** docs/performance/: what was measured, as a page of tables and charts, and as the figures that it is made of. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { svgOf } from "./chart.ts";
import { markdownOf, type Report } from "./report.ts";

/** One measurement's reports, and when and where they were made. */
export type Measured = {
  name: string;
  measuredOn: string;
  commit: string;
  machine: string;
  reports: Report[];
};

const FOLDER = "docs/performance";
const FIGURES = join(FOLDER, "figures.json");

const HEAD = `# Performance

What these figures mean beside the goals, and what was tried where one is missed: [goals.md](goals.md). How each is
measured: [bench/README.md](../../bench/README.md).

\`npm run bench -- --write\` makes this page, and \`--only NAME\` one part of it. Figures are the median of several rounds, those with a range in
parentheses its least and most; whoever is compared took turns, and a ratio is that of two samples of one round. Clients, servers, primary and
standby share the machine: compare ratios, not figures of two runs.`;

/** Without charts. */
export function pageOf(measured: readonly Measured[]): string {
  return measured.flatMap((each) => [madeOf(each), ...each.reports.map(markdownOf)]).join("\n\n");
}

/** What was measured before and is not among `measured` stays. `order` names all that there are. */
export function writePage(measured: readonly Measured[], order: readonly string[]): void {
  mkdirSync(FOLDER, { recursive: true });
  const before = existsSync(FIGURES) ? (JSON.parse(readFileSync(FIGURES, "utf8")) as Measured[]) : [];
  const all = order.flatMap(
    (name) => measured.find((each) => each.name === name) ?? before.find((each) => each.name === name) ?? [],
  );
  writeFileSync(FIGURES, `${JSON.stringify(all, null, 2)}\n`);
  const sections = all.flatMap((each) => [
    `## ${each.name}`,
    madeOf(each),
    ...each.reports.map((report, i) => {
      const file = `${each.name}-${i + 1}.svg`;
      writeFileSync(join(FOLDER, file), svgOf(report.title, report.chart));
      return `${markdownOf(report)}\n\n![${report.title}](${file})`;
    }),
  ]);
  writeFileSync(join(FOLDER, "README.md"), `${[HEAD, ...sections].join("\n\n")}\n`);
  console.error(`written: ${FOLDER}/README.md`);
}

function madeOf({ name, measuredOn, commit, machine }: Measured): string {
  return `\`npm run bench -- --only ${name}\`, ${measuredOn}, commit ${commit}, ${machine}.`;
}
