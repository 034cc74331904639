/** The voter page: wires the contest, the voter and the casting client to what is on the screen. */
import { render } from "preact";
import type { ContestAnswer } from "../election/answers.ts";
import { contestInAddress } from "./address.ts";
import { askAdmission, castBallot, verifyReceipt } from "./api.ts";
import { BLANK_CHOICE } from "./ballot-form.tsx";
import type { Ballot, SavedCasting } from "./casting.ts";
import { CastingClient } from "./casting-client.ts";
import { ContestWatch } from "./contest-watch.ts";
import { type VoteState, VoteView } from "./vote-view.tsx";
import {
  ballotKey,
  currentVoter,
  read,
  saveVoter,
  shareVoterWithElection,
  takeTokenFromLink,
  type Voter,
  write,
} from "./voter.ts";

/** Set when the page is built. False leaves the code that asks for admission out of the page. */
declare const OPEN_ADMISSION: boolean;

const contestId = contestInAddress(location.pathname);
takeTokenFromLink(contestId);
// Another link to this contest, opened in this tab, changes only the fragment: the page must begin anew by itself.
addEventListener("hashchange", () => {
  if (takeTokenFromLink(contestId)) location.reload();
});

const watch = new ContestWatch(contestId, contestChanged);
/** Null until the voter is known. */
let client: CastingClient | null = null;
let admission: VoteState["voter"] = "none";
let choice: VoteState["choice"] = null;
let form: VoteState["form"] = "choosing";

function paint(): void {
  const state: VoteState = {
    contestId,
    contest: watch.contest,
    problem: watch.problem,
    standing: watch.standing(),
    voter: client === null ? admission : "known",
    casting: client?.state ?? { phase: "idle" },
    kept: client?.kept ?? true,
    choice,
    form,
    nowMs: watch.nowMs(),
  };
  render(<VoteView state={state} actions={actions} />, document.getElementById("page")!);
}

const actions = {
  choose(chosen: number) {
    choice = chosen;
    form = "choosing";
    paint();
  },
  submit() {
    form = choice === null ? "missing" : "confirming";
    paint();
    focus(form === "missing" ? "input[type=radio]" : "#confirm-title");
  },
  change() {
    form = "choosing";
    paint();
    focus("input:checked");
  },
  cast() {
    if (choice === null) return;
    client?.cast(choice === BLANK_CHOICE ? [] : [choice]);
    // The button that had the focus is gone.
    focus("#notice-title");
  },
  dismiss() {
    form = "choosing";
    client?.dismiss();
    focus("input:checked, #notice-title");
  },
};

function focus(selector: string): void {
  document.querySelector<HTMLElement>(selector)?.focus();
}

function contestChanged(): void {
  const { contest } = watch;
  if (contest !== null && client === null) {
    document.title = `${contest.title} · Urna`;
    shareVoterWithElection(contestId, contest.election);
    const voter = currentVoter(contestId, contest.election);
    if (voter !== null) meetVoter(voter, contest);
    else if (OPEN_ADMISSION && admission === "none") admit(contest);
  }
  paint();
}

function meetVoter(voter: Voter, contest: ContestAnswer): void {
  let { token } = voter;
  const key = ballotKey(contest.uuid, voter);
  client = new CastingClient(
    {
      save: (saved) => write(key, saved),
      load: () => read<SavedCasting>(key),
      async post(ballot: Ballot) {
        const answer = await castBallot(contestId, token, ballot);
        const invalid = answer.kind === "refused" && answer.refusal.code === "invalid_token";
        if (OPEN_ADMISSION && invalid && voter.source === "admission") {
          // A development server's tokens end with it; its cookie still says which voter this is.
          token = (await askAdmission(contestId)) ?? token;
          saveVoter(contestId, contest.election, { token, source: "admission" });
          return castBallot(contestId, token, ballot);
        }
        return answer;
      },
      verify: verifyReceipt,
      later: (delayMs, run) => setTimeout(run, delayMs),
      drawNonce,
      nowMs: Date.now,
      random: Math.random,
    },
    castingChanged,
  );
  client.resume();
}

function castingChanged(): void {
  // The contest is not what this page took it for: learn when it will be open.
  const state = client?.state;
  if (state?.phase === "refused" && state.refusal.code === "contest_not_open") watch.lookSoon();
  paint();
}

async function admit(contest: ContestAnswer): Promise<void> {
  admission = "asking";
  const token = await askAdmission(contestId);
  admission = "refused";
  if (token !== null) {
    const voter: Voter = { token, source: "admission" };
    saveVoter(contestId, contest.election, voter);
    meetVoter(voter, contest);
  }
  paint();
}

/** 16 random bytes in base64url without padding. */
function drawNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

watch.look();
paint();
