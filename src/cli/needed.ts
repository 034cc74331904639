/** Options that a command can't do without. */
import type { Command, Option } from "commander";
import { UsedWrongly } from "./failure.ts";

/**
 * Asked for when everything else about the flags is right, so that a slip in a flag's name is told as that, and not as
 * the lack of the flag that was meant.
 */
export function addNeeded(command: Command, option: Option): Command {
  return command.addOption(option).hook("preAction", () => {
    if (command.getOptionValue(option.attributeName()) !== undefined) return;
    const variable = option.envVar === undefined ? "" : `, or set ${option.envVar}`;
    throw new UsedWrongly(`say ${option.flags}${variable}: ${option.description}`);
  });
}
