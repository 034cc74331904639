/** How a command fails: it throws, and the program prints one line and exits with 1. */

/** What a person can do something about; the message says what. */
export class CommandFailed extends Error {}

/** What nobody can mend by doing something else: where it happened is what helps. */
export function isBug(error: unknown): error is Error {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}
