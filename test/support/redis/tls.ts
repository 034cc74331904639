/** TLS for a Redis under test. Its key is no secret. */
import { join } from "node:path";
import { freePort } from "../free-port.ts";

/** For localhost and 127.0.0.1, until 2126, signed by itself. */
export const CERTIFICATE = join(import.meta.dir, "tls/certificate.pem");
const KEY = join(import.meta.dir, "tls/key.pem");

/** Settings of a server that takes TLS at a port of its own. */
export async function tlsSettings() {
  return {
    "tls-port": await freePort(),
    "tls-cert-file": CERTIFICATE,
    "tls-key-file": KEY,
    "tls-ca-cert-file": CERTIFICATE,
    "tls-auth-clients": "no",
  };
}
