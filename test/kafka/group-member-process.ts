/** A member of a group in a process of its own, to be frozen by a test: `bun … <address> <group> <topic>`; says what it has. */
import { KafkaGroupMember } from "../../src/kafka/group-member.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { open } from "./support.ts";

const [address, group, topic] = process.argv.slice(2) as [string, string, string];
const options = { group, clock: systemClock, retryPauseMs: 50, drainedPauseMs: 50, onRetry: () => undefined };
const member = new KafkaGroupMember(open(address), options);
member.subscribe([topic]);
await member.run(new AbortController().signal, (assigned) =>
  console.log(JSON.stringify(assigned.map(({ partition }) => partition).sort())),
);
