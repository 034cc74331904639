/** Voter ids: whatever the organiser calls its voters. Taken byte for byte, since a voter key is made of them. */

export const VOTER_ID_BYTES_MAX = 512;

/** Why a text is no voter id, in words, or null when it is. */
export function voterIdFault(text: string): string | null {
  if (text === "") return "a voter id must not be empty";
  if (Buffer.byteLength(text) > VOTER_ID_BYTES_MAX) {
    return `a voter id has at most ${VOTER_ID_BYTES_MAX} bytes`;
  }
  // Half of a surrogate pair has no UTF-8, and what stands in for it is the same for all of them.
  return text.isWellFormed() ? null : "a voter id must be well-formed Unicode";
}
