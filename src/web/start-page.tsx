/** The start page: what Urna is, and the contests. */
import { render } from "preact";
import type { ContestAnswer } from "../election/answers.ts";
import { livePath, votePath } from "./address.ts";
import { getContests } from "./api.ts";
import { type Standing, standingAt } from "./contest-clock.ts";
import { formatInstant } from "./format.ts";
import { Frame } from "./frame.tsx";
import { untilLoaded } from "./until-loaded.ts";

const STANDINGS: Record<Standing, string> = {
  draft: "Not open yet",
  scheduled: "Opens later",
  open: "Open",
  paused: "Paused",
  closing: "Closed, counting out",
  final: "Final",
  void: "Void",
};

type StartState = { contests: ContestAnswer[] | null; failing: boolean };

function StartView({ contests, failing }: StartState) {
  return (
    <Frame>
      <h1>Real-time voting that never loses an acknowledged vote.</h1>
      <div role="status">
        {contests === null && (
          <p>{failing ? "The contests do not load. We keep trying." : "Loading the contests…"}</p>
        )}
        {contests?.length === 0 && <p>There is no contest yet.</p>}
      </div>
      <ul class="contests">
        {contests?.map((contest) => (
          <ContestCard key={contest.id} contest={contest} />
        ))}
      </ul>
    </Frame>
  );
}

function ContestCard({ contest }: { contest: ContestAnswer }) {
  const nowMs = Date.now();
  const standing = standingAt(contest, nowMs);
  return (
    <li class="slip">
      <h2>{contest.title}</h2>
      <p>
        <span class={`standing ${standing}`}>{STANDINGS[standing]}</span>
        {standing === "scheduled" && contest.opensAt !== null && (
          <> at {formatInstant(Date.parse(contest.opensAt), nowMs)}</>
        )}
        {standing === "void" && contest.void !== null && <> {contest.void.reason}</>}
      </p>
      <p class="links">
        {/* The title is part of the name: links are read out of context. */}
        <a href={votePath(contest.id)} aria-label={`Vote: ${contest.title}`}>
          Vote
        </a>
        <a href={livePath(contest.id)} aria-label={`Live results: ${contest.title}`}>
          Live results
        </a>
      </p>
    </li>
  );
}

function paint(state: StartState): void {
  render(<StartView {...state} />, document.getElementById("page")!);
}

paint({ contests: null, failing: false });
const contests = await untilLoaded(getContests, () => paint({ contests: null, failing: true }));
paint({ contests, failing: false });
