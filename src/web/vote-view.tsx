/** The voter page as it looks: a pure function of what the page knows. */

import type { ContestAnswer } from "../election/answers.ts";
import { livePath } from "./address.ts";
import { BallotForm, BLANK_CHOICE, type Choice, ConfirmBallot, choiceTitle } from "./ballot-form.tsx";
import { type Casting, canBeDismissed } from "./casting.ts";
import type { Standing } from "./contest-clock.ts";
import { Frame } from "./frame.tsx";
import { castingMessage, type Message, standingMessage } from "./messages.ts";
import { Notice } from "./notice.tsx";
import { ReceiptSlip } from "./receipt-slip.tsx";

export type VoteState = {
  contestId: string;
  contest: ContestAnswer | null;
  problem: "missing" | "unavailable" | null;
  standing: Standing | null;
  /** `asking`: an open admission has been asked; `refused`: it gave no token. */
  voter: "known" | "none" | "asking" | "refused";
  casting: Casting;
  kept: boolean;
  choice: Choice;
  /** What stands in place of the form: nothing, a hint that nothing is chosen, or the last question. */
  form: "choosing" | "missing" | "confirming";
  nowMs: number;
};

export type VoteActions = {
  choose(choice: number): void;
  submit(): void;
  change(): void;
  cast(): void;
  dismiss(): void;
};

export function VoteView({ state, actions }: { state: VoteState; actions: VoteActions }) {
  const { contest } = state;
  const message = messageOf(state);
  return (
    <Frame>
      <article class="slip">
        {contest !== null && <h1>{contest.title}</h1>}
        {/* Always in the page, so that screen readers announce whatever comes into it. */}
        <div role="status">{message !== null && <Notice message={message} />}</div>
        {contest !== null && (
          <Body state={state} contest={contest} actions={actions} formShown={message === null} />
        )}
      </article>
      {contest !== null && (
        <p class="onward">
          <a href={livePath(state.contestId)}>Live results</a>
        </p>
      )}
    </Frame>
  );
}

type BodyProps = { state: VoteState; contest: ContestAnswer; actions: VoteActions; formShown: boolean };

function Body({ state, contest, actions, formShown }: BodyProps) {
  const { casting, choice } = state;
  if (casting.phase !== "idle") {
    const chosen = casting.ballot.selections[0] ?? BLANK_CHOICE;
    return (
      <>
        {casting.phase !== "already_voted" && <p class="marked">{choiceTitle(contest, chosen)}</p>}
        {contest.void !== null && (
          <p class="override">This contest was declared void: {contest.void.reason}</p>
        )}
        {"receipt" in casting && <ReceiptSlip receipt={casting.receipt} contest={contest.id} />}
        {canBeDismissed(casting) && (
          <div class="actions">
            <button type="button" id="dismiss" onClick={actions.dismiss}>
              Back to the ballot
            </button>
          </div>
        )}
      </>
    );
  }
  if (!formShown) return null;
  if (state.form === "confirming" && choice !== null) {
    return <ConfirmBallot title={choiceTitle(contest, choice)} cast={actions.cast} change={actions.change} />;
  }
  return (
    <BallotForm
      contest={contest}
      choice={choice}
      missing={state.form === "missing"}
      choose={actions.choose}
      submit={actions.submit}
    />
  );
}

/** What the voter must know before anything else; null when it is time to choose. */
function messageOf(state: VoteState): Message | null {
  const { contest, standing, problem, voter } = state;
  const notOpen =
    contest === null || standing === null ? null : standingMessage(contest, standing, state.nowMs);
  const casting = castingMessage(state.casting, state.kept);
  if (casting !== null) {
    const refusal = state.casting.phase === "refused" ? state.casting.refusal.code : null;
    // By now the page may know better than the refusal why, and until when.
    if (refusal !== "contest_not_open" || notOpen === null) return casting;
    return { ...notOpen, text: `Your ballot is not recorded. ${notOpen.text}` };
  }
  if (problem === "missing") {
    return { tone: "bad", title: "There is no such contest", text: "Check the address of this page." };
  }
  if (problem === "unavailable") {
    return {
      tone: "busy",
      title: "The ballot does not load",
      text: "We keep trying. There is no need to reload.",
    };
  }
  if (contest === null || standing === null) return { tone: "busy", title: "Loading the ballot…", text: "" };
  if (notOpen !== null) return notOpen;
  switch (voter) {
    case "known":
      return null;
    case "asking":
      return { tone: "busy", title: "Asking for admission…", text: "" };
    case "refused":
      return {
        tone: "bad",
        title: "You were not admitted",
        text: "This server gave no voter token. Reload to ask again.",
      };
    case "none":
      return {
        tone: "wait",
        title: "You need your personal voting link",
        text: "It was given to you by whoever runs this election. Open it on this device to vote.",
      };
  }
}
