/** Who votes in this browser: the voter token from the personal link, or in development from an open admission. */

/** `link`: from the fragment of a personal voting link. `admission`: from a development server's open admission. */
export type Voter = { token: string; source: "link" | "admission" };

type SavedVoter = Voter & { savedAtMs: number };

const contestKey = (contest: string) => `urna/voter/contest/${contest}`;
const electionKey = (election: string) => `urna/voter/election/${election}`;

/**
 * Takes the token out of a link's fragment, before anything else happens: fragments reach no server and no log,
 * and once it is saved the address bar, the history and a screenshot no longer show it. Returns whether there was one.
 */
export function takeTokenFromLink(contest: string): boolean {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null || token === "") return false;
  saveVoter(contest, null, { token, source: "link" });
  history.replaceState(null, "", location.pathname + location.search);
  return true;
}

/** The voter of the newest link to this contest or, where the election is known, to any contest of it. */
export function currentVoter(contest: string, election: string | null): Voter | null {
  const own = read<SavedVoter>(contestKey(contest));
  const shared = election === null ? null : read<SavedVoter>(electionKey(election));
  if (own === null || shared === null) return own ?? shared;
  return own.savedAtMs >= shared.savedAtMs ? own : shared;
}

/** A token is the election's: once the page knows which that is, the other contests' pages find it too. */
export function shareVoterWithElection(contest: string, election: string): void {
  const voter = currentVoter(contest, election);
  if (voter !== null) write(electionKey(election), voter);
}

export function saveVoter(contest: string, election: string | null, voter: Voter): void {
  const saved: SavedVoter = { ...voter, savedAtMs: Date.now() };
  write(contestKey(contest), saved);
  if (election !== null) write(electionKey(election), saved);
}

/**
 * Where this voter's ballot in a contest is saved. Two people who follow their links on one device have two
 * ballots, so the token is part of the name. A browser that an open admission knows by cookie is one voter.
 * By uuid: an id may be used again, on a development server with a fresh ledger.
 */
export function ballotKey(contestUuid: string, voter: Voter): string {
  return `urna/ballot/${contestUuid}/${voter.source === "link" ? voter.token : "this-browser"}`;
}

/** Saved JSON, or null when there is none; also where this browser keeps nothing for pages. */
export function read<T>(key: string): T | null {
  try {
    const text = localStorage.getItem(key);
    return text === null ? ((memory.get(key) as T | undefined) ?? null) : (JSON.parse(text) as T);
  } catch {
    return (memory.get(key) as T | undefined) ?? null;
  }
}

/** Saves JSON, or with null forgets it. Returns whether it will outlive the page. */
export function write(key: string, value: object | null): boolean {
  if (value === null) memory.delete(key);
  else memory.set(key, value);
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** What private windows and full disks would not keep, for as long as the page lives. */
const memory = new Map<string, object>();
