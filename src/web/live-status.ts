/** What the live page says about the figures: where the contest stands, and whether they may still change. */

import type { ContestAnswer, ResultsAnswer } from "../election/answers.ts";
import { formatCounted, formatInstant, formatShare } from "./format.ts";
import type { Feed } from "./live-feed.ts";

export type LiveStatus = {
  kind: "waiting" | "live" | "paused" | "closing" | "final" | "void";
  title: string;
  text: string;
};

const PROVISIONAL = "Figures are provisional until the result is final.";

export function liveStatus(contest: ContestAnswer, feed: Feed, nowMs: number): LiveStatus {
  // The stream is newer than the definition that the page began with.
  const { state, paused, void: voided } = feed.results ?? contest;
  if (voided !== null) return { kind: "void", title: "Void", text: voided.reason };
  switch (state) {
    case "draft":
      return { kind: "waiting", title: "Not open yet", text: "" };
    case "scheduled":
      return { kind: "waiting", title: "Not open yet", text: opening(contest, nowMs) };
    case "open":
      if (paused) return { kind: "paused", title: "Paused", text: PROVISIONAL };
      return { kind: "live", title: "Live", text: PROVISIONAL };
    case "closing":
      return { kind: "closing", title: "Closed, counting out", text: PROVISIONAL };
    case "final":
      return { kind: "final", title: "Final", text: "Sealed, and counted again from the ballots." };
  }
}

function opening(contest: ContestAnswer, nowMs: number): string {
  return contest.opensAt === null
    ? ""
    : `Voting opens at ${formatInstant(Date.parse(contest.opensAt), nowMs)}.`;
}

/** The figures in one sentence, for screen readers. */
export function spokenFigures(contest: ContestAnswer, results: ResultsAnswer): string {
  const total = formatCounted(results.turnout, "ballot", "ballots");
  const counts = results.counts ?? [];
  const votes = counts.reduce((sum, count) => sum + count.votes, 0);
  const leader = counts.reduce<{ option: number; votes: number } | null>(
    (best, count) => (count.votes > (best?.votes ?? 0) ? count : best),
    null,
  );
  if (leader === null) return `${total}.`;
  const title = contest.options.find(({ number }) => number === leader.option)?.title ?? "";
  return `${total}. Leading: ${title}, ${formatShare(leader.votes, votes)}.`;
}
