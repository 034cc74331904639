/** The admin role: runs elections over HTTP, and makes closed contests final. */
import type { Secrets } from "../admission/secrets.ts";
import { Administration } from "../contests/administration.ts";
import type { BufferedContests } from "../contests/buffered-contests.ts";
import { administrationRoutes } from "../contests/routes.ts";
import { Sealer } from "../contests/sealer.ts";
import { announceAgain } from "../contests/transitions.ts";
import { systemClock as clock } from "../runtime/clock.ts";
import { atMostEvery, type Log } from "../runtime/log.ts";
import { Problem } from "../runtime/problem.ts";
import type { Service } from "../runtime/service.ts";
import {
  BUFFERED_CLOSE_NOTICE_MS,
  CLOSE_ANNOUNCING_MS,
  CLOSE_NOTICE_MS,
  type LedgerAccess,
} from "./ledger.ts";

export type AdminOptions = {
  secrets: Secrets;
  adminToken: string;
  drainMs: number;
  /** Null where no election can be buffered. */
  buffered: BufferedContests | null;
  log: Log;
};

const DAY_MS = 86_400_000;
/** Of voter tokens that are minted without another one. */
export const TOKEN_LIFETIME_MS = 30 * DAY_MS;

export function openAdmin(ledger: LedgerAccess, options: AdminOptions) {
  const { secrets, adminToken, drainMs, buffered, log } = options;
  const administration = new Administration(ledger.store, secrets, {
    noticeMs: CLOSE_NOTICE_MS,
    bufferedNoticeMs: BUFFERED_CLOSE_NOTICE_MS,
    buffered,
    announcingMs: CLOSE_ANNOUNCING_MS,
    clock,
  });
  const unfinished = (contest: { id: string } | null, err: Error, unwritten = 0) =>
    log.error({ err, contest: contest?.id, unwritten }, "contest could not be made final yet");
  // A ledger that does not answer fails every poll; counts that disagree are each told.
  const unanswered = atMostEvery(1_000, (unwritten, contest: { id: string } | null, error: Error) =>
    unfinished(contest, error, unwritten),
  );
  const sealer = new Sealer(ledger.store, {
    drainMs,
    pollMs: 500,
    buffered,
    recountPauseMs: 1_000,
    recountPauseMsMax: 60_000,
    clock,
    announceAgain: ({ id }) => administration.change(id, announceAgain),
    onFinal: (contest, ballots) => log.info({ contest: contest.id, ballots }, "contest is final"),
    onError: (contest, error) => (error instanceof Problem ? unanswered : unfinished)(contest, error),
  });
  const routes = administrationRoutes(administration, {
    adminToken,
    tokenLifetimeMs: TOKEN_LIFETIME_MS,
    now: Date.now,
  });
  const services: Service[] = [{ name: "sealer", run: (signal) => sealer.run(signal) }];
  /** Elections of another pepper go on; only minting for them is refused, which is better known now than then. */
  const reportOtherPeppers = async () => {
    const elections = (await administration.electionsOfAnotherPepper()).map(({ id }) => id);
    if (elections.length > 0) log.error({ elections }, "these elections were made with another pepper");
  };
  return { administration, reportOtherPeppers, routes, services };
}
