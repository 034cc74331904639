/** Bars as an SVG picture: the median, a whisker from the least to the most, and a line at the goal. */
import type { Chart } from "./report.ts";

const WIDTH = 760;
const NAMES = 190;
const WORDS = 90;
const ROW = 26;
const BAR = 14;
const TOP = 34;
const BOTTOM = 10;

export function svgOf(title: string, { unit, digits, bars, goal }: Chart): string {
  const most = Math.max(...bars.map(({ value }) => value.most), goal ?? 0);
  const x = (value: number) => NAMES + (value / most) * (WIDTH - NAMES - WORDS);
  const height = TOP + bars.length * ROW + BOTTOM;
  const rows = bars.map(({ name, value: { median, least, most: largest } }, i) => {
    const y = TOP + i * ROW + ROW / 2;
    const words = median.toLocaleString("en-US", {
      ...{ minimumFractionDigits: digits, maximumFractionDigits: digits },
    });
    return [
      `<text x="${NAMES - 10}" y="${y + 4}" text-anchor="end">${escaped(name)}</text>`,
      `<rect x="${NAMES}" y="${y - BAR / 2}" width="${(x(median) - NAMES).toFixed(1)}" height="${BAR}" rx="2" class="bar"/>`,
      `<path d="M${x(least).toFixed(1)} ${y}H${x(largest).toFixed(1)}" class="range"/>`,
      `<text x="${(Math.max(x(median), x(largest)) + 8).toFixed(1)}" y="${y + 4}">${words}</text>`,
    ].join("\n");
  });
  const line =
    goal === null
      ? ""
      : `<path d="M${x(goal).toFixed(1)} ${TOP - 4}V${height - BOTTOM}" class="goal"/>
<text x="${x(goal).toFixed(1)}" y="${TOP - 8}" text-anchor="middle" class="goal-words">goal ${goal}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">
<title>${escaped(title)}</title>
<style>
text { font: 12px system-ui, sans-serif; fill: #3d4451 }
.unit { fill: #6b7280 }
.bar { fill: #4f7fd6 }
.range { stroke: #1f2d4d; stroke-width: 2 }
.goal { stroke: #c2410c; stroke-dasharray: 4 3; fill: none }
.goal-words { fill: #c2410c }
@media (prefers-color-scheme: dark) { text { fill: #d5dae3 } .unit { fill: #9aa3b2 } .range { stroke: #c7d6f5 } }
</style>
<text x="${NAMES}" y="14" class="unit">${escaped(unit)}</text>
${line}
${rows.join("\n")}
</svg>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
