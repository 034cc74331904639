/** The pace as a line: votes a second over the last minutes. The same figures stand beside it as text. */
// Before uPlot, which would stop the whole page.
import "./language-repair.ts";

import { Component, createRef } from "preact";
import uPlot from "uplot";
import { formatMinute, formatShort } from "./format.ts";
import type { Pace } from "./pace.ts";
import { votesPerSecond } from "./pace.ts";

const HEIGHT_PX = 130;
/** Whole minutes, in seconds: the clock under the chart shows no less. */
const TIME_STEPS = [60, 120, 300, 600, 1800, 3600];
/** Whole votes: 1, 2 and 5 times the powers of ten. */
const VOTE_STEPS = [...Array(9).keys()].flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power));

export class PaceChart extends Component<{ pace: Pace }> {
  private readonly place = createRef<HTMLDivElement>();
  private plot: uPlot | null = null;

  override componentDidMount(): void {
    const place = this.place.current!;
    this.plot = new uPlot(chartOptions(place.clientWidth), dataOf(this.props.pace), place);
    new ResizeObserver(() => this.plot?.setSize({ width: place.clientWidth, height: HEIGHT_PX })).observe(
      place,
    );
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.plot?.redraw());
  }

  /** uPlot owns what is inside; Preact only brings new data. */
  override shouldComponentUpdate(next: { pace: Pace }): boolean {
    if (next.pace !== this.props.pace) this.plot?.setData(dataOf(next.pace));
    return false;
  }

  render() {
    return <div class="chart" ref={this.place} aria-hidden="true" />;
  }
}

function dataOf(pace: Pace): uPlot.AlignedData {
  const { atMs, votes } = votesPerSecond(pace);
  return [atMs.map((at) => at / 1000), votes];
}

/** Colours are looked up at every drawing: they change with the reader's scheme. */
function chartOptions(width: number): uPlot.Options {
  const colour = (name: string) => () => getComputedStyle(document.documentElement).getPropertyValue(name);
  const axis: uPlot.Axis = {
    stroke: colour("--soft"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  return {
    width,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 80,
        size: 28,
        values: (_plot, seconds) => seconds.map((second) => formatMinute(second * 1000)),
        incrs: TIME_STEPS,
      },
      { ...axis, size: 48, space: 40, incrs: VOTE_STEPS, values: (_plot, votes) => votes.map(formatShort) },
    ],
    series: [{}, { stroke: colour("--mark"), width: 2, fill: colour("--good"), points: { show: false } }],
  };
}
