/** HMAC-SHA-256 (RFC 2104). */

/** 32 bytes. The runtime's own hasher: node:crypto's is a stream, and took twice as long a ballot (measured). */
export function hmacSha256(key: Buffer, message: Uint8Array): Buffer {
  return new Bun.CryptoHasher("sha256", key).update(message).digest();
}
