/** A contest by its public id or uuid, for whoever answers a person. */
import type { Contest } from "../election/contest.ts";
import { Problem } from "../runtime/problem.ts";
import { type ContestDirectory, DirectoryOverloadedError } from "./directory.ts";

/** As the directory knows it, or else as the ledger does. Throws {@link Problem} no_such_contest or not_available. */
export async function findContest(directory: ContestDirectory, id: string): Promise<Contest> {
  const known = directory.get(id);
  if (known !== undefined) return known;
  const contest = await directory.fresh(id).catch((error) => {
    if (!(error instanceof DirectoryOverloadedError)) throw error;
    throw new Problem("not_available", "too many contests are asked for at once", { cause: error });
  });
  if (contest === null) throw noSuchContest(id);
  return contest;
}

/** The id is what somebody typed: shown, and no more of it than an id may have. */
export function noSuchContest(id: string): Problem {
  return new Problem("no_such_contest", `there is no contest ${id.slice(0, 64)}`);
}
