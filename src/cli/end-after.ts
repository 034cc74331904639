/** The end of a role is the end of its process. */

/**
 * Everything that was promised has been kept or told by then. What is left are attempts to learn the outcome of
 * batches whose voters were told that it is unknown, and connections to servers that do not answer.
 */
export async function endAfter(role: Promise<void>): Promise<never> {
  await role;
  process.exit(0);
}
