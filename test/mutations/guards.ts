/**
 * The guards of docs/invariants.md, in its order. A guard's `text` stands exactly once in its file; where it is written
 * otherwise than before, its entry is to follow.
 */
import type { Guard } from "./guard.ts";
import { ACCEPTED } from "./guards/accepting.ts";
import { ACCESS } from "./guards/access.ts";
import { ANSWERS } from "./guards/answers.ts";
import { BUFFERED_CLOSES } from "./guards/buffered-closes.ts";
import { CLOSING } from "./guards/closing.ts";
import { COMMIT } from "./guards/commit.ts";
import { DRAINING } from "./guards/draining.ts";
import { DURABLE_READS } from "./guards/durable-reads.ts";
import { GATE } from "./guards/gate.ts";
import { KAFKA } from "./guards/kafka.ts";
import { LANE } from "./guards/lane.ts";
import { LEDGERS } from "./guards/ledgers.ts";
import { PAGES } from "./guards/pages.ts";
import { PROOF } from "./guards/proof.ts";
import { SHARING } from "./guards/sharing.ts";
import { STREAM } from "./guards/stream.ts";

export const GUARDS: readonly Guard[] = [
  ...COMMIT,
  ...DURABLE_READS,
  ...GATE,
  ...STREAM,
  ...LANE,
  ...KAFKA,
  ...ANSWERS,
  ...ACCEPTED,
  ...DRAINING,
  ...BUFFERED_CLOSES,
  ...CLOSING,
  ...PROOF,
  ...LEDGERS,
  ...ACCESS,
  ...PAGES,
  ...SHARING,
];
