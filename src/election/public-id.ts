/** Public ids: what elections and contests are called in URLs, a short slug or a uuid. */

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const PUBLIC_ID = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** Whether anything can have this id at all: what comes in a URL may be any text. */
export function isPublicId(text: string): boolean {
  return PUBLIC_ID.test(text);
}

/** In the one way of writing them that identifiers here have: lower case, with hyphens (RFC 9562, section 4). */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
