/** The live page as it looks: a pure function of the contest and the feed. */

import type { ContestAnswer, ResultsAnswer } from "../election/answers.ts";
import { votePath } from "./address.ts";
import { formatCount, formatCounted, formatDuration, formatInstant } from "./format.ts";
import { Frame } from "./frame.tsx";
import type { Feed } from "./live-feed.ts";
import { type LiveStatus, liveStatus } from "./live-status.ts";
import { OptionBars } from "./option-bars.tsx";
import { votesPerSecond } from "./pace.ts";
import { PaceChart } from "./pace-chart.tsx";

export type LiveState = {
  contestId: string;
  contest: ContestAnswer | "missing" | null;
  failing: boolean;
  feed: Feed;
  /** What a screen reader hears of the figures, now and then. */
  spoken: string;
  nowMs: number;
};

export function LiveView({ state }: { state: LiveState }) {
  const { contest, feed, nowMs } = state;
  if (contest === "missing")
    return <Plain title="There is no such contest" text="Check the address of this page." />;
  if (contest === null) {
    const text = state.failing ? "The contest does not load. We keep trying." : "Loading the results…";
    return <Plain title="Live results" text={text} />;
  }
  const status = liveStatus(contest, feed, nowMs);
  const { results } = feed;
  return (
    <Frame>
      <article class={`slip live ${status.kind}`}>
        <h1>{contest.title}</h1>
        <Status status={status} feed={feed} nowMs={nowMs} />
        {results !== null && <Figures contest={contest} results={results} feed={feed} />}
        <p role="status" class="unseen">
          {state.spoken}
        </p>
      </article>
      {status.kind === "live" && (
        <p class="onward">
          <a href={votePath(state.contestId)}>Vote in this contest</a>
        </p>
      )}
    </Frame>
  );
}

function Plain({ title, text }: { title: string; text: string }) {
  return (
    <Frame>
      <article class="slip">
        <h1>{title}</h1>
        <p role="status">{text}</p>
      </article>
    </Frame>
  );
}

function Status({ status, feed, nowMs }: { status: LiveStatus; feed: Feed; nowMs: number }) {
  const lost = feed.connection === "lost";
  return (
    <div class="status">
      <div role="status">
        <p class={`standing ${status.kind}`}>
          <span class="lamp" aria-hidden="true" />
          {status.title}
        </p>
        {status.text !== "" && <p class="status-text">{status.text}</p>}
        {lost && <p class="lost">Connection lost: reconnecting.</p>}
        {!lost && feed.results?.delayed && (
          <p class="lost">
            Ballots recorded since {formatInstant(Date.parse(feed.results.asOf), nowMs)} may be missing here:
            not every ledger can be read at the moment.
          </p>
        )}
      </div>
      {/* Outside the announced part: it changes every second. */}
      {lost && feed.heardAtMs !== null && (
        <p class="age">The figures are {formatDuration(nowMs - feed.heardAtMs)} old.</p>
      )}
    </div>
  );
}

type FiguresProps = { contest: ContestAnswer; results: ResultsAnswer; feed: Feed };

function Figures({ contest, results, feed }: FiguresProps) {
  const { votes } = votesPerSecond(feed.pace);
  const peak = votes.reduce((most, pace) => Math.max(most, pace), 0);
  return (
    <>
      <dl class="totals">
        <Total
          name={results.counts ? "Ballots" : "Turnout"}
          value={formatCount(results.ballots ?? results.turnout)}
        />
        {results.blank !== undefined && contest.allowBlank && (
          <Total name="Blank" value={formatCount(results.blank)} />
        )}
        {!results.final && <Total name="Votes a second" value={formatCount(Math.round(votes.at(-1) ?? 0))} />}
      </dl>
      {results.counts ? (
        <OptionBars contest={contest} counts={results.counts} order={feed.order} />
      ) : (
        <p class="hidden-note">
          Choices stay hidden until the result is final. Turnout is shown as it grows.
        </p>
      )}
      {peak > 0 && (
        <figure>
          <figcaption>
            Votes a second. Peak: {formatCounted(Math.round(peak), "vote", "votes")} a second.
          </figcaption>
          <PaceChart pace={feed.pace} />
        </figure>
      )}
    </>
  );
}

function Total({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
