/** What a measurement reports: a table for people, and bars for those who would rather look. */
import type { Spread } from "./in-turns.ts";

export type Report = {
  title: string;
  /** How it was measured, in a sentence or two. */
  how: string;
  /** The first one names the row. */
  columns: readonly string[];
  rows: readonly (readonly string[])[];
  chart: Chart;
};

export type Chart = {
  /** What a bar's length is. */
  unit: string;
  digits: number;
  bars: readonly { name: string; value: Spread }[];
  /** A line across the bars: what they should reach. */
  goal: number | null;
};

/** For a measurement that is run by itself: JSON is what bench/main.ts reads. */
export function print(reports: readonly Report[], json: boolean): void {
  console.log(json ? JSON.stringify(reports) : reports.map(markdownOf).join("\n\n"));
}

export function markdownOf({ title, how, columns, rows }: Report): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const alignment = columns.map((_, i) => (i === 0 ? "---" : "---:"));
  return [`### ${title}`, "", how, "", ...[columns, alignment, ...rows].map(line)].join("\n");
}
