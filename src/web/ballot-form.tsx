/** The ballot: options as native radio buttons, and the step that asks once more before it is cast. */
import type { ContestAnswer } from "../election/answers.ts";

/** An option's number, or 0 for a blank ballot; null while nothing is chosen. */
export type Choice = number | null;

export const BLANK_CHOICE = 0;

export function choiceTitle(contest: ContestAnswer, choice: number): string {
  if (choice === BLANK_CHOICE) return "A blank ballot";
  return contest.options.find((option) => option.number === choice)?.title ?? `Option ${choice}`;
}

type BallotFormProps = {
  contest: ContestAnswer;
  choice: Choice;
  /** The voter pressed "Vote" without a choice. */
  missing: boolean;
  choose(choice: number): void;
  submit(): void;
};

export function BallotForm({ contest, choice, missing, choose, submit }: BallotFormProps) {
  const row = (value: number, title: string, className: string) => (
    <label class={className} key={value}>
      <input
        type="radio"
        name="choice"
        value={value}
        checked={choice === value}
        onChange={() => choose(value)}
      />
      <span>{title}</span>
    </label>
  );
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <fieldset aria-describedby={missing ? "missing" : undefined}>
        <legend>Choose one</legend>
        <div class="options">
          {contest.options.map((option) => row(option.number, option.title, "option"))}
          {contest.allowBlank && row(BLANK_CHOICE, "Cast a blank ballot", "option blank")}
        </div>
      </fieldset>
      <p id="missing" class="missing" role="alert">
        {missing && "Choose one option first."}
      </p>
      <div class="actions">
        <button type="submit" class="primary" id="vote">
          Vote
        </button>
      </div>
    </form>
  );
}

type ConfirmBallotProps = { title: string; cast(): void; change(): void };

export function ConfirmBallot({ title, cast, change }: ConfirmBallotProps) {
  return (
    <section aria-labelledby="confirm-title" class="confirm">
      <h2 id="confirm-title" tabIndex={-1}>
        Cast this ballot?
      </h2>
      <p class="marked">{title}</p>
      <p>A ballot is final: it cannot be changed afterwards.</p>
      <div class="actions">
        <button type="button" class="primary" id="cast" onClick={cast}>
          Cast ballot
        </button>
        <button type="button" id="change" onClick={change}>
          Change
        </button>
      </div>
    </section>
  );
}
