/** Votes by option: a list with text values for everybody, and bars that move as votes come in. */
import { Component, createRef } from "preact";
import type { ContestAnswer } from "../election/answers.ts";
import { formatCounted, formatShare } from "./format.ts";

type OptionBarsProps = {
  contest: ContestAnswer;
  counts: { option: number; votes: number }[];
  /** Option numbers, as they are shown. */
  order: number[];
};

/** What a full bar stands for: all votes, or where votes are spread over many options the least that fits the leader. */
const FULL_BARS = [0.05, 0.1, 0.25, 1];

export function fullBarFor(leaderShare: number): number {
  return FULL_BARS.find((full) => leaderShare <= full) ?? 1;
}

const MOVE_MS = 600;

export class OptionBars extends Component<OptionBarsProps> {
  private readonly list = createRef<HTMLOListElement>();

  /** Where the rows were, so that they can glide to where they will be; null when none changes places. */
  override getSnapshotBeforeUpdate(before: OptionBarsProps): Map<Element, number> | null {
    if (before.order.join() === this.props.order.join()) return null;
    return new Map(this.rows().map((row) => [row, row.getBoundingClientRect().top]));
  }

  override componentDidUpdate(
    _props: OptionBarsProps,
    _state: object,
    tops: Map<Element, number> | null,
  ): void {
    if (!tops || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const row of this.rows()) {
      const movedBy = (tops.get(row) ?? 0) - row.getBoundingClientRect().top;
      if (movedBy === 0 || !tops.has(row)) continue;
      row.animate([{ transform: `translateY(${movedBy}px)` }, { transform: "none" }], {
        duration: MOVE_MS,
        easing: "ease-out",
      });
    }
  }

  private rows(): Element[] {
    return [...(this.list.current?.children ?? [])];
  }

  render() {
    const { contest, counts, order } = this.props;
    const votesOf = new Map(counts.map(({ option, votes }) => [option, votes]));
    const titles = new Map(contest.options.map(({ number, title }) => [number, title]));
    const all = counts.reduce((sum, { votes }) => sum + votes, 0);
    const most = counts.reduce((so, { votes }) => Math.max(so, votes), 0);
    const full = fullBarFor(all === 0 ? 1 : most / all);
    return (
      <>
        <ol class="bars" ref={this.list} aria-label="Votes by option">
          {order.map((option) => {
            const votes = votesOf.get(option) ?? 0;
            const length = all === 0 ? 0 : votes / all / full;
            return (
              <li key={option} class={votes === most && votes > 0 ? "leading" : ""}>
                <span class="option-title">{titles.get(option) ?? `Option ${option}`}</span>
                <span class="option-figures">
                  {formatCounted(votes, "vote", "votes")} <b>{formatShare(votes, all)}</b>
                </span>
                <span class="track" aria-hidden="true">
                  <span class="fill" style={{ transform: `scaleX(${length})` }} />
                </span>
              </li>
            );
          })}
        </ol>
        {full < 1 && <p class="scale">A full bar is {formatShare(full, 1)} of the votes.</p>}
      </>
    );
  }
}
