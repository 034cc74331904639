/** Whether a further ledger's copy of a contest is what the home ledger has. */
import type { Contest } from "../election/contest.ts";

/** What a copy must have in common; when the contest opens and closes is in the home ledger alone. */
const SAME = {
  number: ({ ledgerId }: Contest) => ledgerId,
  id: ({ id }: Contest) => id,
  election: ({ electionUuid }: Contest) => electionUuid,
  method: ({ method }: Contest) => method,
  options: ({ options }: Contest) => options,
  allowBlank: ({ allowBlank }: Contest) => allowBlank,
  partitions: ({ buffering }: Contest) => buffering?.partitions,
  ledgers: ({ buffering }: Contest) => buffering?.ledgers,
};

/** The first difference; null when there is none. */
export function copyFault(copy: Contest, contest: Contest): string | null {
  for (const [name, of] of Object.entries(SAME)) {
    const [copied, original] = [JSON.stringify(of(copy)), JSON.stringify(of(contest))];
    if (copied !== original) return `${name}: it has ${copied}, the home ledger ${original}`;
  }
  return null;
}
