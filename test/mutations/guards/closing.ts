// biome-ignore-all lint/suspicious/noTemplateCurlyInString: code is quoted here
/** Guards: closing and the seal. */
import type { Guard } from "../guard.ts";

const STREAM_WRITER = "test/postgres/stream-writer.test.ts";

export const CLOSING: Guard[] = [
  {
    name: "frozen-in-transaction",
    without: "whoever freezes in a transaction holds its locks for seconds only",
    file: "src/postgres/session.ts",
    text: "`idle_in_transaction_session_timeout=${IDLE_IN_TRANSACTION_MS_MAX}`,",
    becomes: "`idle_in_transaction_session_timeout=${0 * IDLE_IN_TRANSACTION_MS_MAX}`,",
    noticedBy: ["test/postgres/session.test.ts", "whoever freezes in a transaction"],
  },
  {
    name: "seal",
    without: "the seal's constraint",
    file: "src/postgres/partitions.ts",
    text: "await session.query({ text: `ALTER TABLE ${name} ADD CONSTRAINT ${SEAL} CHECK (false) NOT VALID` });",
    becomes: "",
    noticedBy: [STREAM_WRITER, "a sealed contest is named"],
  },
  {
    name: "announced-again",
    without: "a close that was slow to become known is announced again",
    file: "src/contests/transitions.ts",
    text: "Math.max(contest.closesAtMs, nowMs + noticeMs)",
    becomes: "contest.closesAtMs",
    noticedBy: ["test/contests/closing.test.ts", "that was slow to become known"],
  },
  {
    name: "sealed-only-when-known",
    without: "no contest is sealed before its close was announced early enough",
    file: "src/contests/sealer.ts",
    text: "if (!contest.closeIsKnown) {",
    becomes: "if (contest.sealedAtMs === -1) {",
    noticedBy: ["test/contests/closing.test.ts", "whose outcome nobody learned"],
  },
  {
    name: "counted-twice",
    without: "ballots and blocks are compared before a contest is final",
    file: "src/contests/sealer.ts",
    text: "if (differences.length > 0) throw",
    becomes: "if (differences.length < 0) throw",
    noticedBy: ["test/contests/sealer.test.ts", "not final, however often it is tried"],
  },
  {
    name: "differences",
    without: "counts that differ are differences",
    file: "src/election/tally.ts",
    text: "if (votesA === votesB) continue;",
    becomes: "if (votesA >= votesB) continue;",
    noticedBy: ["test/contests/sealer.test.ts", "not final, however often it is tried"],
  },
];
