/** HMAC-SHA-256 (RFC 2104). */

/** 32 bytes. The runtime's own hasher: with node:crypto's, a stream, reading a token took 1.1 µs instead of 0.75. */
export function hmacSha256(key: Buffer, message: Uint8Array): Buffer {
  return new Bun.CryptoHasher("sha256", key).update(message).digest();
}
