/** Appends one record in a process of its own, and says what became of it: `bun append-process.ts <address> <topic> <id>`. */
import { appenderOn } from "./support.ts";

const [address, name, id] = process.argv.slice(2) as [string, string, string];
const appender = appenderOn(address);
const [outcome] = await appender.append({ name, id }, [{ partition: 0, value: Buffer.from("vote") }], 4_000);
const why = [];
if ("error" in outcome!) {
  for (let error: unknown = outcome.error; error instanceof Error; error = error.cause)
    why.push(error.message);
}
console.log([outcome!.outcome, ...why].join(": "));
await appender[Symbol.asyncDispose]();
process.exit(0);
