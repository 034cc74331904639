/** How a command fails: it throws, and the program prints what happened and exits with a status that tells. */
import { cannot, isFileError } from "../runtime/file-fault.ts";

/** Exit statuses: it failed or was refused; it was not given as it must be, and nothing was done. */
export const EXIT_FAILED = 1;
export const EXIT_USED_WRONGLY = 2;

/** For --help. */
export const EXIT_HELP = "Exit status: 0 done, 1 failed or refused, 2 used wrongly.";

/** What a person can do something about; the message says what. */
export class CommandFailed extends Error {}

/** The flags do not make a command: nothing was done. */
export class UsedWrongly extends CommandFailed {}

/** What nobody can mend by doing something else: where it happened is what helps. */
function isBug(error: unknown): error is Error {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

export function failureText(error: unknown): string {
  if (isFileError(error)) return cannot("use", error.path, error).message;
  return isBug(error) ? (error.stack ?? error.message) : (error as Error).message;
}
