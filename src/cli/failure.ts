/** How a command fails: it throws, and the program prints one line and exits with 1. */

/** What a person can do something about; the message says what. */
export class CommandFailed extends Error {}
