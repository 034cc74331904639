/** The end of a role is the end of its process. */

/**
 * Every request was answered by then, or took longer than the role had to stop and was cut. What is left are attempts to
 * learn the outcome of batches whose voters were told that it is unknown, and connections to servers that do not answer.
 */
export async function endAfter(role: Promise<void>): Promise<never> {
  await role;
  process.exit(0);
}
