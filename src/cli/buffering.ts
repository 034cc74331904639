/** The flags that make an election a buffered one, and what is asked of the server for them. */
import { type Command, Option } from "commander";
import type { BufferingRequest } from "../client/contract.ts";
import { wholeNumber } from "../runtime/options.ts";
import { UsedWrongly } from "./failure.ts";

export type BufferingOptions = { buffered?: boolean; partitions?: number };

/** As the contract has it. */
const PARTITIONS_MAX = 10_000;

export function addBufferingOptions(command: Command): Command {
  return command
    .option("--buffered", "ballots go through Kafka: accepted at once, and recorded a moment later")
    .addOption(
      new Option(
        "--partitions <number>",
        "with --buffered: partitions of its topic (default: the server's)",
      ).argParser(wholeNumber(1, PARTITIONS_MAX)),
    );
}

/** Undefined where ballots are to be recorded directly. */
export function bufferingRequest(
  { buffered, partitions }: BufferingOptions,
  ledgers?: string[],
): BufferingRequest | undefined {
  if (buffered) {
    return {
      ...(partitions === undefined ? {} : { partitions }),
      ...(ledgers === undefined ? {} : { ledgers }),
    };
  }
  if (partitions === undefined && ledgers === undefined) return undefined;
  throw new UsedWrongly("--partitions and --ledger are of buffered elections: say --buffered too");
}

/** {@link bufferingRequest} of a command that creates a contest of its own unless one is named. */
export function bufferingOfCreated(
  options: BufferingOptions & { contest?: string },
): BufferingRequest | undefined {
  const buffering = bufferingRequest(options);
  if (buffering === undefined || options.contest === undefined) return buffering;
  throw new UsedWrongly("say --buffered for a contest that is created, and not with --contest");
}
