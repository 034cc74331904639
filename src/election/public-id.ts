/** Public ids: what elections and contests are called in URLs, a short slug or a uuid. */

export const PUBLIC_ID = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** Whether anything can have this id at all: what comes in a URL may be any text. */
export function isPublicId(text: string): boolean {
  return PUBLIC_ID.test(text);
}
