/** What becomes of a replay's accepted ballots: each is followed until the ledger tells. */
import { type Fate, ReceiptFollower } from "../client/receipt-follower.ts";
import type { AcceptedReceipt } from "../election/receipt.ts";
import type { RecordedChoice } from "./replay-ballots.ts";
import type { ReplayCounts, ReplayPlan } from "./replay-run.ts";

/** Those that ask together share one read of their ledger, which waits for a standby: the more, the faster it goes. */
const FOLLOWERS_MAX = 256;

export type AcceptedBallot = Pick<RecordedChoice, "row" | "voter" | "overvote"> & {
  receipt: AcceptedReceipt;
};

/** In the order in which they were accepted, as partitions are drained in theirs. Those not told are `unsettled`. */
export async function followAccepted(
  plan: ReplayPlan,
  counts: ReplayCounts,
  accepted: readonly AcceptedBallot[],
): Promise<void> {
  let next = 0;
  let told = 0;
  let gaveUp = false;
  if (accepted.length > 0) plan.following(told, accepted.length);
  const followUntilDone = async () => {
    const follower = new ReceiptFollower(plan.url, plan.patience);
    try {
      while (next < accepted.length && !gaveUp && !plan.stop.aborted) {
        const ballot = accepted[next++]!;
        const fate = await follower.follow(ballot.receipt);
        if (fate.fate === "unsettled") {
          gaveUp = true;
          break;
        }
        countFate(plan, counts, ballot, fate);
        plan.following(++told, accepted.length);
      }
    } finally {
      follower.close();
    }
  };
  const followers = Math.min(FOLLOWERS_MAX, plan.connections, accepted.length);
  await Promise.all(Array.from({ length: followers }, followUntilDone));
  counts.unsettled = accepted.length - told;
}

function countFate(
  plan: ReplayPlan,
  counts: ReplayCounts,
  { row, voter, overvote, receipt }: AcceptedBallot,
  fate: Exclude<Fate, { fate: "unsettled" }>,
): void {
  const place = `accepted at partition ${receipt.partition}, offset ${receipt.offset}`;
  switch (fate.fate) {
    case "recorded":
      counts.recorded++;
      break;
    case "duplicate":
      counts.duplicate++;
      break;
    case "rejected":
      counts.rejected++;
      if (overvote) break;
      counts.unexpectedlyRejected++;
      plan.report(row, `${place}, and rejected: ${fate.reason}`);
      break;
    case "unknown_receipt":
      counts.unknownReceipts++;
      plan.report(row, `${place}, and now an unknown receipt: ${fate.reason}`);
      break;
  }
  const difference = plan.journal?.keepFate(row, voter, fate) ?? null;
  if (difference === null) return;
  counts.differing++;
  plan.report(row, difference);
}
