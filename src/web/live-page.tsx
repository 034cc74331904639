/** The live page: wires the contest and its results stream to what is on the screen. */
import { render } from "preact";
import { contestInAddress } from "./address.ts";
import { getContest } from "./api.ts";
import { keepFollowing } from "./feed-connection.ts";
import { type FeedEvent, followFeed, NEW_FEED } from "./live-feed.ts";
import { spokenFigures } from "./live-status.ts";
import { type LiveState, LiveView } from "./live-view.tsx";
import { untilLoaded } from "./until-loaded.ts";

/** Between two readings of the figures to a screen reader, so that it can say something else too. */
const SPOKEN_APART_MS = 30_000;

const contestId = contestInAddress(location.pathname);
let contest: LiveState["contest"] = null;
let failing = false;
let feed = NEW_FEED;
let spoken = "";
let spokenAtMs = 0;

function paint(): void {
  const state: LiveState = { contestId, contest, failing, feed, spoken, nowMs: Date.now() };
  render(<LiveView state={state} />, document.getElementById("page")!);
}

function follow(event: FeedEvent) {
  const before = feed;
  feed = followFeed(feed, event);
  // The opening and closing times may have been set only now.
  if (before.results !== null && before.results.state !== feed.results?.state) loadContest();
  if (event.event !== "heard") paint();
  return feed;
}

function everySecond(): void {
  const nowMs = Date.now();
  if (nowMs - spokenAtMs >= SPOKEN_APART_MS && typeof contest === "object" && contest && feed.results) {
    spoken = spokenFigures(contest, feed.results);
    spokenAtMs = nowMs;
  }
  follow({ event: "second", nowMs });
}

async function loadContest(): Promise<void> {
  contest = await untilLoaded(
    async () => {
      const answer = await getContest(contestId);
      if (answer === "unavailable") return null;
      return answer === "missing" ? answer : answer.found;
    },
    () => {
      failing = true;
      paint();
    },
  );
  if (contest !== "missing") document.title = `${contest.title}: live results · Urna`;
  paint();
}

paint();
await loadContest();
if (contest !== "missing") {
  setInterval(everySecond, 1_000);
  keepFollowing(`/v1/contests/${encodeURIComponent(contestId)}/results/stream`, follow);
}
