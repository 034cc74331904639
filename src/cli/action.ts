/** How a command fails: one readable line on stderr and a non-zero exit, never a stack trace for what was expected. */
import { CallFailed } from "../client/administration.ts";

/** What a person can do something about; the message says what. */
export class CommandFailed extends Error {}

/** Wraps a command's action. What is not an expected failure is a bug, and shows its stack. */
export function reportingFailure<Arguments extends unknown[]>(
  action: (...given: Arguments) => Promise<void>,
): (...given: Arguments) => Promise<void> {
  return async (...given) => {
    try {
      await action(...given);
    } catch (error) {
      if (!isExpected(error)) throw error;
      console.error(`urna: ${error.message}`);
      process.exitCode = 1;
    }
  };
}

/** Errors of the operating system carry a code: a file that is not there, a disk that is full. */
function isExpected(error: unknown): error is Error {
  if (error instanceof CommandFailed || error instanceof CallFailed) return true;
  return error instanceof Error && "syscall" in error;
}
