/** Uuids as text and as their 16 bytes. */

export const UUID_BYTES = 16;

/** A uuid's 16 bytes, from its text with or without hyphens. */
export function uuidToBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll("-", ""), "hex");
}

/** The hyphenated text of a uuid's 16 bytes. */
export function bytesToUuid(bytes: Buffer): string {
  return hexToUuid(bytes.toString("hex"));
}

/** The hyphenated text of a uuid's 32 hexadecimal digits. */
export function hexToUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
